/**
 * Reads any window of one file's tokens. Only the window's ids and the list offsets around it leave the disk; between reads a file costs an
 * open handle and 64 bytes for each record batch.
 */
import { UserError } from "../../base/errors.js";
import { ShardFile } from "./shard-file.js";
import { damaged, decodeMetadata, LARGEST_VOCABULARY, type ShardClaims } from "./shard-format.js";
import { type BatchPlace, indexShard, type ListPlace, type ShardIndex } from "./shard-index.js";
import type { ListColumn } from "./shard-layout.js";
import { type Offsets, rowEdges } from "./shard-offsets.js";
import { VALUE_BITS } from "./shard-record-batch.js";
import { readValues } from "./shard-values.js";

const LONGEST_DOCUMENT = 2 ** 31 - 1;

/** What a read fills. */
export interface WindowTarget {
  readonly ids: Int32Array;
  /** 0 or 1 per token, or null when it is not asked for. */
  readonly mask: Uint8Array | null;
  /** Receives the positions in `ids` where documents begin. */
  readonly starts: number[];
}

export class ShardReader implements Disposable {
  readonly path: string;
  readonly bytes: number;
  readonly index: ShardIndex;
  /** The header of a shard of ours, or null for an Arrow file that another program wrote. */
  readonly claims: ShardClaims | null;
  readonly #file: ShardFile;

