/** The tokenizers of published models give the ids and texts of Hugging Face `tokenizers`, recorded by scripts/golden/tokenizer.py. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REAL_TOKENIZERS, writeRealTokenizers } from "../../../scripts/golden/real-tokenizers.js";
import { loadTokenizer, type Tokenizer } from "../../../src/data/tokenizer/tokenizer.js";
import { digestOf, REAL_TEXTS, realIds } from "./real-texts.js";
import { goldenFile } from "./tokenizer-variants.js";

type Digest = readonly number[] | string;
interface Answers {
  readonly literal: readonly Digest[];
  /** Null: as with special tokens as text. */
  readonly parse: readonly (Digest | null)[];
  readonly decoded: readonly (readonly [kept: string, skipped: string])[];
}

const golden = goldenFile<{ files: Record<string, Answers> }>("real.json");
const SHAPES: Record<string, [encoder: string, vocabulary: number, begin: string | null, end: string]> = {
  // This file names its begin-of-text token and adds none, in transformers neither.
  llama3: ["byte-bpe", 128_256, null, "<|end_of_text|>"],
  qwen3: ["byte-bpe", 151_669, null, "<|endoftext|>"],
  llama2: ["character-bpe", 32_000, "<s>", "</s>"],
};

let folder: string;
let trouble: string | null;
const opened = new Map<string, Tokenizer>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "real-tokenizers-"));
  trouble = await writeRealTokenizers(folder);
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

async function open(name: string, skip: (why: string) => void): Promise<Tokenizer> {
  if (trouble !== null) skip(trouble);
  const known = opened.get(name) ?? (await loadTokenizer(join(folder, name, "tokenizer.json")));
  opened.set(name, known);
  return known;
}

describe.each(Object.keys(REAL_TOKENIZERS))("the tokenizer of %s", (name) => {
  const answers = golden.files[name];

  it("is recognised, with its first and last token", async ({ skip }) => {
    const tokenizer = await open(name, skip);
    const { encoder, vocabulary, beginOfText, endOfText, tokenText } = tokenizer;
    const begin = beginOfText === null ? null : tokenText(beginOfText);
    expect([encoder, vocabulary, begin, tokenText(endOfText)]).toEqual(SHAPES[name]);
  });

  it("gives the ids of Hugging Face for nasty texts", async ({ skip }) => {
    const tokenizer = await open(name, skip);
    expect(answers.literal.length).toBe(REAL_TEXTS.length);
    for (const [at, text] of REAL_TEXTS.entries()) {
      const literal = digestOf([...tokenizer.encode(text)]);
      const parse = digestOf([...tokenizer.encode(text, { specialTokens: "parse" })]);
      expect([text, literal, parse]).toEqual([text, answers.literal[at], answers.parse[at] ?? answers.literal[at]]);
    }
  });

  it("gives the texts of Hugging Face for any ids", async ({ skip }) => {
    const tokenizer = await open(name, skip);
    for (const [at, ids] of realIds(tokenizer.vocabulary).entries()) {
      const decoded = [tokenizer.decode(ids), tokenizer.decode(ids, { specialTokens: "skip" })];
      expect([ids, ...decoded]).toEqual([ids, ...answers.decoded[at]]);
    }
  });
});
