/** Files of records of fixed width in 32-bit words. They are scratch of one machine, in its byte order. */
import { closeSync, openSync, readSync, writeSync } from "node:fs";

export const WORD_BYTES = 4;

/** How a file of records is laid out. */
export interface RecordLayout {
  /** Words of a record. */
  readonly width: number;
  /** How many leading words are compared. */
  readonly keys: number;
}

/** Appends words to a new file. */
export class WordWriter {
  private readonly file: number;
  private used = 0;
  private readonly words: Uint32Array;

  constructor(path: string, bufferWords = 1 << 14) {
    this.words = new Uint32Array(bufferWords);
    this.file = openSync(path, "w");
  }

  word(value: number): void {
    if (this.used === this.words.length) this.flush();
    this.words[this.used++] = value;
  }

  all(values: Uint32Array): void {
    if (values.length > this.words.length - this.used) this.flush();
    if (values.length > this.words.length) writeWords(this.file, values);
    else {
      this.words.set(values, this.used);
      this.used += values.length;
    }
  }

  private flush(): void {
    writeWords(this.file, this.words.subarray(0, this.used));
    this.used = 0;
  }

  close(): void {
    this.flush();
    closeSync(this.file);
  }
}

/** Reads the words of a file in order; closes it at the end. */
export class WordReader {
  private readonly file: number;
  private readonly words = new Uint32Array(1 << 14);
  private at = 0;
  private filled = 0;
  private position = 0;

  constructor(path: string) {
    this.file = openSync(path, "r");
  }

  more(): boolean {
    if (this.at < this.filled) return true;
    this.filled = readWords(this.file, this.position, this.words);
    this.position += this.filled;
    this.at = 0;
    if (this.filled === 0) closeSync(this.file);
    return this.filled > 0;
  }

  /** The next word; there has to be one. */
  word(): number {
    if (!this.more()) throw new RangeError("the file ends too early");
    return this.words[this.at++];
  }
}

function writeWords(file: number, words: Uint32Array): void {
  for (let at = 0; at < words.byteLength; ) at += writeSync(file, words, at, words.byteLength - at);
}

/** Reads `words.length` words from a word position on; fewer where the file ends. Returns how many. */
export function readWords(file: number, position: number, words: Uint32Array): number {
  let read = 0;
  while (read < words.byteLength) {
    const got = readSync(file, words, read, words.byteLength - read, position * WORD_BYTES + read);
    if (got === 0) break;
    read += got;
  }
  return Math.floor(read / WORD_BYTES);
}

/**
 * Sorts records in place by their leading words, keeping the order of equal ones (radix sort by bytes, least significant first).
 * @param spare of the same length; its content is lost
 */
export function sortRecords(records: Uint32Array, spare: Uint32Array, { width, keys }: RecordLayout): void {
  let from = records;
  let into = spare;
  const starts = new Uint32Array(257);
  for (let word = keys - 1; word >= 0; word--)
    for (let shift = 0; shift < 32; shift += 8) {
      starts.fill(0);
      for (let at = word; at < from.length; at += width) starts[((from[at] >>> shift) & 0xff) + 1]++;
      for (let digit = 0; digit < 256; digit++) starts[digit + 1] += starts[digit];
      for (let at = 0; at < from.length; at += width) {
        const place = starts[(from[at + word] >>> shift) & 0xff]++ * width;
        for (let part = 0; part < width; part++) into[place + part] = from[at + part];
      }
      [from, into] = [into, from];
    }
}

/** The `share`-th of `shares` equal parts of all 32-bit words, as [first, end). */
export function rangeOf(share: number, shares: number): { first: number; end: number } {
  return { first: Math.ceil((share * 2 ** 32) / shares), end: Math.ceil(((share + 1) * 2 ** 32) / shares) };
}
