/** A small sentencepiece-style BPE, trained by us: characters, byte fallback, words that carry their space as `▁`. */

import { byteToken } from "../../src/data/tokenizer/bpe-characters.js";
import { findMerges } from "../../src/data/tokenizer/bpe-merges.js";

const SPECIAL = ["<unk>", "<s>", "</s>"];

/** As a `tokenizer.json` of Llama 2's kind. Lines are trained on whole, so that some tokens reach over a space. */
export function sentencepieceJson(texts: readonly string[], vocabulary: number): Record<string, unknown> {
  const lines = texts.flatMap((text) => text.split("\n")).map((line) => Array.from(`▁${line.replaceAll(" ", "▁")}`));
  const counts = new Map<string, number>();
  for (const character of lines.flat()) counts.set(character, (counts.get(character) ?? 0) + 1);
  // Rare characters stay out, and become bytes.
  const alphabet = [...counts]
    .filter(([, count]) => count > 40)
    .map(([character]) => character)
    .sort();
  const bytes = Array.from({ length: 256 }, (_, byte) => byteToken(byte));
  const tokens = [...SPECIAL, ...bytes, ...alphabet];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const words = lines.flatMap((line) =>
    line.join("").split(new RegExp(`[^${alphabet.join("").replace(/[\\\]^-]/g, "\\$&")}]+`, "u")),
  );
  const laidOut = words
    .filter((word) => word !== "")
    .map((word) => Array.from(word, (character) => ids.get(character) ?? 0));
  const starts: number[] = [];
  let total = 0;
  for (const word of laidOut) {
    starts.push(total);
    total += word.length;
  }
  const merges = findMerges(
    {
      tokens: Int32Array.from(laidOut.flat()),
      starts: Int32Array.from(starts),
      lengths: Int32Array.from(laidOut, ({ length }) => length),
      counts: new Float64Array(laidOut.length).fill(1),
    },
    tokens,
    vocabulary,
    () => {},
  );
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({ id, content, ...flags })),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: "<unk>",
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map(({ left, right }) => [tokens[left], tokens[right]]),
    },
  };
}