  /** @throws UserError when the file cannot be used, and where it contradicts its own header. */
  constructor(path: string) {
    this.#file = new ShardFile(path);
    try {
      this.path = path;
      this.bytes = this.#file.bytes;
      this.index = indexShard(this.#file);
      this.claims = decodeMetadata(this.index.layout.metadata, path);
      this.#checkTotals();
    } catch (error) {
      this.#file[Symbol.dispose]();
      throw error;
    }
  }

  get tokens(): number {
    return this.index.batches.tokens;
  }

  get documents(): number {
    return this.index.batches.documents;
  }

  get hasMask(): boolean {
    return this.index.layout.mask !== null;
  }

  /**
   * Reads tokens `[start, start + target.ids.length)` of this file.
   * @throws UserError naming the row when an id is not in the vocabulary, a mask value is not 0 or 1, or the list offsets are damaged.
   */
  read(start: number, target: WindowTarget): void {
    const end = start + target.ids.length;
    if (start < 0 || end > this.tokens) throw new RangeError(`tokens ${start} to ${end} of a shard of ${this.tokens}`);
    for (let number = this.index.batches.find(start), at = start; at < end; number++) {
      const batch = this.index.batches.at(number);
      const to = Math.min(end, batch.tokenStart + batch.tokens);
      if (to > at) this.#readBatch(batch, at - batch.tokenStart, to - batch.tokenStart, at - start, target);
      at = to;
    }
  }

  /**
   * Fills in the tokens of each document of this file, in order.
   * @throws UserError when the list offsets are damaged, or a document is longer than 2^31 − 1 tokens.
   */
  documentLengths(into: Int32Array): void {
    // Rows that no edge speaks of stand before the first token or after the last of their record batch: they are empty.
    into.fill(0);
    for (let number = 0; number < this.index.batches.length; number++) {
      const batch = this.index.batches.at(number);
      const where = `${this.path}, record batch ${number}`;
      const offsets = offsetsOf(batch, this.index.layout.ids, batch.ids);
      for (const { row, edges } of rowEdges(this.#file, offsets, 0, batch.tokens, where))
        for (let i = 0; i + 1 < edges.length; i++) {
          const length = edges[i + 1] - edges[i];
          if (length > LONGEST_DOCUMENT)
            throw damaged(where, `the document in row ${row + i} is too long`, { got: `${length} tokens` });
          into[batch.documentStart + row + i] = length;
        }
    }
  }

  /** The first `length` raw bytes of a record batch's ids, or fewer where it has fewer. */
  sample(batchNumber: number, length: number): Buffer {
    const { ids, tokens } = this.index.batches.at(batchNumber);
    const width = VALUE_BITS[this.index.layout.ids.value] / 8;
    return this.#file.slice(ids.valuesAt + ids.base * width, Math.min(length, tokens * width));
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  /** Reads tokens `[from, to)` of a batch to position `at` of the target. */
  #readBatch(batch: BatchPlace, from: number, to: number, at: number, target: WindowTarget): void {
    const { ids: column, mask: maskColumn } = this.index.layout;
    this.#readStarts(batch, from, to, at, target.starts);
    const limit = this.claims?.vocabulary ?? LARGEST_VOCABULARY;
    this.#readColumn(
      batch,
      column,
      batch.ids,
      from,
      target.ids.subarray(at, at + to - from),
      limit,
      "an id is not in the vocabulary",
    );
    if (target.mask === null || maskColumn === null || batch.mask === null) return;
    this.#readColumn(
      batch,
      maskColumn,
      batch.mask,
      from,
      target.mask.subarray(at, at + to - from),
      2,
      "a loss mask is not 0 or 1",
    );
  }

  #readColumn(
    batch: BatchPlace,
    column: ListColumn,
    list: ListPlace,
    from: number,
    into: Int32Array | Uint8Array,
    limit: number,
    what: string,
  ): void {
    const bad = readValues(this.#file, { at: list.valuesAt, type: column.value }, list.base + from, into, limit);
    if (bad === null) return;
    const row = this.#rowOf(batch, from + bad.index);
    throw new UserError({
      what,
      where: `${this.path}, row ${row}`,
      got: bad.value,
      expected: `0 to ${limit - 1}`,
      hint: "was it tokenized with another tokenizer?",
    });
  }

  /** Finds where documents begin and that the rows of the mask have the same lengths. */
  #readStarts(batch: BatchPlace, from: number, to: number, at: number, starts: number[]): void {
    const { ids, mask } = this.index.layout;
    const where = `${this.path}, record batch ${batch.number}`;
    const maskRows =
      mask === null || batch.mask === null
        ? null
        : rowEdges(this.#file, offsetsOf(batch, mask, batch.mask), from, to, where);
    for (const { row, edges } of rowEdges(this.#file, offsetsOf(batch, ids, batch.ids), from, to, where)) {
      if (maskRows !== null && !sameEdges(edges, maskRows.next().value?.edges))
        throw damaged(where, `loss_mask and input_ids have different lengths near row ${batch.documentStart + row}`);
      for (let i = 0; i + 1 < edges.length; i++) {
        const edge = edges[i];
        if (edge >= to) break;
        if (edge >= from && edges[i + 1] > edge) starts.push(at + edge - from);
      }
    }
  }

  /** The document, counted in the file, that holds a token of a batch. */
  #rowOf(batch: BatchPlace, position: number): number {
    const where = `${this.path}, record batch ${batch.number}`;
    for (const { row, edges } of rowEdges(
      this.#file,
      offsetsOf(batch, this.index.layout.ids, batch.ids),
      position,
      position + 1,
      where,
    )) {
      const after = edges.findIndex((edge) => edge > position);
      if (after > 0) return batch.documentStart + row + after - 1;
    }
    return batch.documentStart;
  }

  #checkTotals(): void {
    if (this.tokens === 0)
      throw new UserError({
        what: "this file has no tokens",
        where: this.path,
        got: `${this.documents} rows`,
        hint: "leave it out, or prepare the domain again",
      });
    if (this.claims === null) return;
    const { tokens, documents } = this.claims;
    if (tokens !== this.tokens || documents !== this.documents)
      throw damaged(this.path, "its header and its rows disagree", {
        expected: `${documents} documents, ${tokens} tokens`,
        got: `${this.documents} documents, ${this.tokens} tokens`,
      });
  }
}

function offsetsOf(batch: BatchPlace, column: ListColumn, list: ListPlace): Offsets {
  return { at: list.offsetsAt, large: column.large, base: list.base, values: batch.tokens, rows: batch.documents };
}

function sameEdges(edges: Float64Array, others: Float64Array | undefined): boolean {
  return others !== undefined && edges.length === others.length && edges.every((edge, i) => edge === others[i]);
}
