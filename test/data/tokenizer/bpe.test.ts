import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BYTE_CHARACTERS, bytesToCharacters } from "../../../src/data/tokenizer/bpe-alphabet.js";
import { BpeEncoder } from "../../../src/data/tokenizer/bpe-encoder.js";
import { Heap } from "../../../src/data/tokenizer/bpe-heap.js";
import { findMerges } from "../../../src/data/tokenizer/bpe-merges.js";
import { PairTable } from "../../../src/data/tokenizer/bpe-pairs.js";
import { splitText } from "../../../src/data/tokenizer/bpe-split.js";
import {
  END_OF_TEXT,
  SPLIT_PATTERN,
  tokenizerJson,
  trainBpe,
  writeTokenizer,
} from "../../../src/data/tokenizer/bpe-train.js";
import type { Words } from "../../../src/data/tokenizer/bpe-words.js";
import { loadTokenizer } from "../../../src/data/tokenizer/tokenizer.js";
import { trainingTexts } from "./tokenizer-texts.js";
import { GOLDEN_FOLDER, goldenFile } from "./tokenizer-variants.js";

describe("the byte alphabet", () => {
  it("has one printable character for every byte", () => {
    expect(new Set(BYTE_CHARACTERS).size).toBe(256);
    expect(BYTE_CHARACTERS.every((character) => /^[^\s\p{C}]$/u.test(character))).toBe(true);
    // The corners of the published table: space, line feed, the last control character, soft hyphen, and a letter.
    expect(bytesToCharacters(Uint8Array.of(0x20, 0x0a, 0x9f, 0xad, 0x41))).toBe("ĠĊŁŃA");
  });
});

describe("the heap", () => {
  it("gives numbers back in order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (numbers) => {
        const heap = new Heap((a, b) => a < b);
        for (const number of numbers) heap.push(number);
        expect(heap.size).toBe(numbers.length);
        const out = numbers.map(() => heap.pop());
        expect(out).toEqual([...numbers].sort((a, b) => a - b));
        expect(heap.pop()).toBeNull();
      }),
    );
  });
});

describe("the pair table", () => {
  it("numbers pairs like a map does", () => {
    const pair = fc.tuple(fc.nat(300), fc.oneof(fc.nat(300), fc.integer({ min: 2 ** 22 - 9, max: 2 ** 22 })));
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 400 }), (pairs) => {
        const table = new PairTable(4);
        const expected = new Map<string, number>();
        for (const [left, right] of pairs) {
          const name = `${left} ${right}`;
          expect(table.find(left, right)).toBe(expected.get(name) ?? null);
          const number = expected.get(name) ?? expected.size;
          expected.set(name, number);
          expect(table.add(left, right)).toBe(number);
          expect([table.left(number), table.right(number)]).toEqual([left, right]);
        }
        expect(table.size).toBe(expected.size);
      }),
    );
  });
});

describe("splitting", () => {
  const split = (text: string, ...patterns: string[]): string[] => {
    const pieces: string[] = [];
    const stages = patterns.map((source) => ({ pattern: new RegExp(source, "gu"), prefixSpace: false }));
    splitText(text, stages, (piece) => pieces.push(piece));
    return pieces;
  };

  it("loses nothing, whatever matches", () => {
    const patterns = fc.constantFrom("a", "b*", "\\s+", "\\p{L}", "", "(?=a)", SPLIT_PATTERN);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), patterns, patterns, (text, first, second) => {
        const pieces = split(text, first, second);
        expect(pieces.join("")).toBe(text);
        expect(pieces).not.toContain("");
      }),
    );
  });

  it("follows our pattern's rules", () => {
    const pieces = split("It's 12345 Grüße, x=नमस्ते!\n\n  end  ", SPLIT_PATTERN);
    expect(pieces).toEqual(["It", "'s", " ", "123", "45", " Grüße", ",", " x", "=नमस्ते", "!\n\n", " ", " end", "  "]);
  });
});

/** Byte-pair encoding as it is defined: look for the best-ranked pair, leftmost, merge, begin again. */
function encodeByDefinition(ids: readonly number[], merges: readonly (readonly [number, number, number])[]): number[] {
  let now = [...ids];
  for (;;) {
    const ranked = now.slice(1).map((right, at) => merges.findIndex(([a, b]) => a === now[at] && b === right));
    const best = Math.min(...ranked.filter((rank) => rank >= 0));
    if (!Number.isFinite(best)) return now;
    const at = ranked.indexOf(best);
    now = [...now.slice(0, at), merges[best][2], ...now.slice(at + 2)];
  }
}

