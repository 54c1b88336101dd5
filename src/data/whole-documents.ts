/**
 * A domain as whole documents: how long each is, where it begins, and the rows that they fill when none is cut. A document of n tokens is
 * n − 1 inputs with their targets; one of a single token predicts nothing and is never read.
 *
 * Costs 4 bytes a document for the lengths and 8 more for every row length T that is used.
 */
import { type Bins, packBestFit } from "./best-fit.js";
import type { Piece } from "./epoch.js";

/** Documents between two stored sums: a document's start costs at most this many additions. */
const BLOCK = 64;

/** Documents that no row of a given length holds. */
export interface LeftOut {
  readonly documents: number;
  readonly tokens: number;
}

export class WholeDocuments {
  readonly count: number;
  readonly tokens: number;
  readonly #lengths: Int32Array;
  /** Tokens before each block of documents. */
  readonly #before: Float64Array;
  readonly #packed = new Map<number, Bins>();

  /** @param lengths tokens of each document, in the order of the stream */
  constructor(lengths: Int32Array) {
    this.count = lengths.length;
    this.#lengths = lengths;
    this.#before = new Float64Array(Math.ceil(lengths.length / BLOCK));
    let tokens = 0;
    for (let document = 0; document < lengths.length; document++) {
      if (document % BLOCK === 0) this.#before[document / BLOCK] = tokens;
      tokens += lengths[document];
    }
    this.tokens = tokens;
  }

  /** Inputs of a document. */
  inputsOf(document: number): number {
    return Math.max(0, this.#lengths[document] - 1);
  }

  pieceOf(document: number): Piece {
    const block = Math.floor(document / BLOCK);
    let start = this.#before[block];
    for (let other = block * BLOCK; other < document; other++) start += this.#lengths[other];
    return { start, length: this.inputsOf(document) };
  }

  /** The documents of at most T inputs, laid into rows of T. */
  packed(windowTokens: number): Bins {
    const known = this.#packed.get(windowTokens);
    if (known !== undefined) return known;
    const bins = packBestFit(this.#sizes(null), windowTokens);
    this.#packed.set(windowTokens, bins);
    return bins;
  }

  /** As `packed`, without the documents whose entry in `read` is 1. */
  packedWithout(read: Uint8Array, windowTokens: number): Bins {
    return packBestFit(this.#sizes(read), windowTokens);
  }

  /** The documents that are longer than a row of T inputs. */
  leftOut(windowTokens: number): LeftOut {
    let documents = 0;
    let tokens = 0;
    for (const length of this.#lengths) {
      if (length <= windowTokens + 1) continue;
      documents++;
      tokens += length;
    }
    return { documents, tokens };
  }

  #sizes(read: Uint8Array | null): Int32Array {
    return this.#lengths.map((length, document) => (read?.[document] === 1 ? 0 : Math.max(0, length - 1)));
  }
}
