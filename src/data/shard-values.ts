/** Turns the bytes of a column into ids or mask bits, refusing every value that is not one. */
import type { ShardFile } from "./shard-file.js";
import type { ValueType } from "./shard-layout.js";

/** A value that cannot be used: its place among those read, and what it is. */
export interface BadValue {
  readonly index: number;
  readonly value: string;
}

const NARROW = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
} as const;
/** Values converted at once; a window that is longer is read in pieces. */
const AT_ONCE = 2 ** 16;
/** One scratch buffer for all reads: they are synchronous and never overlap. */
const scratch = new ArrayBuffer(AT_ONCE * 8 + 8);

/**
 * Reads `into.length` values, the first of which is number `from` of the buffer at `at`, and stops at one that is not in [0, limit).
 * @returns what it stopped at, or null
 */
export function readValues(
  file: ShardFile,
  column: { readonly at: number; readonly type: ValueType },
  from: number,
  into: Int32Array | Uint8Array,
  limit: number,
): BadValue | null {
  for (let done = 0; done < into.length; done += AT_ONCE) {
    const piece = into.subarray(done, done + AT_ONCE);
    const bad = readPiece(file, column.at, column.type, from + done, piece, limit);
    if (bad !== null) return { ...bad, index: bad.index + done };
  }
  return null;
}

function readPiece(
  file: ShardFile,
  at: number,
  type: ValueType,
  from: number,
  into: Int32Array | Uint8Array,
  limit: number,
): BadValue | null {
  if (type === "bool") return readBits(file, at, from, into);
  if (type === "int64" || type === "uint64") return readWide(file, at, from, into, limit);
  const values = new NARROW[type](scratch, 0, into.length);
  file.read(at + from * values.BYTES_PER_ELEMENT, values);
  let good = true;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    good = good && value >= 0 && value < limit;
    into[i] = value;
  }
  if (good) return null;
  const index = values.findIndex((value: number) => value < 0 || value >= limit);
  return { index, value: String(values[index]) };
}

function readBits(file: ShardFile, at: number, from: number, into: Int32Array | Uint8Array): null {
  const skipped = from % 8;
  const bytes = new Uint8Array(scratch, 0, Math.ceil((skipped + into.length) / 8));
  file.read(at + (from - skipped) / 8, bytes);
  for (let i = 0; i < into.length; i++) into[i] = (bytes[(skipped + i) >> 3] >> ((skipped + i) & 7)) & 1;
  return null;
}

/** 64-bit values as pairs of words: usable ones have nothing in the upper. */
function readWide(
  file: ShardFile,
  at: number,
  from: number,
  into: Int32Array | Uint8Array,
  limit: number,
): BadValue | null {
  const words = new Uint32Array(scratch, 0, 2 * into.length);
  file.read(at + from * 8, words);
  for (let i = 0; i < into.length; i++) {
    const value = words[2 * i];
    if (words[2 * i + 1] !== 0 || value >= limit)
      return { index: i, value: String(new BigInt64Array(scratch, 0, into.length)[i]) };
    into[i] = value;
  }
  return null;
}
