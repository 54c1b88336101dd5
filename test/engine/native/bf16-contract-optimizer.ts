/** AdamW through the engine in both modes: near the exact steps, with a faithful master or honest chance. */
import { describe, expect, it } from "vitest";
import type { AdamWStep } from "../../../src/engine/engine.js";
import type { NativeEngine } from "../../../src/engine/native/engine.js";
import type { Architecture } from "../../../src/model/architecture.js";
import { batchOf } from "../cases.js";
import { snapshot } from "../snapshot.js";
import { distance, type Results } from "../tolerance.js";
import { SIGMAS } from "./bf16-contract-chance.js";
import {
  engineOn,
  expectationOn,
  expectBounded,
  expectWithin,
  MODES,
  type Mode,
  modelFor,
  type OpenDevice,
  type Subject,
  snapshotOf,
  watched,
} from "./bf16-measure.js";
import { roundBf16 } from "./plain-adamw.js";
import { plainDevice } from "./plain-device.js";

const STEPS = 10;
const SCALE = 0.1;

export function optimizerContract(subject: Subject): void {
  describe.each(MODES)("AdamW, %s", (mode) => {
    it.each([
      ["untied, with decay and clipping", { layers: 1 }, { weightDecay: 0.1, clipScale: 0.7 }],
      ["tied, Qwen3, without either", { layers: 1, tied: true, qkNorm: true, qkvBias: true }, {}],
    ] as const)("takes ten steps within the bound: %s", async (_, changes, options) => {
      const architecture = modelFor(subject, changes);
      const compute = async (open: OpenDevice): Promise<Results> => {
        using engine = await engineOn(open, { architecture, precision: mode });
        for (let update = 1; update <= STEPS; update++) await step(engine, architecture, stepOf(update, options));
        return await snapshotOf(engine, "weight", "moment1", "moment2");
      };
      expectWithin(subject, `ten steps of ${mode}`, await compute(subject.open), await expectationOn(compute));
    });
  });

  describe("AdamW, bf16", () => {
    it("computes with the rounding of the master weights after every update", () => checkMaster(subject));
  });

  describe("AdamW, bf16-lean", () => {
    it("keeps bf16 numbers", async () => {
      const architecture = modelFor(subject, { tied: true });
      using engine = await engineOn(subject.open, { architecture, precision: "bf16-lean" });
      for (let update = 1; update <= 3; update++) {
        await step(engine, architecture, stepOf(update));
        for (const [name, values] of await snapshotOf(engine, "weight", "moment1", "moment2"))
          expect(
            Array.from(values).every((value) => roundBf16(value) === value),
            name,
          ).toBe(true);
      }
    });

    it("lets steps far below the last place move the weights, on average as far as they should", () =>
      checkSmallSteps(subject));
  });
}

/** Bf16 weights are the nearest-even rounding of the float32 master, bit for bit; the master is what a snapshot gives, and loading keeps it. */
export async function checkMaster(subject: Subject): Promise<void> {
  const architecture = modelFor(subject, { qkNorm: true });
  const { device, read } = watched(await subject.open());
  using engine = await engineOn(() => device, { architecture });
  const unrounded = (await snapshot(engine, "weight")).map((one) => ({ ...one, data: one.data.map((w) => w * 1.001) }));
  await engine.load(unrounded);
  expect(await snapshot(engine, "weight")).toEqual(unrounded);
  for (let update = 0; update <= STEPS; update++) {
    if (update > 0) await step(engine, architecture, stepOf(update));
    const [weight, master] = [await read("weight"), await read("master")];
    expect(weight, `after ${update} updates`).toEqual(master.map((w) => roundBf16(w)));
    if (update > 0) expect(weight).not.toEqual(master);
    expect(await masterOf(engine), `after ${update} updates`).toEqual(withoutGaps(master));
  }
}

/** Every number of the master that is not zero: gaps between parameters hold zeros, and the arena has an order of its own. */
function withoutGaps(values: Float32Array): Float32Array {
  return values.filter((value) => value !== 0).sort();
}

async function masterOf(engine: NativeEngine): Promise<Float32Array> {
  const tensors = await snapshot(engine, "weight");
  return withoutGaps(Float32Array.from(tensors.flatMap(({ data }) => [...data])));
}

/**
 * Ten steps of a learning rate of 3·10⁻⁵: most weights are near 0.3, where bf16 numbers are 2⁻⁹ apart, 65 steps.
 * With d the exact displacement of all weights, the share that was gone in its direction, ⟨moved, d⟩/⟨d, d⟩, is 1 but for
 *
 * - chance: rounding value x has a variance of at most unit·(its step); ten steps in one direction have at most unit·|d|, so the share has
 *   at most Σ d²·unit·path/⟨d, d⟩², where path is the sum of the steps' sizes, and
 * - what bf16 gradients do to AdamW's directions: by Cauchy |their displacement − d|/|d|, twice that of plain bf16 loops with a master, in
 *   which nothing is left to chance.
 */
export async function checkSmallSteps(subject: Subject): Promise<void> {
  const architecture = modelFor(subject, { layers: 1 });
  const small = { learningRate: 3e-5 };
  const [start, ...exact] = await path(() => plainDevice({ storage: "f64" }), architecture, "bf16", small);
  const rounded = (await path(() => plainDevice(), architecture, "bf16", small)).at(-1) as Float32Array;
  const lean = (await path(subject.open, architecture, "bf16-lean", small)).at(-1) as Float32Array;
  const end = exact.at(-1) as Float32Array;
  let [along, squares, variance] = [0, 0, 0];
  end.forEach((value, index) => {
    const d = value - start[index];
    const steps = exact.map((weights, at) => Math.abs(weights[index] - (exact[at - 1] ?? start)[index]));
    along += (lean[index] - start[index]) * d;
    squares += d * d;
    // A weight within some units of a power of two may get beyond it, where they are twice as far apart.
    const unit = unitOf(start[index] * (1 + 2 ** -5));
    variance += d * d * unit * steps.reduce((sum, size) => sum + size, 0);
  });
  const bound = (2 * distance(rounded, end)) / Math.sqrt(squares) + (SIGMAS * Math.sqrt(variance)) / squares;
  expectBounded(subject, "small steps", Math.abs(along / squares - 1), bound);
  expect(bound, "it tells moving from not moving").toBeLessThan(0.5);
}

/** All weights before and after each of ten equal steps. */
async function path(
  open: OpenDevice,
  architecture: Architecture,
  precision: Mode,
  options: Partial<AdamWStep>,
): Promise<Float32Array[]> {
  using engine = await engineOn(open, { architecture, precision });
  const taken: Float32Array[] = [];
  for (let update = 0; update <= STEPS; update++) {
    if (update > 0) await step(engine, architecture, { ...stepOf(update), ...options });
    taken.push(Float32Array.from((await snapshot(engine, "weight")).flatMap(({ data }) => [...data])));
  }
  return taken;
}

/** Distance of the bf16 numbers around a value. */
function unitOf(value: number): number {
  return 2 ** (Math.floor(Math.log2(Math.max(Math.abs(value), 2 ** -126))) - 7);
}

export function stepOf(update: number, options: Partial<AdamWStep> = {}): AdamWStep {
  const learningRate = 1e-3 * Math.min(1, update / 4);
  const constants = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, clipScale: 1 };
  return { learningRate, ...constants, update, ...options };
}

/** One update on a batch of two documents a row, always the same. */
async function step(engine: NativeEngine, architecture: Architecture, options: AdamWStep): Promise<void> {
  await engine.accumulate(batchOf(architecture, { length: 9, documents: [5] }), SCALE);
  await engine.update(options);
}
