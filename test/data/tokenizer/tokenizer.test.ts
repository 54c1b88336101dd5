import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { loadTokenizer } from "../../../src/data/tokenizer/tokenizer.js";
import {
  GOLDEN_FOLDER,
  type GoldenIds,
  goldenFile,
  idsOf,
  patched,
  VARIANTS,
  writeVariant,
} from "./tokenizer-variants.js";

const TRAINED = join(GOLDEN_FOLDER, "tokenizer.json");
const texts = goldenFile<string[]>("texts.json");
const golden = goldenFile<{ variants: Record<string, GoldenIds> }>("ids.json");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokenizer-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function writeTemporary(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

describe("our encoder", () => {
  it.each(VARIANTS)("gives the ids of Hugging Face: $name", async ({ name, patch, base }) => {
    const tokenizer = await loadTokenizer(await writeVariant(folder, patch, base));
    expect(tokenizer.encoder).toBe(base === undefined ? "byte-bpe" : "character-bpe");
    const ids = idsOf(tokenizer, texts);
    const expected = golden.variants[name];
    for (const [at, text] of texts.entries())
      expect([text, ids.literal[at], ids.parse[at]]).toEqual([text, expected.literal[at], expected.parse[at]]);
  });

  it("agrees with the library on any text", async () => {
    const ours = await loadTokenizer(TRAINED);
    const library = await loadTokenizer(TRAINED, { encoder: "library" });
    expect(library.encoder).toBe("library");
    const unit = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string(),
      fc.constantFrom("<|endoftext|>", " ", "\n", "the"),
    );
    const text = fc.array(unit).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, fc.constantFrom("literal" as const, "parse" as const), (sample, specialTokens) => {
        expect([...ours.encode(sample, { specialTokens })]).toEqual([...library.encode(sample, { specialTokens })]);
      }),
      { numRuns: 300 },
    );
  });

  it("gives every text back", async () => {
    const tokenizer = await loadTokenizer(TRAINED);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  it("takes half a surrogate pair for U+FFFD", async () => {
    const tokenizer = await loadTokenizer(TRAINED);
    expect(tokenizer.encode("a\ud83db\udc00")).toEqual(tokenizer.encode("a\ufffdb\ufffd"));
    expect(tokenizer.decode(tokenizer.encode("\ud83d\ude00"))).toBe("😀");
  });

  it("encodes a piece of a million bytes without quadratic time", async () => {
    const tokenizer = await loadTokenizer(TRAINED);
    const text = "the".repeat(350_000);
    const ids = tokenizer.encode(text);
    expect(tokenizer.decode(ids)).toBe(text);
    expect(ids.length).toBeLessThan(text.length / 2);
  });
});

describe("special tokens", () => {
  it("are text unless parsing is asked for", async () => {
    const tokenizer = await loadTokenizer(TRAINED);
    const { endOfText } = tokenizer;
    expect(endOfText).toBe(0);
    expect([...tokenizer.encode("a<|endoftext|>b")]).not.toContain(endOfText);
    expect(tokenizer.encode("a<|endoftext|>b", { specialTokens: "parse" })[1]).toBe(endOfText);
    expect(tokenizer.tokenText(endOfText)).toBe("<|endoftext|>");
  });

  it("may swallow the space beside them", async () => {
    const [endOfText] = patched({})["added_tokens"] as Record<string, unknown>[];
    const mask = { ...endOfText, id: 600, content: "<mask>", lstrip: true };
    const path = await writeTemporary("mask.json", patched({ added_tokens: [endOfText, mask] }));
    const tokenizer = await loadTokenizer(path);
    expect(tokenizer.vocabulary).toBe(601);
    expect([...tokenizer.encode("a <mask>", { specialTokens: "parse" })]).toEqual([...tokenizer.encode("a"), 600]);
    expect([...tokenizer.encode("a <mask>")]).not.toContain(600);
  });
});

