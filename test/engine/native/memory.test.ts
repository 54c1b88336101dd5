/** Predicted bytes are allocated bytes: of every buffer, in every mode, also after other work than the largest batch. */

import { describe, expect, it } from "vitest";
import { type Kind, planActivations, RECOMPUTATIONS } from "../../../src/engine/native/activations.js";
import { type BufferSpec, DTYPE_BYTES, type Float, SCALARS } from "../../../src/engine/native/device.js";
import { NativeEngine } from "../../../src/engine/native/engine.js";
import { layoutOf } from "../../../src/engine/native/layout.js";
import { type PlannedPass, peakMemory } from "../../../src/engine/native/memory.js";
import { PRECISIONS, type PrecisionName } from "../../../src/engine/native/precision.js";
import { parameterTable } from "../../../src/model/parameters.js";
import { architectureOf, batchOf, modelOf } from "../cases.js";
import { oneRow } from "../one-row.js";
import { plainDevice } from "./plain-device.js";

const architecture = architectureOf({ qkNorm: true, layers: 3 });
const batch = { rows: 2, length: 17 };
const STEP = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipScale: 1 };

/** A device that counts the bytes that it holds. */
function countingDevice() {
  const device = plainDevice();
  const held = { bytes: 0 };
  const bytesOf = ({ shape, dtype }: Pick<BufferSpec, "shape" | "dtype">): number =>
    shape.reduce((product, extent) => product * extent, DTYPE_BYTES[dtype]);
  const counting = {
    ...device,
    allocate: (specs: readonly BufferSpec[]) => {
      for (const spec of specs) held.bytes += bytesOf(spec);
      return device.allocate(specs);
    },
    free: (buffers: Iterable<BufferSpec>) => {
      for (const buffer of buffers) held.bytes -= bytesOf(buffer);
    },
  };
  return { device: counting, held };
}

async function opened(recomputation: (typeof RECOMPUTATIONS)[number] = "none", precision: PrecisionName = "fp32") {
  const { table, weights } = modelOf({ architecture });
  const { device, held } = countingDevice();
  const options = { name: "counting", recomputation, precision: PRECISIONS[precision] };
  const engine = new NativeEngine(architecture, table, device, options);
  await engine.load(weights);
  return { engine, held };
}

/** The buffers of the activations' table one by one, and the numbers of a step. */
function tableBytes(kind: Kind, float: Float = "f32"): number {
  const { buffers } = planActivations(architecture, batch, kind, { float });
  const numbers = DTYPE_BYTES.f32 * (SCALARS.length + 1);
  return buffers.reduce((sum, { dtype, elements }) => sum + DTYPE_BYTES[dtype] * elements, numbers);
}

