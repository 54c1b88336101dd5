import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { nthLargest } from "../../../src/corpus/selection/nth-score.js";
import {
  orderedScore,
  reaches,
  readScores,
  type ScoreKey,
  ScoreWriter,
  scoreOf,
} from "../../../src/corpus/selection/score-file.js";
import { documentOf } from "../run-step.js";

interface Scored {
  readonly origin: string;
  readonly score: number;
  readonly tag: number;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "scores-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

function written(path: string, scored: readonly Scored[]): string {
  using scores = new ScoreWriter(path);
  for (const { origin, score, tag } of scored) scores.write(documentOf("text", { origin }), score, tag);
  return path;
}

describe("a score", () => {
  it("keeps its order as an unsigned number, and comes back", () => {
    const score = fc.float({ noNaN: true });
    fc.assert(
      fc.property(score, score, (a, b) => {
        expect(scoreOf(orderedScore(a))).toBe(a + 0);
        expect(Math.sign(orderedScore(a) - orderedScore(b))).toBe(a === b ? 0 : Math.sign(a > b ? 1 : -1));
      }),
    );
    expect(orderedScore(-0)).toBe(orderedScore(0));
  });

  it("is never none", () => {
    using scores = new ScoreWriter(join(folder(), "scores"));
    expect(() => scores.write(documentOf("text"), Number.NaN, 0)).toThrow("no score");
  });

  it("comes back from the disk in the order of writing, however many there are", () => {
    const many = Array.from({ length: 150_000 }, (_, at) => ({
      origin: `${at % 7}`,
      score: Math.fround(at / 3),
      tag: at,
    }));
    const path = written(join(folder(), "scores"), many);
    let at = 0;
    let wrong = 0;
    for (const { ordered, tag } of readScores([path])) {
      if (scoreOf(ordered) !== many[at].score || tag !== many[at].tag) wrong++;
      at++;
    }
    expect({ at, wrong }).toEqual({ at: 150_000, wrong: 0 });
  });

  it("is not made up for half a record", () => {
    const path = written(join(folder(), "scores"), [{ origin: "a", score: 1, tag: 0 }]);
    appendFileSync(path, "half");
    expect(() => [...readScores([path])]).toThrow("is damaged");
  });
});

describe("the n-th best score", () => {
  it("is that of a sorted list, whatever the files it is spread over", () => {
    const at = folder();
    const scored = fc.record({
      // Few values, so that equal scores are ordered by their origins.
      score: fc.constantFrom(-3, -0.5, 0, 0.25, 0.250001, 7),
      tag: fc.integer({ min: 0, max: 1 }),
    });
    let run = 0;
    fc.assert(
      fc.property(fc.array(fc.array(scored, { maxLength: 12 }), { minLength: 1, maxLength: 3 }), (files) => {
        run++;
        const paths = files.map((list, file) => {
          const named = list.map((each, place) => ({ ...each, origin: `${file}-${place}` }));
          return written(join(at, `${run}-${file}`), named);
        });
        const wanted = [...readScores(paths)].filter(({ tag }) => tag === 1);
        const sorted = wanted.sort((a, b) => (reaches(a, b) ? -1 : 1));
        for (const [place, { tag: _, ...key }] of sorted.entries()) {
          const found: ScoreKey = nthLargest(paths, place + 1, (tag) => tag === 1);
          expect(found).toEqual(key);
          expect(wanted.filter((each) => reaches(each, found)).length).toBe(place + 1);
        }
        expect(() => nthLargest(paths, wanted.length + 1, (tag) => tag === 1)).toThrow(RangeError);
      }),
      { numRuns: 15 },
    );
    expect(() => nthLargest([], 0, () => true)).toThrow(RangeError);
  });
});
