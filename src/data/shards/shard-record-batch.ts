/** Reads the metadata of one record batch and checks every claim that it makes about its body. */
import { UserError } from "../../base/errors.js";
import { countAt, type FlatTable, type FlatVector } from "./shard-flatbuffer.js";
import { damaged } from "./shard-format.js";
import type { ListColumn, ShardLayout, ValueType } from "./shard-layout.js";

/** Bits of one value. */
export const VALUE_BITS: Readonly<Record<ValueType, number>> = {
  bool: 1,
  int8: 8,
  uint8: 8,
  int16: 16,
  uint16: 16,
  int32: 32,
  uint32: 32,
  int64: 64,
  uint64: 64,
};

/** A list column of one record batch; positions count from the start of the batch's body. */
export interface ListBuffers {
  readonly offsetsAt: number;
  readonly valuesAt: number;
  /** Values that the buffer holds. */
  readonly values: number;
}

export interface BatchBuffers {
  readonly rows: number;
  readonly ids: ListBuffers;
  readonly mask: ListBuffers | null;
}

/**
 * @param where the file and the number of the record batch
 * @throws UserError when the batch is compressed, holds nulls, or claims more than its body; RangeError when the bytes are damaged.
 */
export function readBatchMetadata(
  batch: FlatTable,
  layout: ShardLayout,
  bodyBytes: number,
  where: string,
): BatchBuffers {
  if (batch.table(3) !== null)
    throw new UserError({
      what: "this file's buffers are compressed, so they cannot be read by position",
      where,
      hint: "write it without compression (in pyarrow: IpcWriteOptions(compression=None))",
    });
  const rows = batch.count(0);
  const read = (column: ListColumn) => readList(batch, column, rows, bodyBytes, where);
  return { rows, ids: read(layout.ids), mask: layout.mask === null ? null : read(layout.mask) };
}

function readList(batch: FlatTable, column: ListColumn, rows: number, bodyBytes: number, where: string): ListBuffers {
  const nodes = vector(batch, 1);
  const list = node(batch, nodes, column.node);
  const item = node(batch, nodes, column.node + 1);
  if (list.length !== rows) throw damaged(where, "a column has another number of rows than its record batch");
  if (list.nulls !== 0 || item.nulls !== 0)
    throw new UserError({
      what: "a column of tokens holds nulls",
      where,
      got: `${list.nulls} rows and ${item.nulls} values`,
      hint: "drop or fill them",
    });
  const first = column.buffer + viewBuffers(batch, column.views);
  const offsets = region(batch, first + 1, bodyBytes, where);
  const values = region(batch, first + 3, bodyBytes, where);
  if (rows > 0 && (rows + 1) * (column.large ? 8 : 4) > offsets.length)
    throw damaged(where, "its list offsets are shorter than its rows");
  if (Math.ceil((item.length * VALUE_BITS[column.value]) / 8) > values.length)
    throw damaged(where, "its values are shorter than their count");
  return { offsetsAt: offsets.at, valuesAt: values.at, values: item.length };
}

/** Vectors of nodes and of buffers both hold pairs of 64-bit numbers. */
function vector(batch: FlatTable, slot: number): FlatVector {
  return batch.vector(slot, 16) ?? { at: 0, length: 0 };
}

function node(batch: FlatTable, nodes: FlatVector, index: number): { length: number; nulls: number } {
  if (index >= nodes.length) throw new RangeError(`the record batch has ${nodes.length} columns and parts`);
  return { length: countAt(batch.view, nodes.at + 16 * index), nulls: countAt(batch.view, nodes.at + 16 * index + 8) };
}

function region(batch: FlatTable, index: number, bodyBytes: number, where: string): FlatVector {
  const buffers = vector(batch, 2);
  if (index >= buffers.length) throw new RangeError(`the record batch has ${buffers.length} buffers`);
  const at = countAt(batch.view, buffers.at + 16 * index);
  const length = countAt(batch.view, buffers.at + 16 * index + 8);
  if (at + length > bodyBytes) throw damaged(where, "a buffer ends outside its record batch");
  return { at, length };
}

/** Buffers that the first `views` columns of view types have beyond their two. */
function viewBuffers(batch: FlatTable, views: number): number {
  const counts = batch.vector(4, 8) ?? { at: 0, length: 0 };
  if (views > counts.length) throw new RangeError(`the record batch counts the buffers of ${counts.length} columns`);
  let total = 0;
  for (let i = 0; i < views; i++) total += countAt(batch.view, counts.at + 8 * i);
  return total;
}
