/** The files that the phases of `dedup` leave for each other, and how a document is numbered over all partitions. */
import { readFileSync, statSync } from "node:fs";
import type { TaskFiles } from "../step.js";
import type { RecordLayout } from "./records.js";

/** What `sign` leaves for every partition; all but `origins` and `names` are records. */
export const SIGNED = {
  documents: "documents.bin",
  /** Sorted sets of shingles, one after the other. */
  shingles: "shingles.bin",
  /** Source and origin of every document in UTF-8, each filled up to a whole word. */
  origins: "origins.bin",
  /** The names of domains by their number in this partition. */
  names: "names.json",
} as const;

/** Hashes of documents and of their parts: 64 bits and the document's place in its partition. */
export const HASHES: RecordLayout = { width: 3, keys: 2 };
export type HashKind = "exact" | "bands" | "pieces";
export const hashFile = (kind: HashKind): string => `${kind}.bin`;
/** What `match` leaves: for every hash that several documents have, how many, then their numbers. */
export const groupFile = (kind: HashKind): string => `${kind}-groups.bin`;

/** A document as `sign` writes it; positions are in words, in two halves. */
export const DOCUMENT = {
  width: 8,
  source: 0,
  domain: 1,
  shinglesHigh: 2,
  shinglesLow: 3,
  shingles: 4,
  originHigh: 5,
  originLow: 6,
  originBytes: 7,
} as const;

/** A document that goes, as `decide` writes it for its partition: its place there, why, how similar to what, and where that is. */
export const REMOVED = { width: 5, place: 0, kind: 1, similarity: 2, partition: 3, representative: 4 } as const;
export const removedFile = (partition: number): string => `removed-${partition}.bin`;
export const EXACT = 1;
export const NEAR = 2;
/** Similarities are stored in millionths. */
export const SIMILARITY_ONE = 1_000_000;
/** One bit a document, in `decide`. */
export const KEPT = "kept.bin";
/** In `count`: hashes of pieces that go, two words each, ascending. */
export const REPEATED = "repeated.bin";

/** The number of the first document of every partition, and at last that of all documents. */
export function firstNumbers(task: TaskFiles): number[] {
  const firsts = [0];
  for (let partition = 0; partition < task.partitions; partition++) {
    const { size } = statSync(task.partitionFile("sign", partition, SIGNED.documents));
    firsts.push(firsts[partition] + size / (4 * DOCUMENT.width));
  }
  if (firsts[task.partitions] >= 2 ** 32)
    throw new RangeError(`${firsts[task.partitions]} documents do not fit 32 bits`);
  return firsts;
}

export function partitionOf(number: number, firsts: readonly number[]): number {
  let low = 0;
  let high = firsts.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (firsts[middle] <= number) low = middle;
    else high = middle;
  }
  return low;
}

/** The hash files of one kind of all partitions, in order. */
export function hashPaths(task: TaskFiles, kind: HashKind): string[] {
  return Array.from({ length: task.partitions }, (_, partition) =>
    task.partitionFile("sign", partition, hashFile(kind)),
  );
}

/** A whole file of words. */
export function wordsOfFile(path: string): Uint32Array {
  const bytes = readFileSync(path);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}
