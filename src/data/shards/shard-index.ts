/**
 * The index of one Arrow file: for each record batch, where its documents and tokens stand in the stream and in the file. Building it reads
 * the batches' metadata and two list offsets of each column, never the tokens. Both Arrow formats are read: the file format through its
 * footer, the stream format (what `datasets.save_to_disk` writes) message by message.
 */
import { createHash } from "node:crypto";
import type { ShardFile } from "./shard-file.js";
import { damaged } from "./shard-format.js";
import { type ListColumn, readLayout, type ShardLayout } from "./shard-layout.js";
import { type BatchMessage, readMessages } from "./shard-messages.js";
import { readOffsets } from "./shard-offsets.js";
import { type ListBuffers, readBatchMetadata } from "./shard-record-batch.js";

/** A list column of one record batch; positions count bytes from the start of the file. */
export interface ListPlace {
  readonly offsetsAt: number;
  readonly valuesAt: number;
  /** The first list offset: the number of the first value that belongs to a row. */
  readonly base: number;
}

export interface BatchPlace {
  readonly number: number;
  /** Tokens of the file before this batch. */
  readonly tokenStart: number;
  /** Documents of the file before this batch. */
  readonly documentStart: number;
  readonly tokens: number;
  readonly documents: number;
  readonly ids: ListPlace;
  readonly mask: ListPlace | null;
}

export interface ShardIndex {
  readonly format: "file" | "stream";
  readonly layout: ShardLayout;
  readonly batches: BatchTable;
  /** SHA-256 of all metadata that was read: changes with any change of shape. */
  readonly shapeHash: string;
}

/** Numbers kept for each record batch. */
const STRIDE = 8;

/** All record batches of a file that have tokens, in 64 bytes each. */
export class BatchTable {
  #numbers = new Float64Array(16 * STRIDE);
  #length = 0;
  #tokens = 0;
  #documents = 0;

  get length(): number {
    return this.#length;
  }

  get tokens(): number {
    return this.#tokens;
  }

  get documents(): number {
    return this.#documents;
  }

  push(tokens: number, documents: number, ids: ListPlace, mask: ListPlace | null): void {
    const at = this.#length * STRIDE;
    if (at === this.#numbers.length) {
      const grown = new Float64Array(2 * at);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    const { offsetsAt, valuesAt, base } = mask ?? { offsetsAt: Number.NaN, valuesAt: 0, base: 0 };
    this.#numbers.set(
      [this.#tokens, this.#documents, ids.offsetsAt, ids.valuesAt, ids.base, offsetsAt, valuesAt, base],
      at,
    );
    this.#tokens += tokens;
    this.#documents += documents;
    this.#length++;
  }

  at(index: number): BatchPlace {
    const [tokenStart, documentStart, offsetsAt, valuesAt, base, maskOffsetsAt, maskValuesAt, maskBase] =
      this.#numbers.subarray(index * STRIDE, (index + 1) * STRIDE);
    const last = index + 1 === this.#length;
    return {
      number: index,
      tokenStart,
      documentStart,
      tokens: (last ? this.#tokens : this.#numbers[(index + 1) * STRIDE]) - tokenStart,
      documents: (last ? this.#documents : this.#numbers[(index + 1) * STRIDE + 1]) - documentStart,
      ids: { offsetsAt, valuesAt, base },
      mask: Number.isNaN(maskOffsetsAt) ? null : { offsetsAt: maskOffsetsAt, valuesAt: maskValuesAt, base: maskBase },
    };
  }

  /** Number of the batch that holds token `position` of the file. */
  find(position: number): number {
    let low = 0;
    let high = this.#length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#numbers[middle * STRIDE] <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** @throws UserError when the file is not a readable Arrow file with a column of ids, or contradicts itself. */
export function indexShard(file: ShardFile): ShardIndex {
  try {
    const hash = createHash("sha256").update(String(file.bytes));
    const { format, schema, version, batches } = readMessages(file, hash);
    const layout = readLayout(schema, version, file.path);
    const table = new BatchTable();
    let number = 0;
    for (const message of batches) addBatch(file, layout, message, `${file.path}, record batch ${number++}`, table);
    return { format, layout, batches: table, shapeHash: hash.digest("hex") };
  } catch (error) {
    if (error instanceof RangeError) throw damaged(file.path, `its metadata is impossible (${error.message})`);
    throw error;
  }
}

function addBatch(file: ShardFile, layout: ShardLayout, message: BatchMessage, where: string, table: BatchTable): void {
  const { rows, ids, mask } = readBatchMetadata(message.header, layout, message.bodyBytes, where);
  if (rows === 0) return;
  const idSpan = span(file, layout.ids, ids, rows, message.bodyAt, where);
  const maskSpan =
    layout.mask === null || mask === null ? null : span(file, layout.mask, mask, rows, message.bodyAt, where);
  if (maskSpan !== null && maskSpan.values !== idSpan.values)
    throw damaged(where, "loss_mask and input_ids have different lengths", {
      expected: String(idSpan.values),
      got: String(maskSpan.values),
    });
  table.push(idSpan.values, rows, idSpan.place, maskSpan?.place ?? null);
}

/** The place of a column's values and how many of them belong to rows. */
function span(file: ShardFile, column: ListColumn, list: ListBuffers, rows: number, bodyAt: number, where: string) {
  const offsets = { at: bodyAt + list.offsetsAt, large: column.large };
  const [first] = readOffsets(file, offsets, 0, 1);
  const [last] = readOffsets(file, offsets, rows, 1);
  if (first < 0 || last < first || last > list.values)
    throw damaged(where, "its list offsets leave its values", { got: `${first} to ${last}` });
  const place: ListPlace = { offsetsAt: offsets.at, valuesAt: bodyAt + list.valuesAt, base: first };
  return { place, values: last - first };
}
