/**
 * This project against PyTorch on the same shape. Both sides are whole processes, started anew for every round and each with its own warm-up, so
 * neither inherits memory, clocks or compiled code from the other; they take turns, so that a machine that slows down slows both.
 */
import { UserError } from "../base/errors.js";
import { WARM_UP } from "./measure.js";
import { lastWords, runProcess } from "./process.js";
import type { BenchReport, TorchComparison, TorchMode } from "./report.js";
import { tokensPerStep } from "./shape.js";
import { middleOf, spreadOf } from "./statistics.js";
import { checkPeer, type Peer, type PeerResult, runPeer, type TorchModeName } from "./torch.js";

export interface CompareOptions {
  readonly peer: Peer;
  readonly modes: readonly TorchModeName[];
  readonly rounds: number;
  /** Program and arguments that measure our side and print its report as JSON. */
  readonly own: readonly string[];
  readonly onProgress: (text: string) => void;
}

/** One round: ours, then every mode of theirs. */
interface Round {
  readonly ours: BenchReport;
  readonly theirs: readonly PeerResult[];
}

/** Our middle round's report, with the comparison in it. @throws UserError when PyTorch's side cannot run. */
export async function compareWithTorch(options: CompareOptions): Promise<BenchReport> {
  const { peer, modes, rounds: count, onProgress } = options;
  await checkPeer(peer, (seconds) => onProgress(`looking for PyTorch, ${seconds} s`));
  const rounds: Round[] = [];
  for (let round = 1; round <= count; round++) {
    const tick = (side: string) => (seconds: number) => onProgress(`round ${round} of ${count}, ${side}, ${seconds} s`);
    const ours = await runOwn(options.own, tick("hephaestus"));
    const theirs: PeerResult[] = [];
    for (const mode of modes) theirs.push(await runPeer(peer, mode, tick(`PyTorch ${mode}`)));
    rounds.push({ ours, theirs });
  }
  const middle = rounds[middleOf(rounds.map(({ ours }) => ours.stepMs.median))].ours;
  checkSameModel(middle, rounds);
  return { ...middle, torch: summarize(rounds, modes, tokensPerStep(peer.shape)) };
}

/** The ratios of rounds that have run. @param tokens of a step. */
export function summarize(rounds: readonly Round[], modes: readonly TorchModeName[], tokens: number): TorchComparison {
  const ours = rounds.map((round) => round.ours.stepMs.median);
  const stepMs = spreadOf(ours);
  return {
    rounds: rounds.length,
    method: `each round runs every side in a process of its own, in turn, with ${WARM_UP} untimed steps; a round counts by its median step`,
    stepMs,
    modes: modes.map((mode, index): TorchMode => {
      const results = rounds.map(({ theirs }) => theirs[index]);
      const { peer, device, threads } = results[0];
      const their = spreadOf(results.map(({ msPerStep }) => msPerStep));
      return {
        ...{ mode, peer, device, threads, stepMs: their },
        tokensPerSecond: (1000 * tokens) / their.median,
        ratio: their.median / stepMs.median,
        ratios: spreadOf(results.map(({ msPerStep }, round) => msPerStep / ours[round])),
      };
    }),
  };
}

async function runOwn(own: readonly string[], onTick: (seconds: number) => void): Promise<BenchReport> {
  const ended = await runProcess(own, onTick);
  if (ended.code === 0) return readReport(ended.stdout);
  const what = "our side failed in a process of its own";
  if (ended.code === 2) throw new UserError({ what, got: lastWords(ended), hint: "run bench without --compare-torch" });
  throw new Error(`${what}: ${lastWords(ended, 20)}`);
}

/** Libraries may print before the report. */
function readReport(stdout: string): BenchReport {
  const report: BenchReport = JSON.parse(stdout.slice(Math.max(0, stdout.search(/^\{/m))));
  if (!(report.stepMs?.median > 0)) throw new Error(`this is not a report: ${stdout.slice(0, 200)}`);
  return report;
}

/** Two sides that train different models would compare nothing. */
function checkSameModel({ parameters }: BenchReport, rounds: readonly Round[]): void {
  for (const their of rounds.flatMap(({ theirs }) => theirs))
    if (their.parameters !== parameters)
      throw new Error(`${their.peer} trains ${their.parameters} parameters, this project ${parameters}`);
}
