import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runHashes, wordHashes } from "../../../src/corpus/text/hashes.js";
import { NgramCounter } from "../../../src/corpus/text/ngram-counter.js";

/** The same by a map of all hashes. */
function countedPlainly(text: string, bits: number): Map<number, number> {
  const words = wordHashes(text);
  const pairs = words.length < 2 ? [] : [...runHashes(words, 2)];
  const counts = new Map<number, number>();
  for (const hash of [...words, ...pairs])
    counts.set(Math.floor(hash / 2 ** (32 - bits)), (counts.get(Math.floor(hash / 2 ** (32 - bits))) ?? 0) + 1);
  return counts;
}

describe("n-grams of a text", () => {
  it("are its words and pairs by the first bits of their hashes, one text after the other", () => {
    const text = fc.array(fc.stringMatching(/^[a-d]{1,2}$/), { maxLength: 60 }).map((words) => words.join(" "));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(text, { maxLength: 5 }), (bits, texts) => {
        const counter = new NgramCounter(bits);
        for (const each of texts) {
          const { buckets, counts } = counter.count(each);
          const pairs = [...buckets].map((bucket, at) => [bucket, counts[at]] as const);
          expect(new Set(buckets).size).toBe(buckets.length);
          expect(new Map(pairs)).toEqual(countedPlainly(each, bits));
        }
      }),
    );
  });

  it("grow with the text", () => {
    const counter = new NgramCounter(20);
    const long = Array.from({ length: 5000 }, (_, at) => `w${at}`).join(" ");
    expect(counter.count(long).counts.reduce((sum, count) => sum + count, 0)).toBe(9999);
    expect(counter.count("one two").buckets.length).toBe(3);
    expect(counter.count("one").buckets.length).toBe(1);
    expect(counter.count(" ,;").buckets.length).toBe(0);
  });

  it("need a table that can be", () => {
    for (const bits of [0, 27, 1.5, Number.NaN]) expect(() => new NgramCounter(bits)).toThrow(RangeError);
  });
});
