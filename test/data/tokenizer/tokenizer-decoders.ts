/** Decoders over one vocabulary that has something for each of them, and lists of ids to decode. */
import { BYTE_CHARACTERS } from "../../../src/data/tokenizer/bpe-alphabet.js";
import { drawer } from "./tokenizer-texts.js";
import type { Variant } from "./tokenizer-variants.js";

const BYTES = [0x00, 0x0a, 0x20, 0x41, 0x7f, 0x80, 0x9f, 0xa0, 0xa9, 0xbf, 0xc3, 0xe0, 0xe2, 0x82, 0xac, 0xf0, 0xff];

/** Spellings by id; a byte's own character is at 1 + byte. */
export const PIECES: readonly string[] = [
  "<|endoftext|>",
  ...BYTE_CHARACTERS,
  ...BYTES.map((byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
  ...["<0xe2>", "<0x+5>", "<0x5>", "<0xG0>", "<0x0A", "<s>", "<tool_call>", "two words", "caf\u00e9", "日本"],
  ...[
    "\u2581",
    "\u2581a",
    "\u2581\u2581",
    "a\u2581b",
    "ab",
    "\u0120the",
    "\u0120\u0120",
    "\u00e2\u0124",
    "$&",
    "\ufeff",
  ],
];

/** The first id without a token. */
export const NO_TOKEN = PIECES.length;

const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
const added = (content: string, special: boolean): object => ({
  id: PIECES.indexOf(content),
  content,
  special,
  ...flags,
});

const base = {
  added_tokens: [
    added("<|endoftext|>", true),
    added("<s>", true),
    added("<tool_call>", false),
    added("two words", true),
  ],
  model: { vocab: Object.fromEntries(PIECES.map((piece, id) => [piece, id])), merges: [] },
};
const replace = { type: "Replace", pattern: { String: "\u2581" }, content: " " };
const strip = { type: "Strip", content: " ", start: 1, stop: 0 };
const decoder = (name: string, value: object | null): Variant => ({ name, patch: { ...base, decoder: value } });
const chain = (name: string, ...decoders: object[]): Variant => decoder(name, { type: "Sequence", decoders });
const metaspace = (prepend_scheme: string): object => ({
  type: "Metaspace",
  replacement: "\u2581",
  prepend_scheme,
  split: false,
});

export const DECODERS: readonly Variant[] = [
  decoder("bytes", { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true }),
  chain("llama 2", replace, { type: "ByteFallback" }, { type: "Fuse" }, strip),
  chain("gemma", replace, { type: "ByteFallback" }, { type: "Fuse" }),
  chain("each token stripped", replace, { type: "ByteFallback" }, { ...strip, start: 2 }),
  chain("fused and stripped of two", { type: "Fuse" }, { ...strip, content: "a", start: 2 }),
  decoder("metaspace", metaspace("always")),
  decoder("metaspace kept", metaspace("never")),
  chain("metaspace of the first", { type: "ByteFallback" }, metaspace("first")),
  decoder("replacement with a sign", { type: "Replace", pattern: { String: "a" }, content: "$&" }),
  decoder("none", null),
];

/** Lists of ids, broken and whole, some of them with no token. */
export function randomIds(count: number): number[][] {
  return Array.from({ length: count }, (_, at) => {
    const draw = drawer(`ids ${at}`);
    // Half of all draws are from the last, rare pieces.
    return Array.from({ length: at }, () => (draw(2) === 0 ? draw(NO_TOKEN + 1) : 257 + draw(NO_TOKEN - 257)));
  });
}
