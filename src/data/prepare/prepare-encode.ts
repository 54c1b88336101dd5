/** Texts to tokens, each followed by the end-of-text token: the work that `prepare` hands to its worker threads. */
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { SpecialTokens } from "../tokenizer/tokenizer-sections.js";

export interface EncodeChoices {
  /** The tokenizer's file. */
  readonly path: string;
  readonly specialTokens: SpecialTokens;
}

export interface EncodedTexts {
  /** The tokens of all texts, one after another. */
  readonly ids: Int32Array<ArrayBuffer>;
  /** How many of them belong to each text. */
  readonly lengths: Int32Array<ArrayBuffer>;
}

export function encodeTexts(
  tokenizer: Tokenizer,
  texts: readonly string[],
  specialTokens: SpecialTokens,
): EncodedTexts {
  const encoded = texts.map((text) => tokenizer.encode(text, { specialTokens }));
  const lengths = Int32Array.from(encoded, ({ length }) => length + 1);
  const ids = new Int32Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const [text, tokens] of encoded.entries()) {
    ids.set(tokens, at);
    at += lengths[text];
    ids[at - 1] = tokenizer.endOfText;
  }
  return { ids, lengths };
}
