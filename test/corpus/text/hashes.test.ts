import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mix, runHashes, wordHash, wordHashes, wordsOf } from "../../../src/corpus/text/hashes.js";

describe("words", () => {
  it("are compared without case, layout, punctuation and compatibility forms", () => {
    expect(wordsOf("Get-Object:  it RETURNS\nthe ﬁle!")).toEqual(["get", "object", "it", "returns", "the", "file"]);
    expect(wordsOf("snake_case naïve Ω 42 日本語")).toEqual(["snake_case", "naïve", "ω", "42", "日本語"]);
    expect(wordsOf(" ,;\n")).toEqual([]);
  });

  it("hash as they do alone", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z0-9]{1,8}$/)), (words) => {
        expect([...wordHashes(words.join(" "))]).toEqual(words.map(wordHash));
      }),
    );
  });

  it("hash the same by the short way as by the long one", () => {
    const hard = ["ﷺ", "Σ", "\u0301", "\u0338", "<", "ﬁ", "İ", "\u00a0", "\u200b", "⑴", "가", "\ud800", "😀", "\0"];
    const piece = fc.oneof(
      fc.constantFrom(...hard, " ", "\n", "a", "B_", "7", "-"),
      fc.string({ unit: "binary", maxLength: 2 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join("");
        expect([...wordHashes(text)]).toEqual(wordsOf(text).map(wordHash));
      }),
      { numRuns: 500 },
    );
  });

  it("spread over all bits", () => {
    const ones = new Array<number>(32).fill(0);
    const words = Array.from({ length: 4000 }, (_, i) => `word${i}`);
    for (const word of words) {
      const hash = wordHash(word);
      for (let bit = 0; bit < 32; bit++) ones[bit] += (hash >>> bit) & 1;
    }
    // Five standard deviations of a fair coin thrown 4000 times.
    for (const count of ones) expect(Math.abs(count - 2000)).toBeLessThan(5 * Math.sqrt(1000));
    expect(new Set(words.map(wordHash)).size).toBeGreaterThan(3995);
  });
});

describe("runs of words", () => {
  it("are as many as there are places, and depend on nothing around them", () => {
    const words = fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 12 }), (list, length) => {
        const all = Uint32Array.from(list);
        const runs = runHashes(all, length);
        const size = Math.min(length, all.length);
        expect(runs.length).toBe(all.length - size + 1);
        for (let i = 0; i < runs.length; i++) expect(runs[i]).toBe(runHashes(all.slice(i, i + size), size)[0]);
      }),
    );
  });

  it("tell order apart, and a short text from its parts", () => {
    const run = (text: string, length: number) => [...runHashes(wordHashes(text), length)];
    expect(run("a b", 2)).not.toEqual(run("b a", 2));
    expect(run("a b", 5)).toEqual(run("a b", 2));
    expect(run("a", 1)).not.toEqual([wordHash("a")]);
    expect(run("", 3)).toEqual([]);
  });

  it("refuses lengths that are none", () => {
    for (const length of [0, -1, 1.5, Number.NaN])
      expect(() => runHashes(new Uint32Array(3), length)).toThrow(RangeError);
  });
});

it("mixes without losing a value, as published", () => {
  expect(mix(0)).toBe(0);
  // MurmurHash3_x86_32 of no bytes with seed 1 is its finaliser of 1.
  expect(mix(1)).toBe(0x514e28b7);
  const few = new Set(Array.from({ length: 50_000 }, (_, i) => mix(i * 85_899)));
  expect(few.size).toBe(50_000);
});
