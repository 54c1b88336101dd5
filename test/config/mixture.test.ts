import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addRational, rational } from "../../src/base/rational.js";
import { FINEST, readMixture } from "../../src/config/resolve-mixture.js";
import { MAX_PERIOD } from "../../src/data/mixture.js";

function sharesOf(parts: readonly string[]): string[] {
  const { shares, ...problem } = readMixture(parts);
  if (shares === null) throw new Error(JSON.stringify(problem));
  return shares.map(({ numerator, denominator }) => `${numerator}/${denominator}`);
}

describe("readMixture", () => {
  it.each([
    [
      ["1", "1", "1"],
      ["1/3", "1/3", "1/3"],
    ],
    [
      ["8", "1", "1"],
      ["4/5", "1/10", "1/10"],
    ],
    [
      ["1", "0"],
      ["1/1", "0/1"],
    ],
    [["7"], ["1/1"]],
    [
      ["0.36", "0.32", "0.32"],
      ["9/25", "8/25", "8/25"],
    ],
    [
      ["36%", "0.64"],
      ["9/25", "16/25"],
    ],
    [
      ["1/3", "1/3", "1/3"],
      ["1/3", "1/3", "1/3"],
    ],
    [
      ["1", "0.0"],
      ["1/1", "0/1"],
    ],
    [
      ["100%", "0"],
      ["1/1", "0/1"],
    ],
    [Array.from({ length: 10 }, () => "0.1"), Array.from({ length: 10 }, () => "1/10")],
  ])("%j is %j", (parts, shares) => {
    expect(sharesOf(parts)).toEqual(shares);
  });

  it.each([
    [["0", "0"], "the mixture's parts add up to zero"],
    [["0.5", "0.49"], "the mixture's shares do not add up to exactly 1"],
    [["0.5", "0.51"], "the mixture's shares do not add up to exactly 1"],
    [["1", "0.5"], "the mixture's shares do not add up to exactly 1"],
    [["0%"], "the mixture's shares do not add up to exactly 1"],
    [["0.33", "0.33", "0.33"], "the mixture's shares do not add up to exactly 1"],
    [["0.12345678", "0.87654322"], "the mixture is too fine"],
    [["9999991", "9999992"], "the mixture is too fine"],
    [["9007199254740991", "9007199254740991"], "the mixture's numbers are too long to be added exactly"],
    [["0.000000000000001", "1/11"], "the mixture's numbers are too long to be added exactly"],
    [["1".repeat(400), "1"], "the mixture's numbers are too long to be added exactly"],
  ])("refuses %j: %s", (parts, what) => {
    expect(readMixture(parts)).toMatchObject({ shares: null, what });
  });

  it("is as fine as the order of data can lay out", () => {
    expect(FINEST).toBe(MAX_PERIOD);
    expect(sharesOf([String(FINEST - 1), "1"])[1]).toBe(`1/${FINEST}`);
    expect(readMixture([String(FINEST), "1"]).shares).toBeNull();
  });

  it("sums to exactly 1 and keeps the ratio of the parts", () => {
    const parts = fc
      .array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 6 })
      .filter((list) => list.some((n) => n > 0));
    fc.assert(
      fc.property(parts, (list) => {
        const { shares } = readMixture(list.map(String));
        const sum = (shares ?? []).reduce(addRational, rational(0, 1));
        expect(sum).toEqual({ numerator: 1, denominator: 1 });
        const total = list.reduce((a, b) => a + b, 0);
        shares?.forEach(({ numerator, denominator }, i) => {
          expect(numerator * total).toBe((list[i] ?? 0) * denominator);
        });
      }),
    );
  });
});
