/** `hephaestus forge`: sources into domain files, step by step, and the datasheet of what came out. */
import { availableParallelism } from "node:os";
import { lockFolder } from "../base/folder-lock.js";
import { formatBytes, formatCount, formatSeconds, formatTable } from "../base/format.js";
import type { ForgePlan } from "../config/forge-plan.js";
import { type Datasheet, makeDatasheet } from "../corpus/forge/datasheet.js";
import { type Listing, listSources } from "../corpus/forge/listing.js";
import { packageRoots } from "../corpus/forge/packages.js";
import { checkOutput, publish } from "../corpus/forge/publish.js";
import { summary } from "../corpus/forge/render-datasheet.js";
import { isFinished, type Part, type PhaseOutcome, type PhaseProgress, runForge } from "../corpus/forge/run.js";
import { type SampleChoice, sampleStep } from "../corpus/forge/sample.js";
import { forgePhases } from "../corpus/forge/steps.js";
import { sumTallies, total } from "../corpus/forge/tally.js";
import { openTaskPool } from "../corpus/forge/task-pool.js";

export interface ForgeOptions {
  readonly part: Part;
  /** Threads; null: one for each core. */
  readonly workers: number | null;
  readonly phase: string | null;
  readonly until: string | null;
  /** Takes one line at a time. */
  readonly write: (line: string) => void;
  /** Takes the text of a live line. */
  readonly progress: (text: string) => void;
}

export interface ForgeReport {
  readonly outcomes: readonly PhaseOutcome[];
  /** Null where other parts or later steps are still to come. */
  readonly sheet: Datasheet | null;
}

/**
 * Does what is not done yet. Stopped at any moment, what is finished stands, and the next run goes on from there to the same corpus.
 * @throws UserError for whatever the user can put right.
 */
export async function forge(plan: ForgePlan, options: ForgeOptions): Promise<ForgeReport> {
  const { part, workers, write, progress } = options;
  await using _lock = await lockFolder(
    plan.work,
    part.of === 1 ? "forge" : `forge-part-${part.index + 1}-of-${part.of}`,
  );
  await checkOutput(plan);
  const listing = await list(plan, options);
  for (const { name, files, bytes, units } of listing.sources)
    write(`${name}: ${files} files, ${formatBytes(bytes)}, ${units.length} units`);
  const phases = await forgePhases(plan, listing);
  await using pool = openTaskPool({ plan, listing }, phases, workers ?? availableParallelism());
  const outcomes = await runForge(phases, plan.partitions, pool, {
    ...options,
    onProgress: (state) => progress(progressText(state)),
    onPhase: (outcome) => write(phaseText(outcome)),
  });
  const last = phases[phases.length - 1];
  // A phase run alone knows nothing of other parts; whoever runs the last step as a whole, or as the first of its parts, publishes.
  if (outcomes.at(-1)?.placed.name !== last.name || part.index !== 0 || !(await isFinished(last, plan.partitions)))
    return { outcomes, sheet: null };
  const sheet = await makeDatasheet(plan, listing, phases);
  const written = await publish(plan, last, sheet);
  for (const line of formatTable(throughput(outcomes))) write(line);
  for (const line of summary(sheet)) write(line);
  write(`${plan.output}: ${written ? "written" : "up to date"}; datasheet.md and report.html tell the rest`);
  return { outcomes, sheet };
}

async function list(plan: ForgePlan, { write }: Pick<ForgeOptions, "write">): Promise<Listing> {
  return listSources(plan, packageRoots(plan.cache, write));
}

/** The names of all phases, in order, each with how often it runs: what a driver of many machines needs to know. */
export async function forgePhaseNames(plan: ForgePlan, options: Pick<ForgeOptions, "write">): Promise<string[]> {
  const phases = await forgePhases(plan, await list(plan, options));
  return phases.map(({ name, phase }) => `${name}\t${phase.each === "corpus" ? 1 : plan.partitions}`);
}

/** Writes random documents of a step, each under a line that says where it comes from. */
export async function forgeSample(
  plan: ForgePlan,
  choice: SampleChoice,
  options: Pick<ForgeOptions, "write">,
): Promise<void> {
  const phases = await forgePhases(plan, await list(plan, options));
  for (const document of await sampleStep(phases, plan.partitions, choice)) {
    const { source, origin, domain, form, style, licence, text } = document;
    const why =
      "reason" in document
        ? `, dropped: ${document.reason}${document.detail === null ? "" : ` (${document.detail})`}`
        : "";
    options.write(
      `=== ${source}/${origin} [${domain}, ${form}${style === null ? "" : ` ${style}`}, ${licence ?? "licence unknown"}${why}]`,
    );
    options.write(`${text}\n`);
  }
}

function progressText({ phase, shares, seconds, waitingFor }: PhaseProgress): string {
  if (waitingFor > 0) return `${phase.name}: waiting for ${waitingFor} tasks of other parts, ${formatSeconds(seconds)}`;
  const done = shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
  const left = done > 0 ? `, about ${formatSeconds((seconds * (1 - done)) / done)} left` : "";
  return `${phase.name}: ${(100 * done).toFixed(0)} % of ${shares.length} tasks, ${formatSeconds(seconds)}${left}`;
}

function phaseText({ placed, ran, stood, seconds, records }: PhaseOutcome): string {
  if (ran === 0) return `${placed.name}: up to date`;
  const tally = sumTallies(records.map((record) => record.tally));
  const [kept, dropped] = [total(tally.kept), total(tally.dropped)];
  const rejected = Object.values(tally.rejected).reduce((sum, count) => sum + count, 0);
  const parts = [
    `${placed.name}: ${ran} tasks in ${formatSeconds(seconds)}${stood > 0 ? `, ${stood} stood already` : ""}`,
    ...(placed.keeps ? [`kept ${formatCount(kept.documents)} documents, ${formatBytes(kept.bytes)}`] : []),
    ...(dropped.documents > 0 ? [`dropped ${formatCount(dropped.documents)}, ${formatBytes(dropped.bytes)}`] : []),
    ...(rejected > 0 ? [`rejected ${formatCount(rejected)} records`] : []),
  ];
  return parts.join("; ");
}

/** Each step's time over all tasks, and the text that it read per second of one thread. */
function throughput(outcomes: readonly PhaseOutcome[]): string[][] {
  const steps = new Map<string, { seconds: number; wall: number; bytes: number }>();
  for (const { placed, records, seconds } of outcomes) {
    const step = steps.get(placed.step.name) ?? { seconds: 0, wall: 0, bytes: 0 };
    steps.set(placed.step.name, step);
    step.wall += seconds;
    step.seconds += records.reduce((sum, record) => sum + record.seconds, 0);
    const tally = sumTallies(records.map((record) => record.tally));
    step.bytes += total(tally.kept).bytes + total(tally.dropped).bytes;
  }
  const rows = [...steps].map(([name, { seconds, wall, bytes }]) => [
    ...[name, formatSeconds(wall), formatSeconds(seconds), formatBytes(bytes)],
    bytes === 0 ? "" : (bytes / 1e6 / seconds).toFixed(1),
  ]);
  return [["step", "this run", "in all tasks", "text", "MB/s per thread"], ...rows];
}