describe("the encoder", () => {
  it("agrees with the definition for any merges", () => {
    const bytesOf = (piece: string): Int32Array => Int32Array.from(Buffer.from(piece));
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 60 });
    const draws = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 12 });
    fc.assert(
      fc.property(letters, draws, (text, drawn) => {
        const known = [97, 98, 99];
        const merges: [number, number, number][] = [];
        for (const [a, b] of drawn) {
          const [left, right] = [known[a % known.length], known[b % known.length]];
          if (merges.some(([x, y]) => x === left && y === right)) continue;
          merges.push([left, right, 256 + merges.length]);
          known.push(256 + merges.length - 1);
        }
        const encoder = new BpeEncoder({ symbols: bytesOf, merges: Int32Array.from(merges.flat()), wholePiece: null });
        const expected = encodeByDefinition([...Buffer.from(text)], merges);
        expect([...encoder.encode(text)]).toEqual(expected);
        expect([...encoder.encode(text)]).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});

/** Words as the trainer lays them out. */
function layOut(words: readonly (readonly number[])[], counts: readonly number[]): Words {
  const starts = words.map((_, at) => words.slice(0, at).flat().length);
  return {
    tokens: Int32Array.from(words.flat()),
    starts: Int32Array.from(starts),
    lengths: Int32Array.from(words, ({ length }) => length),
    counts: Float64Array.from(counts),
  };
}

/** Training as it is defined: count all pairs anew before every merge. Tokens are told apart by their spelling. */
function mergesByDefinition(
  words: readonly (readonly number[])[],
  counts: readonly number[],
  tokens: string[],
  size: number,
) {
  const merges: { left: number; right: number; result: number }[] = [];
  const now = words.map((word) => [...word]);
  while (tokens.length < size) {
    const pairs = new Map<string, { left: number; right: number; count: number }>();
    for (const [index, word] of now.entries())
      for (let at = 0; at + 1 < word.length; at++) {
        const pair = { left: word[at], right: word[at + 1], count: 0 };
        const known = pairs.get(`${pair.left} ${pair.right}`) ?? pair;
        known.count += counts[index];
        pairs.set(`${pair.left} ${pair.right}`, known);
      }
    const best = [...pairs.values()].sort((a, b) => b.count - a.count || a.left - b.left || a.right - b.right)[0];
    if (best === undefined || best.count < 2) break;
    const { left, right } = best;
    const spelling = `${tokens[left]}${tokens[right]}`;
    const result = tokens.includes(spelling) ? tokens.indexOf(spelling) : tokens.push(spelling) - 1;
    if (!merges.some((merge) => merge.left === left && merge.right === right)) merges.push({ left, right, result });
    for (const word of now)
      for (let at = 0; at + 1 < word.length; at++)
        if (word[at] === left && word[at + 1] === right) word.splice(at, 2, result);
  }
  return merges;
}

describe("training", () => {
  it("finds the merges that counting anew would find", () => {
    const word = fc.array(fc.nat(2), { minLength: 2, maxLength: 12 });
    const counted = fc.tuple(word, fc.integer({ min: 1, max: 3 }));
    fc.assert(
      fc.property(fc.array(counted, { maxLength: 12 }), (sample) => {
        const words = sample.map(([letters]) => letters);
        const counts = sample.map(([, count]) => count);
        const tokens = ["a", "b", "c"];
        const merges = findMerges(layOut(words, counts), tokens, 20, () => {});
        const expectedTokens = ["a", "b", "c"];
        expect(merges).toEqual(mergesByDefinition(words, counts, expectedTokens, 20));
        expect(tokens).toEqual(expectedTokens);
      }),
      { numRuns: 500 },
    );
  });

  it("does not depend on the order of the texts", async () => {
    const texts = trainingTexts(20);
    const forward = await trainBpe(texts, { vocabulary: 400 });
    expect(await trainBpe([...texts].reverse(), { vocabulary: 400 })).toEqual(forward);
    expect(forward.tokens.length).toBe(400);
    expect(forward.tokens[0]).toBe(END_OF_TEXT);
  });

  it("gives the committed tokenizer again", async () => {
    const trained = await trainBpe(trainingTexts(300), { vocabulary: 600 });
    expect(tokenizerJson(trained)).toEqual(goldenFile("tokenizer.json"));
  });

  it("reports its progress and stops where nothing repeats", async () => {
    const phases = new Set<string>();
    const onProgress = ({ phase }: { phase: string }) => phases.add(phase);
    const trained = await trainBpe(["abab abab xy"], { vocabulary: 300, onProgress });
    expect([...phases]).toEqual(["reading", "merging"]);
    expect(trained.tokens.slice(257)).toEqual(["ab", "abab"]);
  });

  it("leaves over-long pieces out and takes half surrogate pairs", async () => {
    const noise = "ab".repeat(400);
    const trained = await trainBpe([noise, noise, "\ud800"], { vocabulary: 300 });
    expect(trained.merges).toEqual([]);
  });

  it.each([256, 2 ** 21, 300.5])("refuses a vocabulary of %d", async (vocabulary) => {
    await expect(trainBpe([], { vocabulary })).rejects.toThrow(/this many tokens/);
  });

  it("writes a file that our loader opens", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bpe-"));
    const path = join(folder, "tokenizer.json");
    await writeTokenizer(path, await trainBpe(trainingTexts(5), { vocabulary: 300 }));
    const tokenizer = await loadTokenizer(path);
    expect([tokenizer.vocabulary, tokenizer.endOfText, tokenizer.encoder]).toEqual([300, 0, "byte-bpe"]);
    const config = JSON.parse(await readFile(join(folder, "tokenizer_config.json"), "utf8"));
    expect(config.eos_token).toBe(END_OF_TEXT);
    await rm(folder, { recursive: true });
  });

  it("keeps the committed tokenizer small", async () => {
    expect((await readFile(join(GOLDEN_FOLDER, "tokenizer.json"))).length).toBeLessThan(100_000);
  });
});