describe("memory", () => {
  it.each(RECOMPUTATIONS)("of training is what was predicted: %s", async (mode) => {
    const { engine, held } = await opened(mode);
    using owned = engine;
    await owned.evaluate(batchOf(architecture, { ...batch, rows: 1 }));
    await owned.accumulate(batchOf(architecture, { ...batch, length: 5 }), 1);
    await owned.accumulate(batchOf(architecture, batch), 1);
    await owned.evaluate(batchOf(architecture, batch));
    const { total } = peakMemory(architecture, [{ batch, kind: mode }]);
    expect(held.bytes).toBe(total);
    expect(owned.allocatedBytes).toBe(total);
  });

  describe.each([
    { precision: "fp32", training: 16, evaluation: 4 },
    { precision: "bf16", training: 16, evaluation: 6 },
    { precision: "bf16-lean", training: 8, evaluation: 2 },
  ] as const)("in $precision, bytes a parameter: $training", ({ precision, training, evaluation }) => {
    const table = parameterTable(architecture);
    const { size } = layoutOf(table);

    it.each(RECOMPUTATIONS)("is what was predicted: %s", async (mode) => {
      const { engine, held } = await opened(mode, precision);
      using owned = engine;
      await owned.accumulate(batchOf(architecture, batch), 1);
      await owned.update({ ...STEP, update: 1 });
      await owned.evaluate(batchOf(architecture, batch));
      const numbers = { precision: PRECISIONS[precision] };
      const memory = peakMemory(architecture, [{ batch, kind: mode }], table, numbers);
      expect(held.bytes).toBe(memory.total);
      expect(owned.allocatedBytes).toBe(memory.total);
      expect(memory.weights + memory.gradients + memory.moments).toBe(training * size);
      expect(tableBytes(mode, numbers.precision.activations)).toBe(memory.activations);
    });

    it("is the weights' alone before anything is computed, with their master", async () => {
      const { engine, held } = await opened("none", precision);
      using owned = engine;
      expect(held.bytes).toBe(evaluation * size + 4 * (SCALARS.length + 1));
      expect(owned.allocatedBytes).toBe(held.bytes);
    });
  });

  it("halves what bf16 holds and leaves what float32 must hold", () => {
    const shape = { width: 64, heads: 4, kvHeads: 2, headWidth: 16, feedForward: 160, vocabulary: 64 };
    const bytes = (precision: PrecisionName, layers: number): number => {
      const model = architectureOf({ ...shape, layers });
      const passes: PlannedPass[] = [{ batch: { rows: 1, length: 16 }, kind: "none" }];
      return peakMemory(model, passes, parameterTable(model), { precision: PRECISIONS[precision] }).activations;
    };
    // Per token and layer: 4C + 2HD + 2KD + 3F numbers, and in float32 one for each head and norm.
    const [numbers, sums] = [4 * 64 + 2 * 64 + 2 * 32 + 3 * 160, 4 + 1 + 1];
    expect((bytes("fp32", 3) - bytes("fp32", 2)) / 16).toBe(4 * numbers + 4 * sums);
    for (const precision of ["bf16", "bf16-lean"] as const)
      expect((bytes(precision, 3) - bytes(precision, 2)) / 16).toBe(2 * numbers + 4 * sums);
  });

  it("of evaluation has no gradients and moments", async () => {
    const { engine, held } = await opened();
    using owned = engine;
    await owned.evaluate(batchOf(architecture, batch));
    const memory = peakMemory(architecture, [{ batch, kind: "evaluation" }]);
    expect(held.bytes).toBe(memory.total);
    expect(memory.gradients + memory.moments).toBe(0);
  });

  it("of a session is given back", async () => {
    const { engine, held } = await opened();
    using owned = engine;
    await owned.evaluate(batchOf(architecture, batch));
    const before = held.bytes;
    const session = oneRow(owned, 40);
    await session.feed([1, 2, 3]);
    expect(held.bytes).toBeGreaterThan(before);
    session[Symbol.dispose]();
    session[Symbol.dispose]();
    expect(held.bytes).toBe(before);
    await expect(session.feed([1])).rejects.toThrow(/disposed/);
  });

  it("is the sum over its buffers, and falls with every step of recomputation", () => {
    const kinds: readonly Kind[] = [...RECOMPUTATIONS, "evaluation"];
    const all = kinds.map((kind) => peakMemory(architecture, [{ batch, kind }]));
    all.forEach(({ activations }, index) => {
      expect(tableBytes(kinds[index])).toBe(activations);
    });
    all.slice(1).forEach(({ total }, index) => {
      expect(total).toBeLessThan(all[index].total);
    });
  });

  it("keeps 4C + 2HD + 2KD + 3F floats per token and layer, and per layer C when layers are computed again", () => {
    const wide = { width: 64, heads: 4, kvHeads: 2, headWidth: 16, feedForward: 160, vocabulary: 64 };
    const floats = (kind: Kind, layers: number): number =>
      peakMemory(architectureOf({ ...wide, layers }), [{ batch: { rows: 1, length: 16 }, kind }]).activations / 4 / 16;
    // lse, two norms: 4 + 1 + 1 more.
    expect(floats("none", 3) - floats("none", 2)).toBe(4 * 64 + 2 * 64 + 2 * 32 + 3 * 160 + 6);
    expect(floats("block-parts", 3) - floats("block-parts", 2)).toBe(2 * 64 + 64 + 4);
    expect(floats("layer", 3) - floats("layer", 2)).toBe(64);
  });

  it("of a run is that of its largest passes, kind by kind of number", () => {
    const training = { batch, kind: "layer" } as const;
    const evaluation = { batch: { rows: 9, length: 17 }, kind: "evaluation" } as const;
    const of = (...passes: readonly PlannedPass[]) => peakMemory(architecture, passes);
    expect(of(training, { batch: { rows: 1, length: 17 }, kind: "evaluation" })).toEqual(of(training));
    const both = of(evaluation, training);
    expect(both.activations).toBeGreaterThanOrEqual(of(evaluation).activations);
    expect(both.moments).toBe(of(training).moments);
  });
});
