/** Properties of the arithmetic of merging. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addDifference, average, interpolate } from "../../src/export/merging.js";

const LENGTH = 5;
/** Finite floats of every size and both zeros, so few in number that equal ones meet. */
const floats = fc
  .array(fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, -0, 1, -1, 2 ** -149)), {
    ...{ minLength: LENGTH, maxLength: LENGTH },
  })
  .map((values) => Float32Array.from(values));
/** Values like weights: without cancellation beyond what float64 holds. */
const weights = fc
  .array(fc.float({ min: Math.fround(2 ** -12), max: 16, noNaN: true }), { minLength: LENGTH, maxLength: LENGTH })
  .map((values) => Float32Array.from(values, (value, i) => (i % 2 === 0 ? value : -value)));

const bits = (values: Float32Array): number[] => [...new Uint32Array(values.buffer)];
const made = (fill: (out: Float32Array) => void): Float32Array => {
  const out = new Float32Array(LENGTH).fill(Number.NaN);
  fill(out);
  return out;
};
const averageOf = (values: readonly Float32Array[], shares = values.map(() => 1)) =>
  made((out) => average(values, shares, out));

/** Distance to the next float32 above a magnitude. */
function unit(value: number): number {
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(value) || 2 ** -126)));
  return 2 ** (exponent - 23);
}

describe("average", () => {
  it("of equal values is those values, bit for bit, whatever the weights", () => {
    const shares = fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(floats, shares, (values, given) => {
        expect(
          bits(
            averageOf(
              given.map(() => values),
              given,
            ),
          ),
        ).toEqual(bits(values));
      }),
    );
  });

  it("does not depend on the order but for one rounding", () => {
    fc.assert(
      fc.property(fc.array(floats, { minLength: 2, maxLength: 5 }), (values) => {
        const forward = averageOf(values);
        const backward = averageOf([...values].reverse());
        for (const i of forward.keys()) {
          const lost = values.length * 2 ** -52 * Math.max(...values.map((each) => Math.abs(each[i])));
          expect(Math.abs(forward[i] - backward[i])).toBeLessThanOrEqual(unit(forward[i]) + lost);
        }
      }),
    );
  });

  it("is the float32 nearest to the mean of two", () => {
    fc.assert(
      fc.property(weights, weights, (a, b) => {
        expect([...averageOf([a, b])]).toEqual([...a].map((value, i) => Math.fround((value + b[i]) / 2)));
      }),
    );
  });

  it("weighs", () => {
    const [a, b] = [Float32Array.of(0, 1, 2, 3, -4), Float32Array.of(4, 5, 6, 7, 8)];
    expect([...averageOf([a, b], [3, 1])]).toEqual([1, 2, 3, 4, -1]);
    expect(bits(averageOf([a, b], [0, 2]))).toEqual(bits(b));
  });
});

describe("interpolate", () => {
  const between = (base: Float32Array, tuned: Float32Array, alpha: number) =>
    made((out) => interpolate(base, tuned, alpha, out));

  it("gives base at 0 and tuned at 1, bit for bit", () => {
    const odd = Float32Array.of(Number.POSITIVE_INFINITY, Number.NaN, -0, 1e38, 2 ** -149);
    fc.assert(
      fc.property(fc.oneof(floats, fc.constant(odd)), fc.oneof(floats, fc.constant(odd)), (base, tuned) => {
        expect(bits(between(base, tuned, 0))).toEqual(bits(base));
        expect(bits(between(base, tuned, 1))).toEqual(bits(tuned));
      }),
    );
  });

  it("of equal values is those values, bit for bit", () => {
    fc.assert(
      fc.property(floats, fc.double({ min: 0, max: 1, noNaN: true }), (values, alpha) => {
        expect(bits(between(values, values, alpha))).toEqual(bits(values));
      }),
    );
  });

  it("lies between, and is the mean at a half", () => {
    fc.assert(
      fc.property(weights, weights, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, alpha) => {
        between(a, b, alpha).forEach((value, i) => {
          expect(value).toBeGreaterThanOrEqual(Math.min(a[i], b[i]));
          expect(value).toBeLessThanOrEqual(Math.max(a[i], b[i]));
        });
        expect(bits(between(a, b, 0.5))).toEqual(bits(averageOf([a, b])));
      }),
    );
  });
});

describe("addDifference", () => {
  const moved = (base: Float32Array, tuned: Float32Array, other: Float32Array, scale = 1) =>
    made((out) => addDifference([base, tuned, other], scale, out));

  it("of equal models leaves the other unchanged, bit for bit", () => {
    fc.assert(
      fc.property(floats, floats, fc.double({ min: -4, max: 4, noNaN: true }), (same, other, scale) => {
        expect(bits(moved(same, same, other, scale))).toEqual(bits(other));
      }),
    );
  });

  it("added to the base gives the tuned model", () => {
    // |base| < 2^17 |tuned|: what float64 loses of the base is far below half a unit of the tuned value.
    fc.assert(
      fc.property(weights, weights, (base, tuned) => {
        expect(bits(moved(base, tuned, base))).toEqual(bits(tuned));
      }),
    );
  });

  it("scales", () => {
    const [base, tuned, other] = [
      [1, 1, 1, 1, 1],
      [2, 3, 0, 1, -1],
      [10, 10, 10, -0, 0.5],
    ].map((values) => Float32Array.from(values));
    expect([...moved(base, tuned, other, 0.5)]).toEqual([10.5, 11, 9.5, -0, -0.5]);
  });
});