describe("decode", () => {
  it("leaves out ids without a token", async () => {
    const tokenizer = await loadTokenizer(TRAINED);
    expect(tokenizer.decode([...tokenizer.encode("tool"), 999_999])).toBe("tool");
    expect(tokenizer.decode([])).toBe("");
    expect(tokenizer.tokenText(999_999)).toBeNull();
  });
});

describe("the end of a document", () => {
  const model = { type: "WordLevel", vocab: { hello: 0, end: 1, "</s>": 2 }, unk_token: "end" };

  it("is a known name", async () => {
    expect((await loadTokenizer(await writeTemporary("known.json", { model }))).endOfText).toBe(2);
  });

  it("is otherwise named beside the file", async () => {
    await writeTemporary("tokenizer_config.json", { eos_token: { content: "end" } });
    const named = await loadTokenizer(await writeTemporary("named.json", { model }));
    expect(named.endOfText).toBe(1);
    await rm(join(folder, "tokenizer_config.json"));
  });

  it("is asked for where there is none", async () => {
    const nameless = { model: { ...model, vocab: { hello: 0 }, unk_token: "hello" } };
    await expect(loadTokenizer(await writeTemporary("nameless.json", nameless))).rejects.toThrow(/eos_token/);
  });
});

describe("the token before a text", () => {
  const model = { type: "WordLevel", vocab: { hello: 0, "<s>": 1, "</s>": 2, begin: 3 }, unk_token: "hello" };
  const template = (id: string): object => ({
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { [id]: { id, ids: [1], tokens: [id] } },
  });
  const begin = async (content: object): Promise<number | null> =>
    (await loadTokenizer(await writeTemporary("begin.json", { model, ...content }))).beginOfText;

  it("is the first of the post-processor's template, whatever is named beside the file, and added when asked for", async () => {
    expect(await begin({})).toBeNull();
    await writeTemporary("tokenizer_config.json", { bos_token: "begin" });
    expect(await begin({})).toBeNull();
    expect(await begin({ post_processor: template("<s>") })).toBe(1);
    expect(await begin({ post_processor: { type: "Sequence", processors: [template("<s>")] } })).toBe(1);
    expect(await begin({ post_processor: template("unheard-of") })).toBeNull();
    await rm(join(folder, "tokenizer_config.json"));
    const tokenizer = await loadTokenizer(
      await writeTemporary("begin.json", { model, post_processor: template("<s>") }),
    );
    expect([...tokenizer.encode("hello")]).toEqual([0]);
    expect([...tokenizer.encode("hello", { begin: true })]).toEqual([1, 0]);
    expect([...tokenizer.encode("", { begin: true })]).toEqual([1]);
    expect([tokenizer.idOf("begin"), tokenizer.idOf("end")]).toEqual([3, null]);
  });
});

describe("the fingerprint", () => {
  it("follows the ids and nothing else", async () => {
    const original = await loadTokenizer(TRAINED);
    const load = async (patch: Record<string, unknown>) => loadTokenizer(await writeVariant(folder, patch));
    expect((await load({ decoder: null, padding: {} })).fingerprint).toBe(original.fingerprint);
    expect((await load({ model: { ignore_merges: true } })).fingerprint).not.toBe(original.fingerprint);
    expect((await load({ normalizer: { type: "NFC" } })).fingerprint).not.toBe(original.fingerprint);
  });
});

