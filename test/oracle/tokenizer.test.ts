/** Asks Hugging Face's own `tokenizers` and `transformers` (Python) for the ids of texts that are in no golden file. */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REAL_TOKENIZERS, writeRealTokenizers } from "../../scripts/golden/real-tokenizers.js";
import { tokenizerJson, trainBpe, writeTokenizer } from "../../src/data/tokenizer/bpe-train.js";
import { loadTokenizer } from "../../src/data/tokenizer/tokenizer.js";
import { REAL_TEXTS, realIds, wellFormed } from "../data/tokenizer/real-texts.js";
import { NASTY_TEXTS, randomTexts, spelledTexts, trainingTexts } from "../data/tokenizer/tokenizer-texts.js";
import { type GoldenIds, idsOf, VARIANTS, writeVariant } from "../data/tokenizer/tokenizer-variants.js";

const PYTHON = process.env["HEPHAESTUS_PYTHON"] ?? "python3";
const SCRIPT = join(import.meta.dirname, "../../scripts/golden/tokenizer.py");

function hasModule(name: string): boolean {
  return spawnSync(PYTHON, ["-c", `import ${name}`]).status === 0;
}

function ask<T>(question: "encode" | "file" | "train" | "open", content: unknown): T {
  const { status, stdout, stderr } = spawnSync(PYTHON, [SCRIPT, question], {
    input: JSON.stringify(content),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as T;
}

const withoutTokenizers = hasModule("tokenizers") ? null : `${PYTHON} has no module tokenizers (set HEPHAESTUS_PYTHON)`;
const withoutTransformers = hasModule("transformers")
  ? null
  : `${PYTHON} has no module transformers (set HEPHAESTUS_PYTHON)`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "oracle-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("Hugging Face tokenizers", () => {
  it("encodes as we do, in every variant", async ({ skip }) => {
    if (withoutTokenizers !== null) skip(withoutTokenizers);
    const texts = [...NASTY_TEXTS, ...randomTexts(1000), ...spelledTexts(2000), ...trainingTexts(20)];
    const { variants } = ask<{ variants: Record<string, GoldenIds> }>("encode", texts);
    for (const { name, patch, base } of VARIANTS) {
      const ours = idsOf(await loadTokenizer(await writeVariant(folder, patch, base)), texts);
      const theirs = variants[name];
      for (const [at, text] of texts.entries())
        expect([name, text, ours.literal[at], ours.parse[at]]).toEqual([
          name,
          text,
          theirs.literal[at],
          theirs.parse[at],
        ]);
    }
  });

  it.for(Object.keys(REAL_TOKENIZERS))("encodes and decodes as we do with the file of %s", async (name, { skip }) => {
    if (withoutTokenizers !== null) skip(withoutTokenizers);
    const trouble = await writeRealTokenizers(folder);
    if (trouble !== null) skip(trouble);
    const path = join(folder, name, "tokenizer.json");
    const tokenizer = await loadTokenizer(path);
    const texts = [...REAL_TEXTS.map(wellFormed), ...randomTexts(6000), ...spelledTexts(6000), ...trainingTexts(200)];
    const ids = realIds(tokenizer.vocabulary, 1500);
    const theirs = ask<GoldenIds & { decoded: string[] }>("file", { path, texts, ids });
    const ours = idsOf(tokenizer, texts);
    for (const [at, text] of texts.entries())
      expect([text, ours.literal[at], ours.parse[at]]).toEqual([text, theirs.literal[at], theirs.parse[at]]);
    expect(ids.map((list) => tokenizer.decode(list))).toEqual(theirs.decoded);
  });

  it("trains the same tokenizer from the same texts", async ({ skip }) => {
    if (withoutTokenizers !== null) skip(withoutTokenizers);
    const texts = [...trainingTexts(400), ...randomTexts(400)];
    for (const vocabulary of [400, 2000]) {
      const { vocab, merges } = ask<{ vocab: object; merges: string[][] }>("train", { texts, vocabulary });
      const ours = tokenizerJson(await trainBpe(texts, { vocabulary }))["model"];
      expect(ours).toMatchObject({ vocab, merges });
    }
  });
});

describe("transformers", () => {
  it("opens the folder of a trained tokenizer", async ({ skip }) => {
    if (withoutTransformers !== null) skip(withoutTransformers);
    const path = join(folder, "tokenizer.json");
    await writeTokenizer(path, await trainBpe(trainingTexts(100), { vocabulary: 500 }));
    const ours = await loadTokenizer(path);
    const texts = NASTY_TEXTS.slice(1);
    const theirs = ask<{ endOfText: number; vocabulary: number; ids: number[][]; decoded: string[] }>("open", {
      folder,
      texts,
    });
    expect([theirs.endOfText, theirs.vocabulary]).toEqual([ours.endOfText, ours.vocabulary]);
    expect(theirs.ids).toEqual(texts.map((text) => [...ours.encode(text, { specialTokens: "parse" })]));
    expect(theirs.decoded).toEqual(texts);
  });
});
