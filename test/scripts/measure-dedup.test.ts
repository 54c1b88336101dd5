import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { similarPairs } from "../../scripts/measure-dedup/pairs.js";
import { estimate, shareBand, signAll, WAYS } from "../../scripts/measure-dedup/signatures.js";
import { distinct } from "../../src/corpus/dedup/sign.js";
import { similarityOf } from "../../src/corpus/dedup/similarity.js";

it("the brute force finds every similar pair", () => {
  const set = fc
    .array(fc.integer({ min: 0, max: 12 }), { maxLength: 10 })
    .map((list) => distinct(Uint32Array.from(list)));
  fc.assert(
    fc.property(fc.array(set, { maxLength: 12 }), fc.constantFrom(0.3, 0.6, 0.8, 1), (sets, least) => {
      const expected: string[] = [];
      for (const [b, other] of sets.entries())
        for (let a = 0; a < b; a++) {
          const similarity = similarityOf(sets[a], other, least);
          if (similarity !== null) expected.push(`${a} ${b} ${similarity}`);
        }
      const found = [...similarPairs(sets, least)].map(({ a, b, similarity }) => `${a} ${b} ${similarity}`);
      expect(found.sort()).toEqual(expected.sort());
    }),
    { numRuns: 300 },
  );
});

describe("every way to sign", () => {
  it("tells equal sets from strangers", () => {
    const sets = [0, 0, 1].map((start) => Uint32Array.from({ length: 50 }, (_, i) => start * 1000 + i));
    for (const way of WAYS) {
      const [one, same, stranger] = signAll(sets, way, { bands: 4, rows: 5 });
      expect([shareBand(one, same), shareBand(one, stranger)]).toEqual([true, false]);
      expect([estimate(one, same), estimate(one, stranger)]).toEqual([1, 0]);
    }
  });
});
