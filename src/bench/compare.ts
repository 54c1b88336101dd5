/**
 * Our engine against others on the same shape: PyTorch, or another engine of this project. All sides are whole processes, started anew for
 * every round and each with its own warm-up, so none inherits memory, clocks or compiled code from another; they take turns, so that a
 * machine that slows down slows all.
 */
import { UserError } from "../base/errors.js";
import type { EngineName } from "../engine/select.js";
import { WARM_UP } from "./measure.js";
import { lastWords, runProcess } from "./process.js";
import type { BenchReport, ComparedSide, Comparison } from "./report.js";
import { tokensPerStep } from "./shape.js";
import { middleOf, spreadOf } from "./statistics.js";
import { checkPeer, type Peer, type PeerResult, runPeer, type TorchModeName, torchTarget } from "./torch.js";

export interface CompareOptions {
  /** Engines of this project beside the one that is measured. */
  readonly engines: readonly EngineName[];
  readonly torch: { readonly peer: Peer; readonly modes: readonly TorchModeName[] } | null;
  readonly rounds: number;
  /** Program and arguments that measure our side and print its report as JSON; an `--engine` at their end makes it another engine. */
  readonly own: readonly string[];
  readonly onProgress: (text: string) => void;
}

export type SideResult = Omit<PeerResult, "peer" | "threads"> & Pick<ComparedSide, "peer" | "threads">;

/** One of the others. */
interface Side {
  readonly mode: string;
  readonly group: "engines" | "torch";
  readonly label: string;
  /** @param ours what our side has just reported. */
  run(onTick: (seconds: number) => void, ours: BenchReport): Promise<SideResult>;
}

/** One round: ours, then every other side. */
interface Round {
  readonly ours: BenchReport;
  readonly theirs: readonly SideResult[];
}

/** Our middle round's report, with the comparisons in it. @throws UserError when a side cannot run. */
export async function compare(options: CompareOptions): Promise<BenchReport> {
  const { torch, rounds: count, own, onProgress } = options;
  if (torch !== null) await checkPeer(torch.peer, (seconds) => onProgress(`looking for PyTorch, ${seconds} s`));
  const sides = sidesOf(options);
  const rounds: Round[] = [];
  for (let round = 1; round <= count; round++) {
    const tick = (side: string) => (seconds: number) => onProgress(`round ${round} of ${count}, ${side}, ${seconds} s`);
    const ours = await runOwn(own, tick("hephaestus"));
    const theirs: SideResult[] = [];
    for (const side of sides) theirs.push(await side.run(tick(side.label), ours));
    rounds.push({ ours, theirs });
  }
  const middle = rounds[middleOf(rounds.map(({ ours }) => ours.stepMs.median))].ours;
  checkSameModel(middle, sides, rounds);
  const comparison = (group: Side["group"]): Comparison | null => {
    const chosen = sides.flatMap((side, index) => (side.group === group ? [{ mode: side.mode, index }] : []));
    return chosen.length === 0 ? null : summarize(rounds, chosen, tokensPerStep(middle.shape));
  };
  return { ...middle, torch: comparison("torch"), engines: comparison("engines") };
}

function sidesOf({ engines, torch, own }: CompareOptions): Side[] {
  return [
    ...engines.map(
      (name): Side => ({
        ...{ mode: name, group: "engines", label: name },
        run: async (onTick) => resultOf(await runOwn([...own, `--engine=${name}`], onTick)),
      }),
    ),
    ...(torch === null
      ? []
      : torch.modes.map(
          (mode): Side => ({
            ...{ mode, group: "torch", label: `PyTorch ${mode}` },
            run: (onTick, ours) => runPeer(torch.peer, mode, onTick, torchTarget(ours, torch.peer.dtype)),
          }),
        )),
  ];
}

function resultOf({ engine, stepMs, parameters, memory: { peakBytes } }: BenchReport): SideResult {
  return {
    peer: null,
    device: engine.device,
    threads: engine.threads,
    msPerStep: stepMs.median,
    parameters,
    peakBytes,
  };
}

/**
 * The ratios of rounds that have run.
 * @param sides modes, and the places of their results in a round.
 * @param tokens of a step.
 */
export function summarize(
  rounds: readonly Round[],
  sides: readonly { readonly mode: string; readonly index: number }[],
  tokens: number,
): Comparison {
  const ours = rounds.map((round) => round.ours.stepMs.median);
  const stepMs = spreadOf(ours);
  return {
    rounds: rounds.length,
    method: `each round runs every side in a process of its own, in turn, with up to ${WARM_UP} untimed steps; a round counts by its median step`,
    stepMs,
    modes: sides.map(({ mode, index }): ComparedSide => {
      const results = rounds.map(({ theirs }) => theirs[index]);
      const { peer, device, threads } = results[0];
      const their = spreadOf(results.map(({ msPerStep }) => msPerStep));
      return {
        ...{ mode, peer, device, threads, stepMs: their, peakBytes: mostOf(results.map((one) => one.peakBytes)) },
        tokensPerSecond: (1000 * tokens) / their.median,
        ratio: their.median / stepMs.median,
        ratios: spreadOf(results.map(({ msPerStep }, round) => msPerStep / ours[round])),
      };
    }),
  };
}

function mostOf(values: readonly (number | null)[]): number | null {
  return values.reduce((most, value) => (most === null || value === null ? null : Math.max(most, value)), values[0]);
}

/** Runs our side in a process of its own. @throws UserError when it fails. */
export async function runOwn(own: readonly string[], onTick: (seconds: number) => void): Promise<BenchReport> {
  const ended = await runProcess(own, onTick);
  if (ended.code === 0) return readReport(ended.stdout);
  const what = "our side failed in a process of its own";
  if (ended.code === 2) throw new UserError({ what, got: lastWords(ended), hint: "run bench without a comparison" });
  throw new Error(`${what}: ${lastWords(ended, 20)}`);
}

/** Libraries may print before the report. */
function readReport(stdout: string): BenchReport {
  const report: BenchReport = JSON.parse(stdout.slice(Math.max(0, stdout.search(/^\{/m))));
  if (!(report.stepMs?.median > 0)) throw new Error(`this is not a report: ${stdout.slice(0, 200)}`);
  return report;
}

/** Two sides that train different models would compare nothing. */
function checkSameModel({ parameters }: BenchReport, sides: readonly Side[], rounds: readonly Round[]): void {
  for (const { theirs } of rounds)
    theirs.forEach((their, index) => {
      if (their.parameters !== parameters)
        throw new Error(
          `${their.peer ?? sides[index].mode} trains ${their.parameters} parameters, this project ${parameters}`,
        );
    });
}
