/** The material of BPE training: the distinct pieces of a text sample with their counts, laid out as one array of byte tokens. */
import { BYTE_CHARACTERS } from "./bpe-alphabet.js";
import { type SplitStage, splitText } from "./bpe-split.js";

/** Longer pieces (keys, base64) are noise that costs time and teaches nothing; UTF-8 bytes. */
const LONGEST_PIECE = 512;

export interface Words {
  /** Tokens of all words, one after another; a word shrinks in place as its tokens are merged. */
  readonly tokens: Int32Array;
  /** Where word w starts in `tokens`. */
  readonly starts: Int32Array;
  /** How many tokens word w has now. */
  readonly lengths: Int32Array;
  /** How often word w stands in the sample. */
  readonly counts: Float64Array;
}

/** Characters of the byte alphabet in code-point order: token `firstId + n` is the n-th. */
export const SORTED_ALPHABET: readonly string[] = [...BYTE_CHARACTERS].sort();

/** Collects the pieces of texts. */
export class WordCounter {
  private readonly counts = new Map<string, number>();

  constructor(private readonly stages: readonly SplitStage[]) {}

  add(text: string): void {
    const { counts } = this;
    splitText(text, this.stages, (piece) => {
      const count = counts.get(piece);
      // The first time, a copy: a piece cut out of a document would keep the whole document in memory.
      if (count === undefined) counts.set(Buffer.from(piece, "utf8").toString("utf8"), 1);
      else counts.set(piece, count + 1);
    });
  }

  /** The words of two or more bytes: shorter ones have no pair to merge. `firstId` is the first byte token. */
  finish(firstId: number): Words {
    const idOfByte = BYTE_CHARACTERS.map((character) => firstId + SORTED_ALPHABET.indexOf(character));
    const pieces: Buffer[] = [];
    const counts: number[] = [];
    let total = 0;
    for (const [piece, count] of this.counts) {
      const bytes = Buffer.from(piece, "utf8");
      if (bytes.length < 2 || bytes.length > LONGEST_PIECE) continue;
      pieces.push(bytes);
      counts.push(count);
      total += bytes.length;
    }
    const words = { tokens: new Int32Array(total), starts: new Int32Array(pieces.length) };
    let at = 0;
    for (const [word, bytes] of pieces.entries()) {
      words.starts[word] = at;
      for (const byte of bytes) words.tokens[at++] = idOfByte[byte];
    }
    return { ...words, lengths: Int32Array.from(pieces, ({ length }) => length), counts: Float64Array.from(counts) };
  }
}
