import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bestF1, confusionAt, type Judged, qualityReport, ratesOf } from "../../../src/corpus/quality/measures.js";

const judgedTexts: fc.Arbitrary<Judged> = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 1 })), { minLength: 1, maxLength: 50 })
  .map((pairs) => ({
    probabilities: Float64Array.from(pairs, ([twentieths]) => twentieths / 20),
    labels: Uint8Array.from(pairs, ([, label]) => label),
  }));

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

describe("measures", () => {
  it("equal those counted text by text", () => {
    fc.assert(
      fc.property(judgedTexts, fc.integer({ min: 0, max: 20 }), (judged, twentieths) => {
        const texts = [...judged.labels].map((label, at) => ({ good: label === 1, said: judged.probabilities[at] }));
        const kept = texts.filter(({ said }) => said >= twentieths / 20);
        const precision = share(kept.filter(({ good }) => good).length, kept.length);
        const recall = share(kept.filter(({ good }) => good).length, texts.filter(({ good }) => good).length);
        const right = texts.filter(({ good, said }) => good === said >= twentieths / 20).length;
        const rates = ratesOf(confusionAt(judged, twentieths / 20));
        expect(rates).toMatchObject({ precision, recall, kept: kept.length / texts.length });
        expect(rates.accuracy).toBe(right / texts.length);
        expect(rates.f1).toBeCloseTo(share(2 * precision * recall, precision + recall), 12);
      }),
    );
  });

  it("find the best F1 of all thresholds there are", () => {
    fc.assert(
      fc.property(judgedTexts, (judged) => {
        const f1 = (threshold: number): number => ratesOf(confusionAt(judged, threshold)).f1;
        const thresholds = [...new Set(judged.probabilities)].sort((a, b) => a - b);
        const largest = Math.max(...thresholds.map(f1));
        expect(bestF1(judged)).toBe(thresholds.find((each) => f1(each) === largest));
      }),
    );
    expect(bestF1({ probabilities: new Float64Array(), labels: new Uint8Array() })).toBe(0.5);
  });
});

describe("the report", () => {
  const judged = {
    probabilities: Float64Array.of(0.1, 0.2, 0.62, 0.64, 0.9),
    labels: Uint8Array.of(0, 0, 1, 0, 1),
  };

  it("says what the threshold does, what others would, and whether probabilities are true", () => {
    const { facts, tables, plots } = qualityReport(judged, 0.5, { "held-out texts": 5 });
    expect(facts).toMatchObject({ "held-out texts": 5, threshold: 0.5, "precision on held-out labels": 0.66667 });
    expect(facts).toMatchObject({ "recall on held-out labels": 1, "ROC AUC on held-out labels": 0.83333 });
    const [curve, calibration] = tables;
    expect(curve.rows.find(([threshold]) => threshold === 0.65)).toEqual([0.65, 0.2, 1, 0.5, 0.66667]);
    expect(calibration.rows[6]).toEqual(["0.6 to 0.7", 2, 0.63, 0.5]);
    expect(calibration.rows.reduce((sum, [, texts]) => sum + Number(texts), 0)).toBe(5);
    expect(plots[0].series.every(({ y }) => y.length === plots[0].x.length)).toBe(true);
  });

  it("keeps less and recalls less the higher the threshold", () => {
    fc.assert(
      fc.property(judgedTexts, (any) => {
        const rows = qualityReport(any, 0.5, {}).tables[0].rows;
        for (const column of [1, 3])
          for (let at = 1; at < rows.length; at++)
            expect(Number(rows[at][column])).toBeLessThanOrEqual(Number(rows[at - 1][column]));
      }),
    );
  });

  it("has no AUC of one class, and no numbers at all without labels", () => {
    const good = { ...judged, labels: new Uint8Array(5).fill(1) };
    expect(Object.keys(qualityReport(good, 0.5, {}).facts)).not.toContain("ROC AUC on held-out labels");
    const nothing = qualityReport({ probabilities: new Float64Array(), labels: new Uint8Array() }, 0.5, {});
    expect(nothing.facts["quality on held-out labels"]).toBe("not measured: no label is held out");
  });
});
