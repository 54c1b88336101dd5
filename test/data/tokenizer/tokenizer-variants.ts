/** The variants of the golden tokenizer: the same vocabulary under other normalizers, pre-tokenizers and added tokens. */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Tokenizer } from "../../../src/data/tokenizer/tokenizer.js";

export const GOLDEN_FOLDER = join(import.meta.dirname, "../../golden/tokenizer");

export interface Variant {
  readonly name: string;
  /** The golden tokenizer that is changed: the byte-level one unless said otherwise. */
  readonly base?: "sentencepiece.json";
  readonly patch: { readonly model?: Record<string, unknown> } & Record<string, unknown>;
}

/** Ids of every text with special tokens as text, and with special tokens parsed (null: the same). */
export interface GoldenIds {
  readonly literal: readonly number[][];
  readonly parse: readonly (number[] | null)[];
}

/** Every text's ids in both ways, as our loader gives them. */
export function idsOf(tokenizer: Tokenizer, texts: readonly string[]): GoldenIds {
  const literal = texts.map((text) => [...tokenizer.encode(text)]);
  const parse = texts.map((text) => [...tokenizer.encode(text, { specialTokens: "parse" })]);
  return { literal, parse: parse.map((ids, at) => (isDeepStrictEqual(ids, literal[at]) ? null : ids)) };
}

export function goldenFile<T>(name: string): T {
  return JSON.parse(readFileSync(join(GOLDEN_FOLDER, name), "utf8")) as T;
}

export const VARIANTS = goldenFile<Variant[]>("variants.json");

/** The golden tokenizer with the patch in place; fields of `model` go into the model. */
export function patched(patch: Variant["patch"], base: string = "tokenizer.json"): Record<string, unknown> {
  const content = goldenFile<Record<string, unknown> & { model: Record<string, unknown> }>(base);
  return { ...content, ...patch, model: { ...content.model, ...patch.model } };
}

/** Writes a tokenizer into a folder and returns its path. */
export async function writeVariant(folder: string, patch: Variant["patch"], base?: Variant["base"]): Promise<string> {
  const path = join(folder, "tokenizer.json");
  await writeFile(path, JSON.stringify(patched(patch, base)));
  return path;
}
