/** Computing again instead of keeping: the same bits in every mode, on plain loops for every model of the contract. */
import { describe, expect, it } from "vitest";
import {
  type Kind,
  planActivations,
  RECOMPUTATIONS,
  type Recomputation,
} from "../../../src/engine/native/activations.js";
import { NativeEngine } from "../../../src/engine/native/engine.js";
import { architectureOf, CASES, type Case, modelOf } from "../cases.js";
import { snapshot } from "../snapshot.js";
import { plainDevice } from "./plain-device.js";

async function trained({ architecture, batch }: Case, recomputation: Recomputation) {
  const { table, weights } = modelOf({ architecture });
  using engine = new NativeEngine(architecture, table, plainDevice(), { name: "native-plain", recomputation });
  await engine.load(weights);
  const losses = [await engine.accumulate(batch, 0.1), await engine.accumulate(batch, 0.3)];
  return { losses, gradients: await snapshot(engine, "gradient") };
}

describe.each(CASES)("recomputation: $name", (model) => {
  it("agrees bit for bit with keeping everything", async () => {
    const kept = await trained(model, "none");
    for (const mode of RECOMPUTATIONS.slice(1)) expect(await trained(model, mode), mode).toEqual(kept);
  });
});

describe("the activations table", () => {
  const architecture = architectureOf({ layers: 5, qkNorm: true });
  const batch = { rows: 2, length: 33 };
  const names = (kind: Kind, name: string): number =>
    planActivations(architecture, batch, kind).buffers.filter((buffer) => buffer.name === name).length;

  it.each([
    ["input_NC", [5, 5, 5, 1]],
    ["middle_NC", [5, 5, 1, 0]],
    ["mixed_NX", [5, 5, 1, 1]],
    ["qkv_NX", [5, 1, 1, 1]],
    ["rawQ_NX", [5, 1, 1, 1]],
    ["gateUp_NG", [5, 1, 1, 1]],
    ["dGateUp_NG", [0, 0, 0, 0]],
    ["last_NC", [1, 1, 1, 0]],
    ["dResidual_NC", [1, 1, 1, 0]],
  ] as const)("keeps %s for as many layers as the mode needs", (name, counts) => {
    expect([...RECOMPUTATIONS, "evaluation" as const].map((kind) => names(kind, name))).toEqual(counts);
  });

  const kinds: readonly Kind[] = [...RECOMPUTATIONS, "evaluation"];
  it.each(kinds.flatMap((kind) => [[kind, "f32"] as const, [kind, "bf16"] as const]))(
    "lays buffers side by side without overlap: %s, %s",
    (kind, float) => {
      const { layers, pass, backward, buffers, elements } = planActivations(architecture, batch, kind, { float });
      expect(elements.bf16 > 0).toBe(float === "bf16");
      const slots = [
        ...layers.flatMap(({ own }) => Object.values(own)),
        ...Object.values(pass),
        ...Object.values(backward ?? {}),
      ];
      for (const dtype of ["f32", "bf16", "i32"] as const) {
        const size = buffers
          .filter((buffer) => buffer.dtype === dtype)
          .reduce((sum, buffer) => sum + buffer.elements, 0);
        expect(elements[dtype]).toBe(size);
        const ranges = [
          ...new Set(
            slots
              .filter((slot) => slot.dtype === dtype)
              .map(({ start, shape }) => `${start} ${shape.reduce((a, b) => a * b)}`),
          ),
        ]
          .map((text) => text.split(" ").map(Number))
          .sort(([a], [b]) => a - b);
        ranges.forEach(([start, count], index) => {
          expect(start % 16).toBe(0);
          expect(start + count).toBeLessThanOrEqual(ranges[index + 1]?.[0] ?? elements[dtype]);
        });
      }
    },
  );
});
