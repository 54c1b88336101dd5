/** What a bench found. `--json` prints exactly this. */
import type { EngineDescription } from "../engine/engine.js";
import type { DeviceMemory } from "../engine/native/device.js";
import type { PrecisionName } from "../engine/native/precision.js";
import type { PeakPrediction } from "./prediction.js";
import type { Ceiling, CopyCeiling, OperationTime } from "./profiled.js";
import type { BenchShape } from "./shape.js";
import type { Spread } from "./statistics.js";

/** How model FLOPs are counted; formula and source in `model/costs.ts`. */
export const FLOPS_CONVENTION = "6·N_matmul + causal half of attention, per token; recomputation does not count";

export interface BenchReport {
  readonly shape: BenchShape;
  /** `threads` is null where the engine does not tell; `why` says how it was chosen. */
  readonly engine: EngineDescription & { readonly threads: number | null; readonly why: string };
  /** Precision and the optimizer's, where the engine leaves a choice. */
  readonly mode: PrecisionName | null;
  readonly parameters: number;
  readonly tokensPerStep: number;
  readonly flopsPerToken: number;
  readonly flopsConvention: string;
  /** Timed steps, after `warmUp` untimed ones. */
  readonly steps: number;
  readonly warmUp: number;
  /** Until the engine was open and its weights loaded. */
  readonly openMs: number;
  readonly firstStepMs: number;
  /** The same with nothing compiled or chosen before, in a process of its own; null unless it was asked for. */
  readonly cold: { readonly openMs: number; readonly firstStepMs: number } | null;
  /** What copying weights and moments out takes, and how much longer a step beside it is; null unless it was asked for. */
  readonly saving: { readonly copyMs: number; readonly stallMs: number } | null;
  readonly loss: FirstLoss;
  readonly stepMs: Spread;
  /** At the median step, as is the next. */
  readonly tokensPerSecond: number;
  readonly flopsPerSecond: number;
  /** Measured after the steps; null for an engine that cannot run a product by itself. */
  readonly ceiling: Ceiling | null;
  readonly ceilingShare: number | null;
  readonly copyCeiling: CopyCeiling | null;
  /** What the card's data sheet promises, and how much of it the step's FLOP/s are; null where that is unknown or does not apply. */
  readonly peak: { readonly card: string; readonly flopsPerSecond: number; readonly share: number } | null;
  /** Of one step, most time first, from steps of their own after the timed ones; null for an engine that does not tell. */
  readonly operations: readonly MeasuredOperation[] | null;
  /** Sum over the operations; null unless every one of them knows. */
  readonly bytesPerStep: number | null;
  readonly memory: BenchMemory;
  /** PyTorch in its modes, null unless it was asked for. */
  readonly torch: Comparison | null;
  /** Other engines of this project, null unless they were asked for. */
  readonly engines: Comparison | null;
}

export interface FirstLoss {
  /** Mean of the first step, in nats per token; null when it is not a number. */
  readonly first: number | null;
  /** ln V, and half the variance that the logits of new weights have. */
  readonly expected: number;
  readonly sane: boolean;
}

export interface MeasuredOperation extends OperationTime {
  /** The larger of its bytes at the speed of a copy and its FLOPs at that of a product; null where one of these is unknown. */
  readonly floorMs: number | null;
}

export interface BenchMemory extends PeakPrediction {
  /** Of the whole process until the last timed step, or of the card where the prediction is for one. */
  readonly peakBytes: number;
  /** peak / predicted total. */
  readonly ratio: number;
  /** After the last timed step; null for an engine that computes in the process's memory. */
  readonly device: DeviceMemory | null;
}

/** Our side beside others that ran in the same call, in turn. */
export interface Comparison {
  /** Processes of each side. */
  readonly rounds: number;
  readonly method: string;
  /** Our rounds' medians; the rest of the report is of the round in their middle. */
  readonly stepMs: Spread;
  readonly modes: readonly ComparedSide[];
}

export interface ComparedSide {
  /** Such as `compile`, or an engine's name. */
  readonly mode: string;
  /** Such as `pytorch 2.13.0+cpu`; null for an engine of this project. */
  readonly peer: string | null;
  readonly device: string;
  readonly threads: number | null;
  /** The most that a process of it held: on a card what its allocator gave out; null where it does not tell. */
  readonly peakBytes: number | null;
  /** The rounds' medians. */
  readonly stepMs: Spread;
  readonly tokensPerSecond: number;
  /** Ours over theirs, in tokens per second: the ratio of the two medians; above 1 we are faster. */
  readonly ratio: number;
  /** The same of each round with its neighbour in time. */
  readonly ratios: Spread;
}
