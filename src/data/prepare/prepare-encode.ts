/** Texts to tokens, a plain one begun as the tokenizer begins texts, each ending with the end-of-text token: the work that `prepare` hands to its worker threads. */
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { SpecialTokens } from "../tokenizer/tokenizer-sections.js";

export interface EncodeChoices {
  /** The tokenizer's file. */
  readonly path: string;
  readonly specialTokens: SpecialTokens;
}

/** A text of which only some characters count in the loss. */
export interface MarkedText {
  readonly text: string;
  readonly counted: readonly (readonly [number, number])[];
}

/** What is encoded: a plain text counts as a whole. All texts of a list are of one kind. */
export type EncodableText = string | MarkedText;

export interface EncodedTexts {
  /** The tokens of all texts, one after another. */
  readonly ids: Int32Array<ArrayBuffer>;
  /** How many of them belong to each text. */
  readonly lengths: Int32Array<ArrayBuffer>;
  /** 1 where the token counts; null: the texts were plain. */
  readonly mask: Uint8Array<ArrayBuffer> | null;
}

export function encodeTexts(
  tokenizer: Tokenizer,
  texts: readonly EncodableText[],
  specialTokens: SpecialTokens,
): EncodedTexts {
  const marked = texts.some((text) => typeof text !== "string");
  const encoded = texts.map((text) => encodeText(tokenizer, text, specialTokens));
  const lengths = Int32Array.from(encoded, ({ length }) => length);
  const size = lengths.reduce((sum, length) => sum + length, 0);
  const ids = new Int32Array(size);
  const mask = marked ? new Uint8Array(size) : null;
  let at = 0;
  for (const { segments, length } of encoded) {
    let inside = at;
    for (const { tokens, counts } of segments) {
      ids.set(tokens, inside);
      mask?.fill(counts ? 1 : 0, inside, inside + tokens.length);
      inside += tokens.length;
    }
    at += length;
    if (inside < at) ids[inside] = tokenizer.endOfText;
  }
  return { ids, lengths, mask };
}

interface EncodedText {
  readonly segments: readonly { readonly tokens: Int32Array; readonly counts: boolean }[];
  /** Of all segments, and the end-of-text token where it is still to come. */
  readonly length: number;
}

/**
 * Cut where counting begins and ends, so that no token is half of each: so is a prompt encoded before an answer is generated. An end-of-text
 * token that the text itself ends with is not repeated; one that is added does not count.
 */
function encodeText(tokenizer: Tokenizer, given: EncodableText, specialTokens: SpecialTokens): EncodedText {
  const { text, counted } = typeof given === "string" ? { text: given, counted: null } : given;
  const begin = counted === null;
  const encode = (from: number, to: number): Int32Array =>
    tokenizer.encode(text.slice(from, to), { specialTokens, begin });
  const cuts = [0, ...(counted?.flat() ?? []), text.length];
  const segments = cuts.slice(1).map((end, at) => ({ tokens: encode(cuts[at], end), counts: at % 2 === 1 }));
  const length = segments.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const last = segments.findLast(({ tokens }) => tokens.length > 0)?.tokens.at(-1);
  return { segments, length: length + (counted !== null && last === tokenizer.endOfText ? 0 : 1) };
}
