import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { type Architecture, architectureOf, checkArchitecture } from "../../src/model/architecture.js";
import { llama, planOf, variants } from "./architectures.js";

function problemsOf(changes: Partial<Architecture>): string[] {
  try {
    checkArchitecture({ ...llama, ...changes }, "config.json");
    return [];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    for (const problem of error.problems) expect(problem.where).toBe("config.json");
    return error.problems.map((problem) => problem.what);
  }
}

describe("architectureOf", () => {
  it("takes the plan's numbers and pads the vocabulary up", () => {
    expect(architectureOf(planOf(llama), 61)).toEqual(llama);
    expect(architectureOf(planOf(llama), 64).vocabulary).toBe(64);
    expect(architectureOf(planOf(llama), 65).vocabulary).toBe(128);
  });

  it("gives the smallest multiple that holds the vocabulary", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300_000 }),
        fc.integer({ min: 1, max: 512 }),
        (vocabulary, padVocabularyTo) => {
          const padded = architectureOf({ ...planOf(llama), padVocabularyTo }, vocabulary).vocabulary;
          expect(padded % padVocabularyTo).toBe(0);
          expect(padded - vocabulary).toBeGreaterThanOrEqual(0);
          expect(padded - vocabulary).toBeLessThan(padVocabularyTo);
        },
      ),
    );
  });

  it("refuses a plan that makes no decoder", () => {
    expect(() => architectureOf({ ...planOf(llama), kvHeads: 3 }, 61)).toThrow("kvHeads must divide heads");
  });
});

describe("checkArchitecture", () => {
  it.each(Object.entries(variants))("accepts %s", (_name, architecture) => {
    expect(checkArchitecture(architecture, "here")).toBe(architecture);
  });

  it.each([
    [{ width: 0 }, "width must be"],
    [{ layers: 1.5 }, "layers must be"],
    [{ layers: 1e9 }, "layers is beyond"],
    [{ feedForward: -4 }, "feedForward must be"],
    [{ vocabulary: Number.NaN }, "vocabulary must be"],
    [{ maxLength: Number.POSITIVE_INFINITY }, "maxLength must be"],
    [{ vocabulary: 2 ** 31 }, "the largest matrix is too large"],
    [{ kvHeads: 3 }, "kvHeads must divide heads"],
    [{ kvHeads: 8 }, "kvHeads must divide heads"],
    [{ headWidth: 7 }, "headWidth must be even"],
    [{ slidingWindow: 0 }, "slidingWindow must be"],
    [{ normEpsilon: 0 }, "normEpsilon must be"],
    [{ ropeTheta: -1 }, "ropeTheta must be"],
    [{ nopeLayers: [2] }, "nopeLayers must be"],
    [{ nopeLayers: [1, 0] }, "nopeLayers must be"],
    [{ nopeLayers: [-1] }, "nopeLayers must be"],
    [{ nopeLayers: [0.5] }, "nopeLayers must be"],
    [{ nopeLayers: [1], qkNorm: true }, "nopeLayers cannot be combined"],
    [{ qkNorm: true, qkvBias: true }, "qkNorm and qkvBias cannot be combined"],
    [
      { ropeScaling: { factor: 0.5, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalLength: 8 } },
      "ropeScaling.factor",
    ],
    [
      { ropeScaling: { factor: 8, lowFrequencyFactor: 4, highFrequencyFactor: 4, originalLength: 8 } },
      "ropeScaling needs 0 <",
    ],
    [
      { ropeScaling: { factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalLength: 0 } },
      "ropeScaling.originalLength",
    ],
  ] satisfies [Partial<Architecture>, string][])("refuses %j and says why", (changes, words) => {
    expect(problemsOf(changes)).toEqual([expect.stringContaining(words)]);
  });

  it("names all problems at once", () => {
    expect(problemsOf({ headWidth: 7, kvHeads: 3, ropeTheta: 0, normEpsilon: -1 })).toHaveLength(4);
  });
});
