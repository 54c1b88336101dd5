import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { loadTokenizer, type Tokenizer } from "../../../src/data/tokenizer/tokenizer.js";
import type { AddedToken } from "../../../src/data/tokenizer/tokenizer-file.js";
import {
  type SectionRules,
  sectionWalker,
  specialTokenFinder,
} from "../../../src/data/tokenizer/tokenizer-sections.js";
import { patched } from "./tokenizer-variants.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shape-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function load(content: unknown): Promise<Tokenizer> {
  const path = join(folder, "tokenizer.json");
  await writeFile(path, JSON.stringify(content));
  return loadTokenizer(path);
}

const BYTE_LEVEL = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
const SPLIT = { type: "Split", pattern: { Regex: "\\p{L}+" }, behavior: "Isolated", invert: false };
const sequence = (...pretokenizers: object[]): object => ({ pre_tokenizer: { type: "Sequence", pretokenizers } });

describe("the shape that our own encoder takes", () => {
  const ours: [string, object][] = [
    ["the trained one", {}],
    ["bytes alone", { pre_tokenizer: BYTE_LEVEL }],
    ["several cuts", sequence(SPLIT, { type: "Digits" }, BYTE_LEVEL)],
    ["no cuts in a sequence", sequence(BYTE_LEVEL)],
    ["canonical composition", { normalizer: { type: "NFC" } }],
    ["a model without a type, as old files have it", { model: { type: undefined } }],
    ["merges as text", { model: { merges: ["a b"], vocab: { ...bytes(), ab: 300, "<|endoftext|>": 0 } } }],
    ["dropout of nought", { model: { dropout: 0 } }],
  ];
  it.each(ours)("has %s", async (_name, patch) => {
    expect((await load(patched(patch as Record<string, unknown>))).encoder).toBe("byte-bpe");
  });

  const others: [string, object][] = [
    ["no pre-tokenizer", { pre_tokenizer: null }],
    ["no bytes", { pre_tokenizer: { type: "Whitespace" } }],
    ["bytes that do not come last", sequence(BYTE_LEVEL, SPLIT)],
    ["an empty sequence", sequence()],
    ["cuts that drop what they match", sequence({ ...SPLIT, behavior: "Removed" }, BYTE_LEVEL)],
    ["cuts turned round", sequence({ ...SPLIT, invert: true }, BYTE_LEVEL)],
    ["cuts at a text", sequence({ ...SPLIT, pattern: { String: " " } }, BYTE_LEVEL)],
    ["another normalizer", { normalizer: { type: "Lowercase" } }],
    ["a suffix for ends of words", { model: { end_of_word_suffix: "</w>" } }],
    ["dropout", { model: { dropout: 0.1 } }],
    ["a byte missing", { model: { vocab: { a: 1, "<|endoftext|>": 0 }, merges: [] } }],
  ];
  it.each(others)("has not %s", async (_name, patch) => {
    expect((await load(patched(patch as Record<string, unknown>))).encoder).toBe("library");
  });

  function bytes(): Record<string, number> {
    const { vocab } = patched({})["model"] as { vocab: Record<string, number> };
    return Object.fromEntries(Object.entries(vocab).filter(([, id]) => id <= 256));
  }
});

describe("a damaged tokenizer", () => {
  const byteLevel = { ...patched({}), model: { ...(patched({})["model"] as object), merges: [["a", "b"]] } };
  const small = { a: 1, b: 2, ab: 3, "<|endoftext|>": 0 };
  const characters = patched({}, "sentencepiece.json");
  const contents: [string, Record<string, unknown>][] = [
    ["byte-level", { ...byteLevel, model: { ...byteLevel.model, vocab: small } }],
    ["sentencepiece-style", characters],
    [
      "words with spaces",
      {
        ...characters,
        normalizer: null,
        pre_tokenizer: { type: "Metaspace", replacement: "\u2581", prepend_scheme: "first", split: false },
      },
    ],
  ];

  it.each(contents)("of %s kind loads and encodes, or is a UserError: never anything else", async (_kind, content) => {
    const paths = pathsOf(content);
    const value = fc.oneof(
      fc.constantFrom(null, true, -1, 2 ** 53, "", "x", "\\", "(", [], {}, [[]], [null], { type: "ByteLevel" }),
      fc.constantFrom({ type: "Metaspace" }, { type: "Replace", pattern: { String: "" }, content: "" }, "first", false),
      fc.jsonValue(),
    );
    const damages = fc.array(fc.tuple(fc.constantFrom(...paths), value), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(damages, async (list) => {
        const broken = structuredClone(content);
        for (const [path, replacement] of list) replaceAt(broken, path, structuredClone(replacement));
        try {
          const tokenizer = await load(broken);
          for (const specialTokens of ["literal", "parse"] as const)
            tokenizer.decode(tokenizer.encode("ab c<|endoftext|> </s>\n", { specialTokens }), {
              specialTokens: "skip",
            });
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
        }
      }),
      { numRuns: 200 },
    );
  });

  /** Every place in a JSON value. */
  function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
    if (value === null || typeof value !== "object") return [path];
    // A few entries of a vocabulary stand for all.
    const below = Object.entries(value)
      .slice(0, 40)
      .flatMap(([name, item]) => pathsOf(item, [...path, name]));
    return path.length === 0 ? below : [path, ...below];
  }

  function replaceAt(content: unknown, path: readonly string[], replacement: unknown): void {
    let at = content;
    for (const name of path.slice(0, -1)) {
      if (at === null || typeof at !== "object") return;
      at = (at as Record<string, unknown>)[name];
    }
    if (at !== null && typeof at === "object") (at as Record<string, unknown>)[path[path.length - 1]] = replacement;
  }
});

