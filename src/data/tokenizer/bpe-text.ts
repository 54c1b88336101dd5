/** Encodes whole texts with a BPE: added tokens, then pieces, then the merges of each piece. */
import type { BpeEncoder } from "./bpe-encoder.js";
import type { BpeShape } from "./bpe-shape.js";
import type { AddedToken } from "./tokenizer-file.js";
import { type SpecialTokens, sectionWalker } from "./tokenizer-sections.js";

/** The encoder of well-formed text. */
export function textEncoder(
  shape: BpeShape,
  encoder: BpeEncoder,
  addedTokens: readonly AddedToken[],
  specialTokens: SpecialTokens,
): (text: string) => Int32Array {
  const walk = sectionWalker(addedTokens, { normalize: shape.normalize, specialTokens });
  return (text) => {
    const ids = new IdList(text.length);
    const onPiece = (piece: string): void => ids.append(encoder.encode(piece));
    let first = true;
    const onSection = (section: string): void => {
      shape.split(section, first, onPiece);
      first = false;
    };
    const onToken = (id: number): void => {
      ids.push(id);
      first = false;
    };
    walk(text, onSection, onToken);
    return ids.take();
  };
}

/** A growing list of ids without one object per id. */
class IdList {
  private ids: Int32Array;
  private length = 0;

  constructor(characters: number) {
    this.ids = new Int32Array(Math.max(16, characters >> 2));
  }

  append(ids: Int32Array): void {
    this.reserve(ids.length);
    // Most pieces have few tokens: a loop is cheaper than `set`.
    for (let at = 0; at < ids.length; at++) this.ids[this.length + at] = ids[at];
    this.length += ids.length;
  }

  push(id: number): void {
    this.reserve(1);
    this.ids[this.length++] = id;
  }

  /** The ids, in a buffer of their own size. */
  take(): Int32Array {
    return this.ids.slice(0, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.ids.length) return;
    const grown = new Int32Array(Math.max(2 * this.ids.length, this.length + more));
    grown.set(this.ids);
    this.ids = grown;
  }
}
