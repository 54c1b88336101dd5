import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { fitLaw } from "../../../src/mixlaw/fit/fit.js";
import { rankCorrelation } from "../../../src/mixlaw/fit/quality.js";
import { extrapolations, MAX_SAMPLES, seenFactors } from "../../../src/mixlaw/fit/seen.js";
import { biMix } from "../../../src/mixlaw/laws/bimix.js";
import { dCpt } from "../../../src/mixlaw/laws/d-cpt.js";

function table(sizes: readonly number[], tokens: readonly number[], shares: readonly number[]) {
  return sizes.flatMap((N) =>
    tokens.flatMap((D) => shares.map((r) => ({ run: `${N} ${r}`, inputs: [N, D, r], observed: 2 + 1 / D - r / N }))),
  );
}

function problemsOf(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError)
      return error.problems.map(({ what, expected, got }) => `${what} | ${expected} | ${got}`);
    throw error;
  }
  return [];
}

describe("refusals", () => {
  it("names every factor without variation with the values that it takes and that were seen", () => {
    expect(problemsOf(() => fitLaw(dCpt, table([1e6], [1e6, 2e6, 3e6], [0.1, 0.5, 0.9])))).toEqual([
      "the D-CPT law cannot be fitted without variation in model size | at least 2 different values | 1: 1000000",
      "the D-CPT law cannot be fitted without variation in share | at least 4 different values | 3: 0.1, 0.5, 0.9",
    ]);
  });

  it("says how many losses a law needs", () => {
    const [first] = problemsOf(() => fitLaw(dCpt, table([1, 2], [1], [0.1, 0.2, 0.3, 0.4])));
    expect(first).toBe("the D-CPT law has 9 parameters and too few losses to find them by | at least 9 losses | 8");
    expect(problemsOf(() => fitLaw(dCpt, []))).toHaveLength(4);
  });

  it.each([
    [Number.NaN, "this loss cannot be fitted"],
    [Number.POSITIVE_INFINITY, "this loss cannot be fitted"],
    [0, "this loss cannot be fitted"],
  ])("refuses a loss of %s and names its run", (observed, what) => {
    const samples = table([1, 2, 3], [1, 2, 3], [0.1, 0.2, 0.3, 0.4]);
    expect(problemsOf(() => fitLaw(dCpt, samples.with(3, { ...samples[3], observed })))[0]).toContain(what);
  });

  it("refuses inputs that no power can be taken of, and more losses than a fit ends with", () => {
    const samples = [0, 0.1, 0.2, 0.3].map((r) => ({ run: "a", inputs: [r, 1], observed: 2 }));
    expect(problemsOf(() => seenFactors(biMix, samples))[0]).toContain("share cannot be fitted");
    const many = Array.from({ length: MAX_SAMPLES + 1 }, () => samples[1]);
    expect(problemsOf(() => seenFactors(biMix, many))[0]).toContain("too many");
  });
});

describe("extrapolations", () => {
  const seen = seenFactors(dCpt, table([1e6, 4e6], [1e6, 2e6, 3e6], [0.1, 0.2, 0.5, 0.9]));

  it("are none inside what was seen, its ends included", () => {
    expect(extrapolations(dCpt, seen, [1e6, 3e6, 0.9])).toEqual([]);
    expect(extrapolations(dCpt, seen, [2e6, 2e6, 1 - 0.1])).toEqual([]);
  });

  it("are said by factor, with what is missing to say anything there", () => {
    expect(extrapolations(dCpt, seen, [8e6, 2e6, 0.05])).toEqual([
      "model size 8000000 is above the largest that was seen, 4000000: this is an extrapolation; 2 different values were seen, and it takes 3 to say anything beyond them",
      "share 0.05 is below the smallest that was seen, 0.1: this is an extrapolation",
    ]);
  });

  it("measure ratios in the geometric mean of what was seen", () => {
    expect(seen.map(({ unit }) => unit)).toEqual([expect.closeTo(2e6, 3), expect.closeTo(6 ** (1 / 3) * 1e6, 3), 1]);
  });
});

describe("rank correlation", () => {
  it("is 1 for one order, −1 for the reverse, and shares ranks among equals", () => {
    expect(rankCorrelation([1, 2, 3, 4], [10, 20, 25, 90])).toBeCloseTo(1, 12);
    expect(rankCorrelation([1, 2, 3, 4], [4, 3, 2, 1])).toBeCloseTo(-1, 12);
    // By hand: ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3 have products 4.5 and squares 4.5 and 5.
    expect(rankCorrelation([1, 2, 2, 4], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12);
  });
});
