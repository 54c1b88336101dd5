/**
 * Turns the bytes of a column into ids or mask bits, refusing every value that is not one. Values are little-endian in the files that are
 * read, as they are in the memory of every machine that runs this.
 */
import type { ShardFile } from "./shard-file.js";
import type { ValueType } from "./shard-layout.js";

/** A value that cannot be used: its place among those read, and what it is. */
export interface BadValue {
  readonly index: number;
  readonly value: string;
}

const NARROW = {
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
const scratch = new ArrayBuffer(AT_ONCE * 8);
const spare = new Int32Array(AT_ONCE);

/**
 * Reads `into.length` values, the first of which is number `from` of the buffer at `at`, and stops at one that is not in [0, limit).
 * @param limit at most 2^31, and at most 256 where `into` has bytes
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
    const length = Math.min(AT_ONCE, into.length - done);
    const piece = into instanceof Int32Array ? into.subarray(done, done + length) : spare.subarray(0, length);
    const original = readPiece(file, column, from + done, piece);
    const bad = firstOutside(piece, limit);
    if (bad !== null) return { index: done + bad, value: String(original[bad]) };
    if (into instanceof Uint8Array) into.set(piece, done);
  }
  return null;
}

/** Index of the first value outside [0, limit); negative ones count as larger than any limit. */
function firstOutside(values: Int32Array, limit: number): number | null {
  for (let i = 0; i < values.length; i++) if (values[i] >>> 0 >= limit) return i;
  return null;
}

/** Converts values to 32 bits, such that none outside [0, 2^31) comes out inside; returns them as they are in the file. */
function readPiece(
  file: ShardFile,
  { at, type }: { readonly at: number; readonly type: ValueType },
  from: number,
  into: Int32Array,
): ArrayLike<number | bigint> {
  if (type === "bool") return readBits(file, at, from, into);
  if (type === "int64" || type === "uint64") return readWide(file, at, from, into);
  const values = new NARROW[type](scratch, 0, into.length);
  file.read(at + from * values.BYTES_PER_ELEMENT, values);
  into.set(values);
  return values;
}

function readBits(file: ShardFile, at: number, from: number, into: Int32Array): Int32Array {
  const skipped = from % 8;
  const bytes = new Uint8Array(scratch, 0, Math.ceil((skipped + into.length) / 8));
  file.read(at + (from - skipped) / 8, bytes);
  for (let i = 0; i < into.length; i++) into[i] = (bytes[(skipped + i) >> 3] >> ((skipped + i) & 7)) & 1;
  return into;
}

/** 64-bit values as pairs of words: usable ones have nothing in the upper, others become -1. */
function readWide(file: ShardFile, at: number, from: number, into: Int32Array): BigInt64Array {
  const words = new Uint32Array(scratch, 0, 2 * into.length);
  file.read(at + from * 8, words);
  for (let i = 0; i < into.length; i++) into[i] = words[2 * i + 1] === 0 ? words[2 * i] : -1;
  return new BigInt64Array(scratch, 0, into.length);
}
