/** Predicted bytes are allocated bytes: of every buffer, in every mode, also after other work than the largest batch. */
import { describe, expect, it } from "vitest";
import { type Kind, RECOMPUTATIONS } from "../../../src/engine/native/activations.js";
import { type BufferSpec, SCALARS } from "../../../src/engine/native/device.js";
import { NativeEngine } from "../../../src/engine/native/engine.js";
import { nativeMemory, type PlannedPass, peakMemory } from "../../../src/engine/native/memory.js";
import { architectureOf, batchOf, modelOf } from "../cases.js";
import { plainDevice } from "./plain-device.js";

const architecture = architectureOf({ qkNorm: true, layers: 3 });
const batch = { rows: 2, length: 17 };

/** A device that counts the bytes that it holds. */
function countingDevice() {
  const device = plainDevice();
  const held = { bytes: 0 };
  const bytesOf = ({ shape }: Pick<BufferSpec, "shape">): number =>
    4 * shape.reduce((product, extent) => product * extent, 1);
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

function opened(recomputation: (typeof RECOMPUTATIONS)[number] = "none") {
  const { table, weights } = modelOf({ architecture });
  const { device, held } = countingDevice();
  const engine = new NativeEngine(architecture, table, device, { name: "counting", recomputation });
  engine.load(weights);
  return { engine, held };
}

describe("memory", () => {
  it.each(RECOMPUTATIONS)("of training is what was predicted: %s", async (mode) => {
    const { engine, held } = opened(mode);
    using owned = engine;
    await owned.evaluate(batchOf(architecture, { ...batch, rows: 1 }));
    await owned.accumulate(batchOf(architecture, { ...batch, length: 5 }), 1);
    await owned.accumulate(batchOf(architecture, batch), 1);
    await owned.evaluate(batchOf(architecture, batch));
    const { total } = nativeMemory(architecture, batch, mode);
    expect(held.bytes).toBe(total);
    expect(owned.allocatedBytes).toBe(total);
  });

  it("of evaluation has no gradients and moments", async () => {
    const { engine, held } = opened();
    using owned = engine;
    await owned.evaluate(batchOf(architecture, batch));
    const memory = nativeMemory(architecture, batch, "evaluation");
    expect(held.bytes).toBe(memory.total);
    expect(memory.gradients + memory.moments).toBe(0);
  });

  it("of a session is given back", async () => {
    const { engine, held } = opened();
    using owned = engine;
    await owned.evaluate(batchOf(architecture, batch));
    const before = held.bytes;
    const session = owned.session(40);
    await session.feed([1, 2, 3]);
    expect(held.bytes).toBeGreaterThan(before);
    session[Symbol.dispose]();
    session[Symbol.dispose]();
    expect(held.bytes).toBe(before);
    await expect(session.feed([1])).rejects.toThrow(/disposed/);
  });

  it("is the sum over its buffers, and falls with every step of recomputation", () => {
    const kinds: readonly Kind[] = [...RECOMPUTATIONS, "evaluation"];
    const all = kinds.map((kind) => nativeMemory(architecture, batch, kind));
    for (const { activations, buffers } of all)
      expect(buffers.reduce((sum, { bytes }) => sum + bytes, 4 * (SCALARS.length + 1))).toBe(activations);
    all.slice(1).forEach(({ total }, index) => {
      expect(total).toBeLessThan(all[index].total);
    });
  });

  it("keeps 4C + 2HD + 2KD + 3F floats per token and layer, and per layer C when layers are computed again", () => {
    const wide = { width: 64, heads: 4, kvHeads: 2, headWidth: 16, feedForward: 160, vocabulary: 64 };
    const floats = (kind: Kind, layers: number): number =>
      nativeMemory(architectureOf({ ...wide, layers }), { rows: 1, length: 16 }, kind).activations / 4 / 16;
    // lse, two norms: 4 + 1 + 1 more.
    expect(floats("none", 3) - floats("none", 2)).toBe(4 * 64 + 2 * 64 + 2 * 32 + 3 * 160 + 6);
    expect(floats("block-parts", 3) - floats("block-parts", 2)).toBe(2 * 64 + 64 + 4);
    expect(floats("layer", 3) - floats("layer", 2)).toBe(64);
  });

  it("of a run is that of its largest passes, kind by kind of number", () => {
    const training = { batch, kind: "layer" } as const;
    const evaluation = { batch: { rows: 9, length: 17 }, kind: "evaluation" } as const;
    const of = (...passes: readonly PlannedPass[]) => peakMemory(architecture, passes);
    expect(of(training)).toEqual(plannedOnly(nativeMemory(architecture, batch, "layer")));
    expect(of(training, { batch: { rows: 1, length: 17 }, kind: "evaluation" })).toEqual(of(training));
    const both = of(evaluation, training);
    expect(both.activations).toBeGreaterThanOrEqual(of(evaluation).activations);
    expect(both.moments).toBe(of(training).moments);
  });
});

function plannedOnly({ buffers: _, ...planned }: ReturnType<typeof nativeMemory>) {
  return planned;
}
