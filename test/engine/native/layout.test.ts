/** The parameter arena: nothing overlaps, nothing is lost, and what one launch or one product takes lies together. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../../src/base/dims.js";
import { ALIGNMENT, layoutOf, spanOf } from "../../../src/engine/native/layout.js";
import { countParameters, parameterTable } from "../../../src/model/parameters.js";
import { architectureOf } from "../cases.js";

const architectures = fc
  .record({
    width: fc.integer({ min: 1, max: 40 }),
    layers: fc.integer({ min: 1, max: 4 }),
    kvHeads: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 3 }),
    half: fc.integer({ min: 1, max: 9 }),
    feedForward: fc.integer({ min: 1, max: 50 }),
    vocabulary: fc.integer({ min: 1, max: 99 }),
    tied: fc.boolean(),
    qkvBias: fc.boolean(),
    qkNorm: fc.boolean(),
  })
  .map(({ group, half, ...rest }) => architectureOf({ ...rest, heads: rest.kvHeads * group, headWidth: 2 * half }));

describe("the layout of the arenas", () => {
  it("gives every parameter a place of its own, decaying ones first", () => {
    fc.assert(
      fc.property(architectures, (architecture) => {
        const table = parameterTable(architecture);
        const { places, decaying, size } = layoutOf(table);
        expect([...places.keys()].sort()).toEqual(table.map(({ name }) => name).sort());
        const sorted = [...places.values()].sort((a, b) => a.start - b.start);
        sorted.forEach(({ start, shape }, index) => {
          expect(start + sizeOf(shape)).toBeLessThanOrEqual(sorted[index + 1]?.start ?? size);
        });
        for (const { name, decays } of table) expect((places.get(name)?.start ?? size) < decaying).toBe(decays);
        expect([decaying % ALIGNMENT, size % ALIGNMENT]).toEqual([0, 0]);
        expect(size - countParameters(table)).toBeLessThan(ALIGNMENT * table.length);
      }),
    );
  });

  it("stacks what one product makes", () => {
    fc.assert(
      fc.property(architectures, (architecture) => {
        const layout = layoutOf(parameterTable(architecture));
        const { width, heads, kvHeads, headWidth, feedForward, layers, qkvBias } = architecture;
        for (let layer = 0; layer < layers; layer++) {
          const named = (part: string, ...names: string[]) =>
            names.map((name) => `model.layers.${layer}.${part}.${name}`);
          const qkv = spanOf(layout, named("self_attn", "q_proj.weight", "k_proj.weight", "v_proj.weight"));
          expect(qkv.shape).toEqual([(heads + 2 * kvHeads) * headWidth, width]);
          expect(qkv.start % ALIGNMENT).toBe(0);
          const gateUp = spanOf(layout, named("mlp", "gate_proj.weight", "up_proj.weight"));
          expect(gateUp.shape).toEqual([2 * feedForward, width]);
          if (!qkvBias) continue;
          const bias = spanOf(layout, named("self_attn", "q_proj.bias", "k_proj.bias", "v_proj.bias"));
          expect(bias.shape).toEqual([(heads + 2 * kvHeads) * headWidth]);
        }
      }),
    );
  });

  it("refuses to stack what lies apart or is unknown", () => {
    const layout = layoutOf(parameterTable(architectureOf()));
    const layer = "model.layers.0";
    expect(() => spanOf(layout, [`${layer}.mlp.up_proj.weight`, `${layer}.mlp.gate_proj.weight`])).toThrow(
      /side by side/,
    );
    expect(() => spanOf(layout, ["stranger"])).toThrow(/stranger is not in the parameter table/);
  });
});
