import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { startDoReMi, updateDoReMi } from "../../../src/mixlaw/laws/doremi.js";

describe("DoReMi", () => {
  it("takes one step as written: multiplied by e^(η·excess), normalised, smoothed", () => {
    const next = updateDoReMi(startDoReMi([1, 1]), [Math.log(3), -5], { rate: 1, smoothing: 0.1 });
    // 3 : 1 before smoothing, because a negative excess counts as 0.
    expect(next.weights[0]).toBeCloseTo(0.9 * 0.75 + 0.05, 12);
    expect(next.weights[1]).toBeCloseTo(0.9 * 0.25 + 0.05, 12);
  });

  it("returns the mean of the weights after its updates", () => {
    let state = startDoReMi([1, 2, 1]);
    const seen: (readonly number[])[] = [];
    for (const excess of [
      [0.1, 0, 0.3],
      [0, 0, 0.2],
      [0.5, 0.1, 0],
    ]) {
      state = updateDoReMi(state, excess);
      seen.push(state.weights);
    }
    for (const [i, mean] of state.average.entries())
      expect(mean).toBeCloseTo(seen.reduce((sum, weights) => sum + weights[i], 0) / 3, 12);
    expect(state.step).toBe(3);
  });

  it("gives most to the domain that stays furthest behind, and keeps the others alive", () => {
    let state = startDoReMi([1, 1, 1]);
    for (let step = 0; step < 500; step++) state = updateDoReMi(state, [0.05, 0.3, 0.05]);
    expect(state.average[1]).toBeGreaterThan(0.9);
    expect(Math.min(...state.weights)).toBeGreaterThanOrEqual(1e-3 / 3);
  });

  it("keeps weights that sum to 1 whatever the losses are", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 2, maxLength: 6 }),
        (excess) => {
          const { weights, average } = updateDoReMi(startDoReMi(excess.map(() => 1)), excess);
          for (const shares of [weights, average]) {
            expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 10);
            expect(Math.min(...shares)).toBeGreaterThan(0);
          }
        },
      ),
    );
  });

  it("refuses what would spread to all weights", () => {
    expect(() => updateDoReMi(startDoReMi([1, 1]), [Number.NaN, 0])).toThrow(RangeError);
    expect(() => updateDoReMi(startDoReMi([1, 1]), [0])).toThrow(RangeError);
    expect(() => startDoReMi([0, 0])).toThrow(RangeError);
    expect(() => startDoReMi([1, -1])).toThrow(RangeError);
  });
});
