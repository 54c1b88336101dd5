import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deviationOf, meanOf, middleOf, spreadOf } from "../../src/bench/statistics.js";

describe("spreadOf", () => {
  it.each([
    [[5], { median: 5, min: 5, max: 5 }],
    [[3, 1, 2], { median: 2, min: 1, max: 3 }],
    [[10, 1, 2, 100], { median: 6, min: 1, max: 100 }],
    // As numbers, not as text.
    [[9, 10, 100], { median: 10, min: 9, max: 100 }],
  ])("of %j", (values, spread) => {
    expect(spreadOf(values)).toEqual(spread);
  });

  it("leaves its argument alone and refuses none", () => {
    const values = [3, 1, 2];
    spreadOf(values);
    expect(values).toEqual([3, 1, 2]);
    expect(() => spreadOf([])).toThrow(/no median/);
    expect(() => middleOf([])).toThrow(/no median/);
  });

  it("has as many values on either side of the median", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1, maxLength: 30 }), (values) => {
        const { median, min, max } = spreadOf(values);
        const half = Math.ceil(values.length / 2);
        expect(values.filter((value) => value <= median).length).toBeGreaterThanOrEqual(half);
        expect(values.filter((value) => value >= median).length).toBeGreaterThanOrEqual(half);
        expect([min, max]).toEqual([Math.min(...values), Math.max(...values)]);
      }),
    );
  });
});

describe("middleOf", () => {
  it("is the place of the median, the lower one of two", () => {
    expect(middleOf([30, 10, 20])).toBe(2);
    expect(middleOf([40, 10, 30, 20])).toBe(3);
  });
});

describe("mean and deviation", () => {
  it("have n − 1 in the denominator, and none of a single value", () => {
    expect([meanOf([1, 2, 6]), deviationOf([1, 2, 6])]).toEqual([3, Math.sqrt(7)]);
    expect(deviationOf([4])).toBeNull();
    expect(() => meanOf([])).toThrow(/no mean/);
  });
});
