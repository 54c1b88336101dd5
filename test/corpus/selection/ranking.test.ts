import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matches, matchWords } from "../../../src/corpus/selection/document-match.js";
import { Histogram, rocAuc } from "../../../src/corpus/selection/ranking.js";
import { documentOf } from "../run-step.js";

describe("the area under the curve", () => {
  it("is the share of pairs in the right order, equal ones half", () => {
    const scores = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(scores, scores, (positives, negatives) => {
        let pairs = 0;
        for (const good of positives) for (const bad of negatives) pairs += good > bad ? 1 : good === bad ? 0.5 : 0;
        const auc = pairs / positives.length / negatives.length;
        expect(rocAuc(Float64Array.from(positives), negatives)).toBeCloseTo(auc, 14);
        expect(rocAuc(Uint32Array.from(positives), negatives)).toBeCloseTo(auc, 14);
      }),
    );
  });

  it("leaves the scores as they were, and is none without both kinds", () => {
    const positives = Float64Array.of(3, 1, 2);
    expect(rocAuc(positives, [0, 5])).toBe(0.5);
    expect([...positives]).toEqual([3, 1, 2]);
    expect(rocAuc(positives, [])).toBeNull();
    expect(rocAuc(new Float64Array(), [1])).toBeNull();
  });
});

describe("a histogram", () => {
  it("puts every score into one of its bins", () => {
    const histogram = new Histogram(-1, 1);
    for (const score of [-1, -0.99, 0, 1]) histogram.add(score);
    const shares = histogram.shares();
    expect(shares.length).toBe(40);
    expect([shares[0], shares[20], shares[39]]).toEqual([0.5, 0.25, 0.25]);
    expect(histogram.middles()[20]).toBe(0.025);
  });

  it("of equal scores, or of none, has finite shares", () => {
    const equal = new Histogram(2, 2);
    equal.add(2);
    expect(equal.shares()[0]).toBe(1);
    expect(new Histogram(0, 1).shares().every((share) => share === 0)).toBe(true);
  });
});

it("matches documents that every list names", () => {
  const document = documentOf("text", { source: "aws", domain: "agent", form: "trajectory" });
  expect(matches(document, {})).toBe(true);
  expect(matches(document, { sources: ["aws", "web"], domains: ["agent"], forms: ["trajectory"] })).toBe(true);
  for (const other of [{ sources: ["web"] }, { domains: [] }, { sources: ["aws"], forms: ["text"] as const }])
    expect(matches(document, other)).toBe(false);
  expect([matchWords({}), matchWords({ sources: ["aws", "web"], domains: ["agent"] })]).toEqual([
    "every document",
    "sources aws, web and domains agent",
  ]);
});
