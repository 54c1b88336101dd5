/** One engine on one shape, in this process: speed, ceilings, operations, memory. */
import { collectGarbage } from "../base/garbage.js";
import type { Engine, TensorCopy } from "../engine/engine.js";
import type { DeviceMemory } from "../engine/native/device.js";
import type { Architecture } from "../model/architecture.js";
import { flopsPerToken } from "../model/costs.js";
import { countParameters, DEFAULT_DEVIATION, parameterTable } from "../model/parameters.js";
import { cardPeak } from "./card-peak.js";
import { type Ceilings, floorOf, measureCeilings } from "./ceilings.js";
import { peakResidentBytes } from "./memory.js";
import { type OpenOptions, openFitting } from "./open.js";
import type { PeakPrediction } from "./prediction.js";
import { type OperationTime, profiled } from "./profiled.js";
import { type BenchMemory, type BenchReport, type FirstLoss, FLOPS_CONVENTION } from "./report.js";
import { type BenchShape, tokensPerStep } from "./shape.js";
import { type Spread, spreadOf } from "./statistics.js";
import { madeUpBatches, type TimedSteps, timeSteps } from "./steps.js";
import { benchWeights } from "./weights.js";

/** Untimed steps at most: compilation, caches, clocks. As many on PyTorch's side. */
export const WARM_UP = 4;
/** Share of the time for steps that untimed ones may take. */
export const WARM_UP_SHARE = 1 / 3;
const PROFILE_STEPS = 3;
const PROFILE_MS = 10_000;

/** As on PyTorch's side; no value here changes the amount of work. */
const OPTIMIZER = { learningRate: 1e-4, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
const CLIP = 1;

export interface MeasureOptions extends OpenOptions {
  /** Timed steps, fewer when they take too long. */
  readonly steps: number;
  /** Milliseconds for the timed steps; the one that goes beyond is the last. By default without limit. */
  readonly limitMs?: number;
  /** Whether to measure what saving costs. */
  readonly saving?: boolean;
}

/** @throws UserError when there is not enough memory, for an engine that plans it. */
export async function measure(shape: BenchShape, options: MeasureOptions): Promise<BenchReport> {
  const { steps, limitMs = Number.POSITIVE_INFINITY, onProgress } = options;
  const { architecture, accumulate } = shape;
  const table = parameterTable(architecture);
  const run = { batches: madeUpBatches(shape, architecture.vocabulary), accumulate, optimizer: OPTIMIZER, clip: CLIP };
  const { engine: made, why, prediction, started } = await openFitting(shape, options);
  using engine = profiled(made);
  await engine.load(benchWeights(table));
  const openMs = performance.now() - started;
  // As a run does: the weights were copied in.
  collectGarbage();
  const { firstLoss, ...times } = await timePhases(engine, { ...run, steps, limitMs }, onProgress);
  // Read before anything that a run would not do.
  const memory = memoryOf(prediction, engine.deviceMemory ?? null);
  const done = times.warmUp + times.steps;
  const profileSteps = Math.max(1, Math.min(PROFILE_STEPS, Math.floor(PROFILE_MS / times.stepMs.median)));
  const operations = await profile(engine, { ...run, steps: profileSteps, first: done });
  const saving =
    options.saving === true ? await timeSaving(engine, { ...run, first: done }, times.stepMs.median) : null;
  onProgress("measuring the ceilings");
  const ceilings = await measureCeilings(engine, shape);
  const { device, precision } = engine.describe();
  const speed = speedOf(shape, times.stepMs);
  return {
    shape,
    engine: { ...engine.describe(), threads: engine.threads ?? null, why },
    ...{ mode: prediction.choice?.precision ?? null, parameters: countParameters(table), openMs, ...times, ...speed },
    loss: judged(firstLoss, architecture),
    ...{ cold: null, saving },
    ...sharesOf(speed.flopsPerSecond, ceilings, precision === "bf16" ? device : null),
    operations: operations?.map((each) => ({ ...each, floorMs: floorOf(each, ceilings) })) ?? null,
    bytesPerStep: operations === null ? null : totalBytes(operations),
    ...{ memory, torch: null, engines: null },
  };
}

/** @param card the name of what computes in bf16, or null. */
function sharesOf(
  flopsPerSecond: number,
  { matmul, copy }: Ceilings,
  card: string | null,
): Pick<BenchReport, "ceiling" | "ceilingShare" | "copyCeiling" | "peak"> {
  const peak = card === null ? null : cardPeak(card);
  return {
    ceiling: matmul,
    ceilingShare: matmul === null ? null : flopsPerSecond / matmul.flopsPerSecond,
    copyCeiling: copy,
    peak: peak === null ? null : { ...peak, share: flopsPerSecond / peak.flopsPerSecond },
  };
}

/** Nats by which a new model's loss may differ from what is expected of it. */
const LOSS_TOLERANCE = 1;

/** Logits of new weights are about normal with variance C·deviation², which raises the loss of a random target by half of that. */
function judged(first: number, { vocabulary, width }: Architecture): FirstLoss {
  const expected = Math.log(vocabulary) + (width * DEFAULT_DEVIATION ** 2) / 2;
  const sane = Math.abs(first - expected) <= LOSS_TOLERANCE;
  return { first: Number.isFinite(first) ? first : null, expected, sane };
}

/** A prediction of an engine with its own memory is of that memory. */
function memoryOf(prediction: PeakPrediction, device: DeviceMemory | null): BenchMemory {
  const peakBytes = device !== null && prediction.onCard !== undefined ? device.usedBytes : peakResidentBytes();
  return { ...prediction, peakBytes, ratio: peakBytes / prediction.total, device };
}

/** A step that begins when weights and moments begin to be copied out, and what it takes beyond the others. */
async function timeSaving(
  engine: Engine,
  run: Omit<TimedSteps, "steps">,
  stepMs: number,
): Promise<BenchReport["saving"]> {
  const started = performance.now();
  using copy = engine.copyOut(["weight", "moment1", "moment2"], Number.POSITIVE_INFINITY);
  const copied = taken(copy);
  const [ms] = await timeSteps(engine, { ...run, steps: 1 });
  await copied;
  return { copyMs: performance.now() - started, stallMs: ms - stepMs };
}

/** Takes every piece as soon as it is there: what a disk would add is not measured. */
async function taken({ tensors }: TensorCopy): Promise<void> {
  for (const tensor of tensors) for await (const _piece of tensor.pieces());
}

/** Warm-up, of which the first step counts for itself, then the timed steps. */
async function timePhases(
  engine: Engine,
  run: TimedSteps & { readonly limitMs: number },
  onProgress: (text: string) => void,
): Promise<Pick<BenchReport, "firstStepMs" | "warmUp" | "steps" | "stepMs"> & { readonly firstLoss: number }> {
  const showing = (what: string, all: number) => (done: number) => onProgress(`${what} ${done} of ${all}`);
  const losses: number[] = [];
  onProgress("first step");
  const [firstStepMs] = await timeSteps(engine, { ...run, steps: 1, onLoss: (loss) => losses.push(loss) });
  const untimed = { ...run, steps: WARM_UP - 1, limitMs: WARM_UP_SHARE * run.limitMs, first: 1 };
  const warmUp = 1 + (await timeSteps(engine, { ...untimed, onStep: showing("warm-up step", untimed.steps) })).length;
  const times = await timeSteps(engine, { ...run, first: warmUp, onStep: showing("step", run.steps) });
  return { firstLoss: losses[0], firstStepMs, warmUp, steps: times.length, stepMs: spreadOf(times) };
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
