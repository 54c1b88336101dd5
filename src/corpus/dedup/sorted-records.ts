/**
 * Files of records sorted by their leading words: what grows with the corpus is sorted in runs of bounded memory on the disk and merged, so
 * that no step keeps a table of the corpus's hashes.
 */
import { closeSync, fstatSync, openSync, rmSync } from "node:fs";
import { type RecordLayout, readWords, sortRecords, WORD_BYTES, WordWriter } from "./records.js";

/** Collects records in any number and leaves them sorted in one file; records with equal keys stay in the order in which they came. */
export class RecordSorter {
  /** A record is written here, from where `claim` says. */
  readonly words: Uint32Array;
  private readonly spare: Uint32Array;
  private used = 0;
  private runs = 0;

  /**
   * @param pathOf the place of a file by its name
   * @param memory bytes that may be held, at least a few records'
   */
  constructor(
    private readonly pathOf: (name: string) => string,
    private readonly name: string,
    private readonly layout: RecordLayout,
    private readonly memory: number,
  ) {
    const records = Math.max(4, Math.floor(memory / (2 * WORD_BYTES * layout.width)));
    this.words = new Uint32Array(records * layout.width);
    this.spare = new Uint32Array(this.words.length);
  }

  /** The place in `words` of the next record. */
  claim(): number {
    if (this.used === this.words.length) this.spill(this.runName(this.runs++));
    const place = this.used;
    this.used += this.layout.width;
    return place;
  }

  finish(): void {
    if (this.runs === 0) {
      this.spill(this.name);
      return;
    }
    this.spill(this.runName(this.runs++));
    const paths = Array.from({ length: this.runs }, (_, run) => this.pathOf(this.runName(run)));
    const merge = new RecordMerge(paths, this.layout, { memory: this.memory });
    const writer = new WordWriter(this.pathOf(this.name));
    while (merge.next()) for (let part = 0; part < this.layout.width; part++) writer.word(merge.word(part));
    writer.close();
    merge.close();
    for (const path of paths) rmSync(path);
  }

  private runName(run: number): string {
    return `${this.name}.run-${run}`;
  }

  private spill(name: string): void {
    const records = this.words.subarray(0, this.used);
    sortRecords(records, this.spare.subarray(0, this.used), this.layout);
    const writer = new WordWriter(this.pathOf(name));
    writer.all(records);
    writer.close();
    this.used = 0;
  }
}

export interface MergeOptions {
  /** Bytes of all read buffers together. */
  readonly memory: number;
  /** Only records whose first word lies in [first, end); by default all. */
  readonly range?: { readonly first: number; readonly end: number };
}

/** The records of several sorted files in one order; equal keys in the order of the files. */
export class RecordMerge {
  private readonly sources: RecordSource[];
  /** A binary heap of the sources that still have a record, the least on top. */
  private readonly heap: RecordSource[] = [];
  private current: RecordSource | null = null;

  constructor(
    paths: readonly string[],
    private readonly layout: RecordLayout,
    { memory, range }: MergeOptions,
  ) {
    const { width } = layout;
    const records = Math.max(1, Math.floor(memory / (paths.length * width * WORD_BYTES)));
    this.sources = paths.map((path, order) => new RecordSource(path, order, width, Math.min(records, 1 << 14), range));
    for (const source of this.sources) if (source.advance()) this.heap.push(source);
    for (let at = this.heap.length >>> 1; at-- > 0; ) this.sink(at);
  }

  /** Goes to the next record; false at the end. */
  next(): boolean {
    if (this.current !== null) {
      if (!this.current.advance()) {
        const last = this.heap.pop();
        if (last !== undefined && this.heap.length > 0) this.heap[0] = last;
      }
      this.sink(0);
    }
    this.current = this.heap[0] ?? null;
    return this.current !== null;
  }

  /** A word of the current record. */
  word(part: number): number {
    return this.current === null ? 0 : this.current.words[this.current.at + part];
  }

  /** The number of the file that the current record is from. */
  get file(): number {
    return this.current === null ? 0 : this.current.order;
  }

  close(): void {
    for (const source of this.sources) source.close();
  }

  private sink(from: number): void {
    const { heap } = this;
    for (let at = from; ; ) {
      let least = at;
      for (let child = 2 * at + 1; child <= 2 * at + 2 && child < heap.length; child++)
        if (this.before(heap[child], heap[least])) least = child;
      if (least === at) return;
      [heap[at], heap[least]] = [heap[least], heap[at]];
      at = least;
    }
  }

  private before(a: RecordSource, b: RecordSource): boolean {
    for (let part = 0; part < this.layout.keys; part++) {
      const difference = a.words[a.at + part] - b.words[b.at + part];
      if (difference !== 0) return difference < 0;
    }
    return a.order < b.order;
  }
}

/** One sorted file, or the part of it whose first words lie in a range. */
class RecordSource {
  readonly words: Uint32Array;
  at = 0;
  private readonly fileHandle: number;
  private filled = 0;
  /** In records. */
  private position: number;
  private readonly end: number;

  constructor(
    path: string,
    readonly order: number,
    private readonly width: number,
    records: number,
    range: MergeOptions["range"],
  ) {
    this.words = new Uint32Array(records * width);
    this.fileHandle = openSync(path, "r");
    const count = fstatSync(this.fileHandle).size / (WORD_BYTES * width);
    this.position = range === undefined ? 0 : this.firstAtLeast(range.first, count);
    this.end = range === undefined ? count : this.firstAtLeast(range.end, count);
    this.at = -width;
  }

  advance(): boolean {
    this.at += this.width;
    if (this.at < this.filled) return true;
    const left = (this.end - this.position) * this.width;
    if (left <= 0) return false;
    this.filled = readWords(this.fileHandle, this.position * this.width, this.words.subarray(0, left));
    this.position += this.filled / this.width;
    this.at = 0;
    return this.filled > 0;
  }

  close(): void {
    closeSync(this.fileHandle);
  }

  private firstAtLeast(value: number, count: number): number {
    let low = 0;
    let high = count;
    const word = new Uint32Array(1);
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      readWords(this.fileHandle, middle * this.width, word);
      if (word[0] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
