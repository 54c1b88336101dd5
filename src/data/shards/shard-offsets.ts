/** List offsets read from the file: where rows begin within a record batch, by binary search, so that rows cost nothing until asked for. */
import type { ShardFile } from "./shard-file.js";
import { damaged } from "./shard-format.js";

/** Offsets read at once: 2 KiB of them, which for documents of 512 tokens covers a whole record batch of ours. */
export const OFFSETS_AT_ONCE = 512;
const TWO_32 = 2 ** 32;

/** One column's offsets in one record batch: `rows + 1` numbers that rise from `base` to `base + values`. */
export interface Offsets {
  readonly at: number;
  readonly large: boolean;
  readonly base: number;
  readonly values: number;
  readonly rows: number;
}

const scratch = new Int32Array(2 * (OFFSETS_AT_ONCE + 1));

/** Offsets number `row` to `row + count`, as the file has them. `count` is at most OFFSETS_AT_ONCE + 1. */
export function readOffsets(
  file: ShardFile,
  place: { readonly at: number; readonly large: boolean },
  row: number,
  count: number,
): Float64Array {
  const words = place.large ? 2 : 1;
  const read = scratch.subarray(0, count * words);
  file.read(place.at + row * 4 * words, read);
  const offsets = new Float64Array(count);
  for (let i = 0; i < count; i++) offsets[i] = words === 1 ? read[i] : read[2 * i + 1] * TWO_32 + (read[2 * i] >>> 0);
  return offsets;
}

/** Rows `[row, row + length)` of a column, by their first value and the end of the last: `length + 1` numbers counted from the batch's first token. */
export interface RowEdges {
  readonly row: number;
  readonly edges: Float64Array;
}

/**
 * The rows that hold values `[from, to)`, in pieces of at most OFFSETS_AT_ONCE.
 * @param where the file and the record batch
 * @throws UserError when the offsets do not rise, or leave the column's values.
 */
export function* rowEdges(
  file: ShardFile,
  offsets: Offsets,
  from: number,
  to: number,
  where: string,
): Generator<RowEdges> {
  const { rows, base, values } = offsets;
  let low = 0; // the last row known to begin at or before `from`
  let high = rows; // the row after the last that can
  while (high - low > OFFSETS_AT_ONCE) {
    const middle = (low + high) >>> 1;
    if (readOffsets(file, offsets, middle, 1)[0] - base <= from) low = middle;
    else high = middle;
  }
  for (let row = low; row < rows; row += OFFSETS_AT_ONCE) {
    const count = Math.min(OFFSETS_AT_ONCE, rows - row);
    const edges = readOffsets(file, offsets, row, count + 1);
    let previous = row === low ? 0 : edges[0] - base;
    for (let i = 0; i <= count; i++) {
      const edge = edges[i] - base;
      if (edge < previous || edge > values) throw damaged(where, `the list offsets of row ${row + i} do not rise`);
      edges[i] = edge;
      previous = edge;
    }
    if ((row === 0 && edges[0] !== 0) || (row + count === rows && edges[count] !== values))
      throw damaged(where, "its list offsets do not span its values");
    yield { row, edges };
    if (edges[count] >= to) return;
  }
}