describe("sections", () => {
  const token = (id: number, content: string, changed: Partial<AddedToken> = {}): AddedToken => ({
    id,
    content,
    special: true,
    normalized: false,
    lstrip: false,
    rstrip: false,
    single_word: false,
    ...changed,
  });

  function walk(text: string, tokens: readonly AddedToken[], rules: Partial<SectionRules> = {}): (string | number)[] {
    const found: (string | number)[] = [];
    const walker = sectionWalker(tokens, { normalize: (part) => part, specialTokens: "parse", ...rules });
    walker(
      text,
      (part) => found.push(part),
      (id) => found.push(id),
    );
    return found;
  }

  it("are tokens and the text between them", () => {
    const tokens = [token(1, "<a>"), token(2, "[.*]")];
    expect(walk("x<a><a>y[.*]", tokens)).toEqual(["x", 1, 1, "y", 2]);
    expect(walk("", tokens)).toEqual([]);
    expect(walk("plain", [])).toEqual(["plain"]);
  });

  it("take the longest of the tokens that start at a place", () => {
    expect(walk("<a><a>b", [token(1, "<a>"), token(2, "<a>b"), token(3, "a>")])).toEqual([1, 2]);
  });

  it("leave special tokens in the text when they are literal, and what these hide", () => {
    const tokens = [token(1, "<a>"), token(2, ">b", { special: false }), token(3, "c", { special: false })];
    expect(walk("<a>bc", tokens, { specialTokens: "literal" })).toEqual(["<a>b", 3]);
    expect(walk(">b", tokens, { specialTokens: "literal" })).toEqual([2]);
  });

  it("look for raw tokens before the normalizer and for the others after it", () => {
    const compose = (part: string): string => part.normalize("NFC");
    const composed = token(1, "\u00e9", { normalized: true, special: false });
    const raw = token(2, "e\u0301", { special: false });
    expect(walk("xe\u0301y", [composed], { normalize: compose })).toEqual(["x", 1, "y"]);
    expect(walk("xe\u0301y", [composed, raw], { normalize: compose })).toEqual(["x", 2, "y"]);
    expect(walk("xe\u0301y", [composed])).toEqual(["xe\u0301y"]);
  });

  it("give a token the space beside it, but no token twice", () => {
    const tokens = [token(1, "<l>", { lstrip: true }), token(2, "<r>", { rstrip: true })];
    expect(walk("x \u00a0\n<l> y<r>\t \u2028z<r> <l>", tokens)).toEqual(["x", 1, " y", 2, "z", 2, 1]);
    expect(walk(" <l>", tokens)).toEqual([1]);
  });

  it("leave a token inside a word alone where it must be a word of its own", () => {
    const tokens = [token(1, "do", { single_word: true })];
    expect(walk("do undo do-it redo\u0301 do_ \u{1d400}do do\u{1d400} (do)", tokens)).toEqual([
      1,
      " undo ",
      1,
      "-it redo\u0301 do_ \u{1d400}do do\u{1d400} (",
      1,
      ")",
    ]);
  });

  it("tell whether a special token is spelled out", () => {
    const finds = specialTokenFinder([token(1, "<a>"), token(2, "b", { special: false })]);
    expect([finds("x<a>"), finds("b"), specialTokenFinder([])("x")]).toEqual([true, false, false]);
  });
});
