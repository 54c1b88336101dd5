/** The loop of decoding over an engine that says what it is told to, and a tokenizer of letters. */
import { describe, expect, it } from "vitest";
import type { DecodingSession } from "../../src/engine/engine.js";
import { type GenerationOptions, generateTexts } from "../../src/eval/generation.js";

const LETTERS = "abcdefghij.";
const END = LETTERS.indexOf(".");

const TOKENIZER = {
  vocabulary: LETTERS.length,
  textStream: () => ({ push: (id: number) => LETTERS[id] ?? "", end: () => "" }),
};

/** Says, row by row, a text that does not depend on what it is fed; two more logits than the vocabulary, which are greater. */
function saying(...texts: readonly string[]): {
  session: () => DecodingSession;
  fed: (readonly (readonly number[])[])[];
} {
  const fed: (readonly (readonly number[])[])[] = [];
  const said = texts.map(() => 0);
  const session = (): DecodingSession => ({
    feed: async (tokens_B) => {
      fed.push(tokens_B);
      return tokens_B.map((tokens, row) => {
        if (tokens.length === 0) return null;
        const next = LETTERS.indexOf(texts[row][said[row]++]);
        return Float32Array.from({ length: LETTERS.length + 2 }, (_, id) =>
          id === next ? 5 : id >= LETTERS.length ? 9 : 0,
        );
      });
    },
    [Symbol.dispose]: () => {},
  });
  return { session, fed };
}

const OPTIONS: GenerationOptions = {
  ...{ tokens: 6, maxLength: 20, ends: new Set([END]), stops: [] },
  sampling: { temperature: 0, topK: null, topP: null, seed: 0 },
};

describe("generateTexts", () => {
  it("ends each row by itself: at an end, at a stop, at the most tokens; a row that ended is fed nothing", async () => {
    const engine = saying("ab.", "cdefgh", "abcdef", "j");
    const prompts = [[1], [1, 2], [3], new Array<number>(19).fill(1)];
    const shown = ["", "", "", ""];
    const { continuations, decodedTokens } = await generateTexts(engine, TOKENIZER, prompts, {
      ...{ ...OPTIONS, stops: ["fg"] },
      onText: (row, text) => {
        shown[row] += text;
      },
    });
    expect(continuations).toEqual([
      { text: "ab", tokens: 3, finish: "end" },
      { text: "cde", tokens: 5, finish: "stop" },
      { text: "abcdef", tokens: 6, finish: "length" },
      { text: "j", tokens: 1, finish: "length" },
    ]);
    expect(shown).toEqual(["ab", "cde", "abcdef", "j"]);
    expect(decodedTokens).toBe(3 + 5 + 6 + 1 - 4);
    expect(engine.fed).toEqual([
      prompts,
      [[0], [2], [0], []],
      [[1], [3], [1], []],
      [[], [4], [2], []],
      [[], [5], [3], []],
      [[], [], [4], []],
    ]);
  });

  it("shows what was held back for a stop when the text ends without it", async () => {
    const { continuations } = await generateTexts(saying("abc."), TOKENIZER, [[1]], { ...OPTIONS, stops: ["cd"] });
    expect(continuations).toEqual([{ text: "abc", tokens: 4, finish: "end" }]);
    const full = await generateTexts(saying("abc"), TOKENIZER, [[1]], { ...OPTIONS, tokens: 3, stops: ["cd"] });
    expect(full.continuations).toEqual([{ text: "abc", tokens: 3, finish: "length" }]);
  });

  it("refuses a model whose logits are not numbers", async () => {
    const feed = async (): Promise<Float32Array[]> => [Float32Array.of(1, Number.NaN)];
    const broken = { session: () => ({ feed, [Symbol.dispose]: () => {} }) };
    await expect(generateTexts(broken, TOKENIZER, [[1]], OPTIONS)).rejects.toThrow(/not numbers/);
  });
});
