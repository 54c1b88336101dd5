/** One engine on one shape, in this process: speed, ceiling, operations, memory. */
import { collectGarbage } from "../base/garbage.js";
import type { Engine } from "../engine/engine.js";
import type { Recomputation } from "../engine/native/activations.js";
import { shortageOf } from "../engine/native/recomputation.js";
import { createEngine, type EngineKind, engineThatRuns, type SelectedEngine } from "../engine/select.js";
import { flopsPerToken, type Workload } from "../model/costs.js";
import { initialWeights } from "../model/initialise.js";
import { countParameters, parameterTable } from "../model/parameters.js";
import { peakResidentBytes } from "./memory.js";
import { type MemoryRequest, type PeakPrediction, predictPeak } from "./prediction.js";
import { type Ceiling, type OperationTime, type Product, profiled } from "./profiled.js";
import { type BenchReport, FLOPS_CONVENTION } from "./report.js";
import { type BenchShape, tokensPerStep } from "./shape.js";
import { type Spread, spreadOf } from "./statistics.js";
import { BATCHES, madeUpBatches, type TimedSteps, timeSteps } from "./steps.js";

/** Untimed steps: compilation, caches, clocks. As many on PyTorch's side. */
export const WARM_UP = 4;
const PROFILE_STEPS = 3;

/** As on PyTorch's side; no value here changes the amount of work. */
const OPTIMIZER = { learningRate: 1e-4, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
const CLIP = 1;

export interface MeasureOptions {
  readonly kind: EngineKind;
  readonly memory: MemoryRequest;
  /** Timed steps. */
  readonly steps: number;
  readonly onProgress: (text: string) => void;
  /** How an engine is had; tests give their own. */
  readonly open?: (shape: BenchShape, kind: EngineKind, recomputation?: Recomputation) => Promise<SelectedEngine>;
}

/** @throws UserError when there is not enough memory, for an engine that plans it. */
export async function measure(shape: BenchShape, options: MeasureOptions): Promise<BenchReport> {
  const { steps, onProgress, open = openEngine } = options;
  const { architecture, accumulate } = shape;
  const table = parameterTable(architecture);
  const run = { batches: madeUpBatches(shape, architecture.vocabulary), accumulate, optimizer: OPTIMIZER, clip: CLIP };
  const predicted = (engine: string): PeakPrediction => predictPeak(engine, workloadOf(shape), options.memory);
  const recomputation = await recomputationFor(options.kind, predicted);
  const started = performance.now();
  onProgress("opening the engine");
  const { engine: made, why } = await open(shape, options.kind, recomputation);
  using engine = profiled(made);
  // Memory that the engine has allocated and not touched is not resident yet, but what `auto` loaded to look for better ones is.
  const prediction = predicted(engine.describe().name);
  engine.load(initialWeights(table, 0));
  const openMs = performance.now() - started;
  // As a run does: the weights were copied in.
  collectGarbage();
  const times = await timePhases(engine, { ...run, steps }, onProgress);
  // Read before anything that a run would not do.
  const peakBytes = peakResidentBytes();
  const operations = await profile(engine, { ...run, steps: PROFILE_STEPS, first: WARM_UP + steps });
  onProgress("measuring the ceiling");
  const ceiling: Ceiling | null = (await engine.matmulCeiling?.(largestProduct(shape))) ?? null;
  const speed = speedOf(shape, times.stepMs);
  return {
    shape,
    engine: { ...engine.describe(), threads: engine.threads ?? null, why },
    parameters: countParameters(table),
    ...{ steps, warmUp: WARM_UP, openMs, ...times, ...speed },
    ceiling,
    ceilingShare: ceiling === null ? null : speed.flopsPerSecond / ceiling.flopsPerSecond,
    operations,
    bytesPerStep: operations === null ? null : totalBytes(operations),
    memory: { ...prediction, peakBytes, ratio: peakBytes / prediction.total },
    torch: null,
    engines: null,
  };
}

/** What the engine is to compute again, should it plan its memory. Which one `auto` finds is looked up only when memory is short. */
async function recomputationFor(
  kind: EngineKind,
  predicted: (engine: string) => PeakPrediction,
): Promise<Recomputation | undefined> {
  const { choice } = predicted(kind === "auto" ? "native-cpu" : kind);
  if (choice === null || choice.fits) return choice?.recomputation;
  const planned = predicted(await engineThatRuns({ kind })).choice;
  if (planned !== null) throw shortageOf(planned, "--shape");
  return undefined;
}

function workloadOf({ architecture, rows, length }: BenchShape): Workload {
  return {
    architecture,
    training: [{ rows, length }],
    evaluation: [],
    checkpoints: false,
    tokensAhead: BATCHES * rows * length,
  };
}

/** Warm-up, of which the first step counts for itself, then the timed steps. */
async function timePhases(
  engine: Engine,
  run: TimedSteps,
  onProgress: (text: string) => void,
): Promise<Pick<BenchReport, "firstStepMs" | "stepMs">> {
  const showing = (what: string, all: number) => (done: number) => onProgress(`${what} ${done} of ${all}`);
  onProgress("first step");
  const [firstStepMs] = await timeSteps(engine, { ...run, steps: 1 });
  const untimed = WARM_UP - 1;
  await timeSteps(engine, { ...run, steps: untimed, first: 1, onStep: showing("warm-up step", untimed) });
  const times = await timeSteps(engine, { ...run, first: WARM_UP, onStep: showing("step", run.steps) });
  return { firstStepMs, stepMs: spreadOf(times) };
}

/** At the median step. */
function speedOf(shape: BenchShape, stepMs: Spread) {
  const tokens = tokensPerStep(shape);
  const tokensPerSecond = (1000 * tokens) / stepMs.median;
  const flops = flopsPerToken(shape.architecture, shape.length);
  return {
    tokensPerStep: tokens,
    tokensPerSecond,
    flopsPerToken: flops,
    flopsConvention: FLOPS_CONVENTION,
    flopsPerSecond: tokensPerSecond * flops,
  };
}

function openEngine(
  { architecture }: BenchShape,
  kind: EngineKind,
  recomputation?: Recomputation,
): Promise<SelectedEngine> {
  return createEngine(architecture, undefined, { kind, ...(recomputation === undefined ? {} : { recomputation }) });
}

/** Of one step. Steps of their own, since clocks around operations may cost time. */
async function profile(engine: ReturnType<typeof profiled>, run: TimedSteps): Promise<OperationTime[] | null> {
  if (engine.profile === undefined) return null;
  engine.profile();
  await timeSteps(engine, run);
  const perStep = (value: number | undefined, name: "bytes" | "flops") =>
    value === undefined ? {} : { [name]: value / run.steps };
  return engine
    .profile()
    .map(({ kind, ms, calls, bytes, flops }) => ({
      ...{ kind, ms: ms / run.steps, calls: calls / run.steps },
      ...perStep(bytes, "bytes"),
      ...perStep(flops, "flops"),
    }))
    .sort((a, b) => b.ms - a.ms);
}

function totalBytes(operations: readonly OperationTime[]): number | null {
  return operations.reduce<number | null>(
    (sum, { bytes }) => (sum === null || bytes === undefined ? null : sum + bytes),
    0,
  );
}

/** The largest of a micro-batch's products: head, gate and up together, or q, k and v together. */
export function largestProduct({ architecture, rows, length }: BenchShape): Product {
  const { width, heads, kvHeads, headWidth, feedForward, vocabulary } = architecture;
  const columns = Math.max(vocabulary, 2 * feedForward, (heads + 2 * kvHeads) * headWidth);
  return { rows: rows * length, columns, inner: width };
}