describe("other tokenizers", () => {
  it("go through the library", async () => {
    const vocab = { "[UNK]": 0, hello: 1, wor: 2, "##ld": 3, "[SEP]": 4 };
    const model = { type: "WordPiece", vocab, unk_token: "[UNK]", continuing_subword_prefix: "##" };
    const path = await writeTemporary("wordpiece.json", { model, pre_tokenizer: { type: "Whitespace" } });
    const tokenizer = await loadTokenizer(path);
    expect(tokenizer.encoder).toBe("library");
    expect([...tokenizer.encode("hello world x")]).toEqual([1, 2, 3, 0]);
  });

  it("may list their tokens with scores", async () => {
    const vocab = [
      ["<unk>", 0],
      ["</s>", 0],
      ["\u2581a", -1],
      ["b", -2],
      ["\u2581ab", -2.5],
    ];
    const metaspace = { type: "Metaspace", replacement: "\u2581", prepend_scheme: "always" };
    const model = { type: "Unigram", unk_id: 0, vocab };
    const tokenizer = await loadTokenizer(
      await writeTemporary("unigram.json", { model, pre_tokenizer: metaspace, decoder: metaspace }),
    );
    expect([tokenizer.vocabulary, tokenizer.endOfText]).toEqual([5, 1]);
    // The more likely way to spell a word wins: -2.5 for the whole against -1 - 2 for its parts.
    expect([...tokenizer.encode("ab ab")]).toEqual([4, 4]);
    expect([...tokenizer.encode("abb")]).toEqual([4, 3]);
  });

  it("say so when a text has no token", async () => {
    const model = { type: "WordLevel", vocab: { hello: 0, "</s>": 1 } };
    const tokenizer = await loadTokenizer(await writeTemporary("words.json", { model }));
    expect(() => tokenizer.encode("bye")).toThrow(UserError);
  });
});

describe("a broken file", () => {
  const trained = JSON.stringify(patched({}));
  const cases: [string, unknown][] = [
    ["empty", ""],
    ["cut off", trained.slice(0, trained.length / 2)],
    ["a list", []],
    ["something else", { model_type: "llama", hidden_size: 64 }],
    ["without a vocabulary", patched({ model: { vocab: null } })],
    ["with an empty vocabulary", patched({ model: { vocab: {} } })],
    ["with text for an id", patched({ model: { vocab: { a: "1" } } })],
    ["with an id beyond reason", patched({ model: { vocab: { a: 2 ** 40 } } })],
    ["with a negative id", patched({ model: { vocab: { a: -1 } } })],
    ["with merges of nothing", patched({ model: { merges: [["nothing", "here"]] } })],
    ["with a merge of three", patched({ model: { merges: ["a b c"] } })],
    ["with added tokens that are text", patched({ added_tokens: ["<|endoftext|>"] })],
    ["with added tokens in an object", patched({ added_tokens: {} })],
    [
      "with an added token of another id than its twin",
      patched({ added_tokens: [{ id: 5, content: "<|endoftext|>" }] }),
    ],
    ["with a gap before an added token", patched({ added_tokens: [{ id: 601, content: "<mask>" }] })],
    ["with a strange pre-tokenizer", patched({ pre_tokenizer: { type: "Strange" } })],
    ["with a pre-tokenizer of text", patched({ pre_tokenizer: "ByteLevel" })],
    [
      "with a broken pattern",
      patched({ pre_tokenizer: { type: "Split", pattern: { Regex: "[" }, behavior: "Isolated" } }),
    ],
    ["with a cut at nothing", patched({ pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Split" }] } })],
    ["of an unknown model", patched({ model: { type: "Strange", vocab: ["x"], merges: [] } })],
    ["with scores missing", { model: { type: "Unigram", vocab: [["a"]] } }],
  ];

  it.each(cases)("%s is a UserError", async (name, content) => {
    await expect(loadTokenizer(await writeTemporary(`${name}.json`, content))).rejects.toThrow(UserError);
  });

  it.each(["normalizer", "pre_tokenizer", "post_processor", "decoder"])("with a bottomless %s is one", async (part) => {
    const list =
      { normalizer: "normalizers", pre_tokenizer: "pretokenizers", decoder: "decoders" }[part] ?? "processors";
    const levels = 100_000;
    const nested = `{"type":"Sequence","${list}":[`.repeat(levels) + "]}".repeat(levels);
    const file = trained.replace(/\}$/, `,${JSON.stringify(part)}:${nested}}`);
    await expect(loadTokenizer(await writeTemporary("deep.json", file))).rejects.toThrow(/nests/);
  });

  it("that is absent is a UserError", async () => {
    await expect(loadTokenizer(join(folder, "absent.json"))).rejects.toThrow(UserError);
  });
});
