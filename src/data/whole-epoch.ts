/**
 * One epoch of a domain whose documents are never cut: rows of whole documents, visited in a keyed order. When T changes on the way, the
 * documents that were not read, and those that no row was long enough for, are packed anew: none is read twice, and none that fits is lost.
 */
import type { Bins } from "./best-fit.js";
import { type EpochRows, ledgerMisfit, type Piece, type Segment } from "./epoch.js";
import { Permutation } from "./permutation.js";
import type { WholeDocuments } from "./whole-documents.js";

/** Rows between two stored sums. */
const BLOCK = 64;

export interface WholeEpochOptions {
  readonly domain: string;
  readonly seed: number;
  readonly epoch: number;
  readonly documents: WholeDocuments;
  /** The levels that are done with. */
  readonly finished: readonly Segment[];
  /** T of the level that is open. */
  readonly windowTokens: number;
}

export class WholeEpoch implements EpochRows {
  readonly windows: number;
  readonly finishedTokens: number;
  readonly tokens: number;
  readonly #documents: WholeDocuments;
  readonly #bins: Bins;
  readonly #permutation: Permutation | null;
  /** Inputs of the rows before each block of rows, in the order of the visit; made when first asked for. */
  #before: Float64Array | null = null;

  /** @throws UserError when a finished level claims more rows than there were. */
  constructor(options: WholeEpochOptions) {
    const { documents, finished, windowTokens } = options;
    this.#documents = documents;
    const read = finished.length > 0 ? new Uint8Array(documents.count) : null;
    const pack = (tokens: number): Bins =>
      read === null ? documents.packed(tokens) : documents.packedWithout(read, tokens);
    let finishedTokens = 0;
    finished.forEach((segment, level) => {
      const bins = pack(segment.windowTokens);
      if (segment.windows > bins.count) throw ledgerMisfit(options, segment, bins.count);
      const permutation = permutationOf(options, level, bins.count);
      for (let index = 0; index < segment.windows; index++)
        for (const document of documentsOf(bins, permutation?.at(index) ?? 0)) {
          if (read !== null) read[document] = 1;
          finishedTokens += documents.inputsOf(document);
        }
    });
    this.#bins = pack(windowTokens);
    this.windows = this.#bins.count;
    this.#permutation = permutationOf(options, finished.length, this.windows);
    this.finishedTokens = finishedTokens;
    this.tokens = finishedTokens + this.#inputsOf(this.#bins.documents);
  }

  piecesAt(index: number): Piece[] {
    return Array.from(this.#documentsAt(index), (document) => this.#documents.pieceOf(document));
  }

  tokensBefore(index: number): number {
    if (index === this.windows) return this.tokens - this.finishedTokens;
    this.#before ??= this.#sums();
    const block = Math.floor(index / BLOCK);
    let tokens = this.#before[block];
    for (let row = block * BLOCK; row < index; row++) tokens += this.#inputsOf(this.#documentsAt(row));
    return tokens;
  }

  #documentsAt(index: number): Int32Array {
    if (this.#permutation === null) throw new RangeError("this epoch has no row left");
    return documentsOf(this.#bins, this.#permutation.at(index));
  }

  #inputsOf(documents: Int32Array): number {
    let inputs = 0;
    for (const document of documents) inputs += this.#documents.inputsOf(document);
    return inputs;
  }

  #sums(): Float64Array {
    const before = new Float64Array(Math.ceil(this.windows / BLOCK));
    let tokens = 0;
    for (let row = 0; row < this.windows; row++) {
      if (row % BLOCK === 0) before[row / BLOCK] = tokens;
      tokens += this.#inputsOf(this.#documentsAt(row));
    }
    return before;
  }
}

function documentsOf({ starts, documents }: Bins, bin: number): Int32Array {
  return documents.subarray(starts[bin], starts[bin + 1]);
}

function permutationOf({ seed, domain, epoch }: WholeEpochOptions, level: number, rows: number): Permutation | null {
  return rows === 0 ? null : new Permutation(rows, { seed, stream: `whole/${level}/${domain}`, index: epoch });
}
