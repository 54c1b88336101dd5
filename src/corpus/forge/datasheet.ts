/** The datasheet of a corpus: what is in it, where it comes from, what was left out and why. Plain numbers, the same for the same plan. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { exists, readJson } from "../../base/files.js";
import type { ForgePlan, ForgeSource } from "../../config/forge-plan.js";
import { STEP_REPORT, type StepReport } from "../step-report.js";
import {
  type Account,
  accountFromJson,
  BREAKDOWNS,
  type Breakdown,
  type Extent,
  operationsByHost,
  sumAccounts,
} from "./account.js";
import { ACCOUNT_FILE } from "./domains-step.js";
import type { Listing } from "./listing.js";
import { type Amount, sumTallies, type Tally, total } from "./tally.js";
import { finishedTask } from "./task-folder.js";
import { type PlacedPhase, taskFolder, tasksOf } from "./tasks.js";

export interface SourceSheet {
  readonly name: string;
  readonly kind: string;
  /** `name@version` of a package, or paths. */
  readonly from: string;
  readonly licence: string | null;
  readonly domain: string;
  readonly files: number;
  readonly bytes: number;
  readonly read: Amount;
  /** What is left of it after the last step. */
  readonly left: Amount;
}

export interface StepSheet {
  readonly name: string;
  readonly settings: unknown;
  readonly kept: Amount;
  readonly dropped: Amount;
  /** Documents by why they were dropped, most first. */
  readonly reasons: Readonly<Record<string, Amount>>;
  readonly rejected: Readonly<Record<string, number>>;
  readonly examples: Tally["examples"];
  readonly counts: Readonly<Record<string, number>>;
  readonly report: StepReport | null;
}

export interface Datasheet {
  /** Of everything that decides the corpus. */
  readonly fingerprint: string;
  /** Whether tokens were counted; otherwise they are a quarter of the bytes. */
  readonly tokenizer: string | null;
  readonly total: Extent;
  readonly by: Readonly<Record<Breakdown, Readonly<Record<string, Extent>>>>;
  readonly operations: {
    readonly distinct: number;
    readonly hosts: number;
    readonly largest: readonly (readonly [string, number])[];
  };
  /** Documents by domain and by the power of two below their bytes. */
  readonly lengths: Readonly<Record<string, readonly number[]>>;
  readonly sources: readonly SourceSheet[];
  readonly steps: readonly StepSheet[];
}

/** Bytes of English or code that a token of a usual vocabulary stands for, roughly. */
export const BYTES_PER_TOKEN = 4;
const SHOWN_HOSTS = 20;

/** Reads the finished work of all steps. */
export async function makeDatasheet(
  plan: ForgePlan,
  listing: Listing,
  phases: readonly PlacedPhase[],
): Promise<Datasheet> {
  const last = phases.at(-1);
  if (last === undefined) throw new Error("a forge has steps");
  const account = await readAccount(last, plan);
  const steps = await Promise.all(stepsOf(phases).map((step) => stepSheet(step, plan.partitions)));
  const hosts = operationsByHost(account.operations);
  const { total, by, lengths } = withEstimates(account, plan.tokenizer !== null);
  return {
    fingerprint: last.fingerprint,
    tokenizer: plan.tokenizer,
    total,
    by,
    operations: { distinct: account.operations.size, hosts: hosts.length, largest: hosts.slice(0, SHOWN_HOSTS) },
    lengths,
    sources: plan.sources.map((source) => sourceSheet(source, listing, steps, account)),
    steps: steps.map(({ tally: _, ...sheet }) => sheet),
  };
}

async function readAccount(last: PlacedPhase, { partitions }: ForgePlan): Promise<Account> {
  const parts: Account[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const text = await readFile(join(taskFolder(last.folder, partition), ACCOUNT_FILE), "utf8");
    parts.push(accountFromJson(JSON.parse(text)));
  }
  return sumAccounts(parts);
}

function withEstimates({ total, by, lengths }: Account, counted: boolean): Pick<Datasheet, "total" | "by" | "lengths"> {
  if (counted) return { total, by, lengths };
  const estimate = (extent: Extent): Extent => ({ ...extent, tokens: Math.round(extent.bytes / BYTES_PER_TOKEN) });
  const all = BREAKDOWNS.map((breakdown) => [
    breakdown,
    Object.fromEntries(Object.entries(by[breakdown]).map(([name, extent]) => [name, estimate(extent)])),
  ]);
  return { total: estimate(total), by: Object.fromEntries(all) as Datasheet["by"], lengths };
}

/** The phases of each step. */
function stepsOf(phases: readonly PlacedPhase[]): PlacedPhase[][] {
  const steps = new Map<string, PlacedPhase[]>();
  for (const placed of phases) steps.set(placed.step.name, [...(steps.get(placed.step.name) ?? []), placed]);
  // The last one writes what the step before it kept.
  return [...steps.values()].slice(0, -1);
}

async function stepSheet(phases: readonly PlacedPhase[], partitions: number): Promise<StepSheet & { tally: Tally }> {
  const tallies: Tally[] = [];
  let report: StepReport | null = null;
  for (const placed of phases) {
    for (const partition of tasksOf(placed, partitions)) {
      const record = await finishedTask(taskFolder(placed.folder, partition), placed.fingerprint);
      if (record !== null) tallies.push(record.tally);
    }
    const path = join(taskFolder(placed.folder, null), STEP_REPORT);
    if (placed.phase.each === "corpus" && (await exists(path))) report = (await readJson(path)) as StepReport;
  }
  const tally = sumTallies(tallies);
  const reasons = Object.fromEntries(Object.entries(tally.reasons).sort(([, a], [, b]) => b.documents - a.documents));
  const { name, settings } = phases[0].step;
  const { rejected, examples, counts } = tally;
  return {
    name,
    settings,
    kept: total(tally.kept),
    dropped: total(tally.dropped),
    reasons,
    rejected,
    examples,
    counts,
    report,
    tally,
  };
}

const NOTHING: Amount = { documents: 0, bytes: 0 };

function sourceSheet(
  { name, kind, from, licence, domain }: ForgeSource,
  listing: Listing,
  steps: readonly { tally: Tally }[],
  account: Account,
): SourceSheet {
  const listed = listing.sources.find((each) => each.name === name);
  const left = account.by.source[name];
  return {
    ...{ name, kind, licence, domain },
    from: "pinned" in from ? `${from.pinned.name}@${from.pinned.version}` : from.paths.join(", "),
    files: listed?.files ?? 0,
    bytes: listed?.bytes ?? 0,
    read: steps[0].tally.kept[name] ?? NOTHING,
    left: left === undefined ? NOTHING : { documents: left.documents, bytes: left.bytes },
  };
}
