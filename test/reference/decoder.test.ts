/** The reference's hand-written gradients against finite differences along random directions, and its float32 versions against float64. */
import { describe, expect, it } from "vitest";
import { randomNormal, streamOf } from "../../src/base/random.js";
import { CASES, type Case, modelOf, referenceTensors } from "../engine/cases.js";
import { at, EXACT, FLOAT32, looseFloat32, type Values } from "./arithmetic.js";
import { ReferenceDecoder, type Tensors } from "./decoder.js";

const SCALE = 0.1;
const STEP = 1e-3;

function lossAlong(
  { architecture, batch }: Case,
  weights: Tensors,
  name: string,
  direction: Values,
  step: number,
): number {
  const moved = (weights.get(name) ?? new Float64Array()).map((value, index) => value + step * at(direction, index));
  const losses = new ReferenceDecoder(EXACT, architecture, new Map(weights).set(name, moved)).losses(batch);
  return SCALE * losses.reduce((total, loss) => total + loss, 0);
}

describe.each(CASES)("reference decoder: $name", (model) => {
  it("has the gradients of its loss", () => {
    const { table, weights } = modelOf(model);
    const values = referenceTensors(weights);
    const gradients = new ReferenceDecoder(EXACT, model.architecture, values).gradients(model.batch, SCALE);
    for (const { name } of table.filter((_, index) => index % 3 === model.name.length % 3)) {
      const gradient = gradients.get(name) ?? new Float64Array();
      const direction = gradient.map((_, index) => randomNormal(3, streamOf(name), index));
      const slope = gradient.reduce((total, value, index) => total + value * at(direction, index), 0);
      const central = (step: number): number => {
        const ahead = lossAlong(model, values, name, direction, step);
        return (ahead - lossAlong(model, values, name, direction, -step)) / (2 * step);
      };
      // The error of a central difference is c h² + O(h⁴): halving the step shows three quarters of it, a quarter stays. What is
      // left is rounding, a few hundred units in the last place of the loss over the step.
      const [coarse, fine] = [central(STEP), central(STEP / 2)];
      const rounding = (512 * Number.EPSILON * Math.abs(lossAlong(model, values, name, direction, 0))) / STEP;
      expect(Math.abs(fine - slope), name).toBeLessThanOrEqual(Math.abs(coarse - fine) + rounding);
    }
  });
});

describe("float32 arithmetic", () => {
  it("rounds every result", () => {
    const { architecture, batch } = CASES[0] as Case;
    const { weights } = modelOf({ architecture });
    for (const arithmetic of [FLOAT32, looseFloat32(1)]) {
      const gradients = new ReferenceDecoder(arithmetic, architecture, referenceTensors(weights)).gradients(
        batch,
        SCALE,
      );
      for (const [name, values] of gradients) expect(values.map(Math.fround), name).toEqual(values);
    }
  });

  it("is loose by at most one unit in the last place, and repeats itself", () => {
    const [one, other] = [looseFloat32(1), looseFloat32(1)];
    const results = Array.from({ length: 1000 }, () => one.round(1));
    expect(results.every((value) => value >= 1 - 2 ** -24 && value <= 1 + 2 ** -23)).toBe(true);
    expect(new Set(results).size).toBeGreaterThan(1);
    expect(Array.from({ length: 1000 }, () => other.round(1))).toEqual(results);
  });
});
