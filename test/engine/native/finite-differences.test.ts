/**
 * Gradients of the C kernels against what they claim to be: how the loss changes when weights move. The gradient needs no reference here,
 * so an error that engine and reference share would show. Along random signs, an error e in a tensor's gradient changes its slope by nearly
 * a normal number of deviation |e|: less than a tenth of |e| in 8 % of directions, in all of three in 0.05 %. Along the signs of the gradient
 * itself the loss moves most; there a gradient that is a hundredth too long is outside the bound, for every parameter.
 */
import { expect, it } from "vitest";
import { random32, streamOf } from "../../../src/base/random.js";
import type { Batch } from "../../../src/data/batch.js";
import type { Engine, EngineTensor } from "../../../src/engine/engine.js";
import { openCpuDevice } from "../../../src/engine/native/cpu/device.js";
import { NativeEngine } from "../../../src/engine/native/engine.js";
import { ReferenceDecoder } from "../../reference/decoder.js";
import { CASES, type Case, modelOf, referenceTensors } from "../cases.js";
import { snapshot } from "../snapshot.js";
import { expectationOf } from "../tolerance.js";
import { CACHE_FOLDER, describeKernels } from "./cpu/kernel-devices.js";

const MODELS = CASES.filter(({ name }) =>
  /untied|tied emb|biases|norms on|RoPE scaling|sliding window \(|documents in|loss mask/.test(name),
);
const GRID = 2 ** -20;
/** The largest first. */
const STEPS = [3, 4, 5, 6, 7, 8, 9, 10, 11].map((power) => 2 ** -power);
const RANDOM_DIRECTIONS = 3;

/** One direction's slope by both ways, and how far apart they may be. */
interface Slope {
  readonly name: string;
  readonly claimed: number;
  readonly measured: number;
  readonly bound: number;
}

/** A model at its weights, with what an engine may be off there. */
interface Place {
  readonly engine: Engine;
  readonly batch: Batch;
  readonly weights: readonly EngineTensor[];
  /** Of the sum of the losses: n. */
  readonly lossError: number;
  /** Euclidean, by parameter. */
  readonly gradientErrors: ReadonlyMap<string, number>;
}

type Signs = (index: number) => 1 | -1;

describeKernels("finite differences on native-cpu", () => {
  it.each(MODELS)("are the gradient's: $name", async (model) => {
    const weights = gentleWeights(model);
    // One thread: batches are tiny, and results do not depend on it.
    const device = await openCpuDevice({ threads: 1, cacheFolder: CACHE_FOLDER });
    using engine = new NativeEngine(model.architecture, modelOf(model).table, device, { name: "native-cpu" });
    await engine.load(weights);
    await engine.accumulate(model.batch, 1);
    const gradients = await snapshot(engine, "gradient");
    const place: Place = { engine, batch: model.batch, weights, ...errorsAllowed(model, weights) };
    for (const gradient of gradients) {
      for (const signs of randomDirections(gradient.name))
        expect(distanceOf(await slopeOf(place, gradient, signs)), gradient.name).toBeLessThanOrEqual(1);
      const steepest = await slopeOf(place, gradient, (index) => ((gradient.data[index] as number) < 0 ? -1 : 1));
      expect(distanceOf(steepest), gradient.name).toBeLessThanOrEqual(1);
      const longer = { ...steepest, claimed: 1.01 * steepest.claimed };
      expect(distanceOf(longer), `${gradient.name}, a hundredth longer`).toBeGreaterThan(1);
    }
  });
});

/** In units of the bound. */
function distanceOf({ claimed, measured, bound }: Slope): number {
  return Math.abs(claimed - measured) / bound;
}

/** The contract's weights on the grid, matrices half as large: the loss bends less within a step. */
function gentleWeights(model: Case): EngineTensor[] {
  return modelOf(model).weights.map((tensor) => {
    const scale = tensor.shape.length === 2 ? 0.5 : 1;
    return { ...tensor, data: tensor.data.map((w) => Math.round((scale * w) / GRID) * GRID) };
  });
}

function errorsAllowed(
  { architecture, batch }: Case,
  weights: readonly EngineTensor[],
): Pick<Place, "lossError" | "gradientErrors"> {
  const { allowed } = expectationOf((a) => {
    const decoder = new ReferenceDecoder(a, architecture, referenceTensors(weights));
    return new Map([["losses", decoder.losses(batch)], ...decoder.gradients(batch, 1)]);
  });
  return { lossError: Math.sqrt(batch.targets_BT.length) * (allowed.get("losses") ?? 0), gradientErrors: allowed };
}

function randomDirections(name: string): Signs[] {
  return Array.from({ length: RANDOM_DIRECTIONS }, (_, direction): Signs => {
    return (index) => (random32(direction, streamOf(name), index) % 2 === 0 ? 1 : -1);
  });
}

/**
 * The slope along d by central differences, D(h) = (f(w + h·d) − f(w − h·d)) / 2h, beside gradient · d. All of the bound is derived:
 * - Weights lie on a grid of 2^-20 below 8 and h is a power of two, so w ± h·d are float32 numbers: moving rounds nothing.
 * - Each f is off by at most n = √N · (the distance that `tolerance.ts` allows the N token losses), by Cauchy; so D(h) is off by n/h.
 * - Truncation: see `errorOf`.
 * - The gradient may be off by the distance that it is allowed, times |d| = √(size of the tensor), by Cauchy.
 * Rounding falls with h and truncation grows with h², so steps fall from large ones until the bound grows.
 */
async function slopeOf(place: Place, { name, data }: EngineTensor, signs: Signs): Promise<Slope> {
  const claimed = data.reduce((sum, value, index) => sum + value * signs(index), 0);
  const gradientError = Math.sqrt(data.length) * (place.gradientErrors.get(name) ?? 0);
  const measured: number[] = [];
  let best: Slope | null = null;
  for (const h of STEPS) {
    const [after, before] = [
      await lossAt(place, name, (index) => h * signs(index)),
      await lossAt(place, name, (index) => -h * signs(index)),
    ];
    measured.push((after - before) / (2 * h));
    if (measured.length < 3) continue;
    const error = errorOf(measured.slice(-3), place.lossError / h);
    if (error === null) continue;
    const slope = { name, claimed, measured: measured.at(-1) as number, bound: error + gradientError };
    if (best !== null && best.bound <= slope.bound) break;
    best = slope;
  }
  if (best === null) throw new Error(`differences along ${name} do not converge: ${measured.join(", ")}`);
  return best;
}

/**
 * Bound on the error of D(h), given D(4h), D(2h), D(h) and the error of D(h) by rounding; null when h is too large for one.
 *
 * D(h) = f′ + c·h² + …, so its truncation is a third of D(2h) − D(h), or a twelfth of D(4h) − D(2h). The larger counts, in case one of them
 * vanishes by chance; three times, for the terms beyond h²; and with what rounding may hide of it. Where the second difference is
 * not about four times the first, h² does not rule yet.
 */
function errorOf([farthest, far, near]: readonly number[], rounding: number): number | null {
  const coarse = farthest - far;
  const fine = far - near;
  const coarseRounding = rounding / 2 + rounding / 4;
  const fineRounding = rounding + rounding / 2;
  const converges = Math.abs(coarse - 4 * fine) <= Math.abs(coarse) / 2 + coarseRounding + 4 * fineRounding;
  if (!converges) return null;
  return rounding + Math.max(Math.abs(fine) + fineRounding, (Math.abs(coarse) + coarseRounding) / 4);
}

/** The batch's loss with one tensor moved. */
async function lossAt({ engine, batch, weights }: Place, name: string, by: (index: number) => number): Promise<number> {
  await engine.load(
    weights.map((tensor) =>
      tensor.name === name ? { ...tensor, data: tensor.data.map((w, index) => w + by(index)) } : tensor,
    ),
  );
  const { lossSum_B } = await engine.evaluate(batch);
  return lossSum_B.reduce((sum, loss) => sum + loss, 0);
}
