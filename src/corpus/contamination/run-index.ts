/**
 * The runs of words of the evaluation sets, and where a text has one of them. A run is looked up by a rolling 32-bit hash, then compared by
 * 64 other bits of the whole run: a text of n words is wrongly taken for contaminated by R runs with probability of at most n · R / 2^64,
 * a billion documents of 1000 words against a million runs included less than one in ten. Words are told apart by 32 bits each.
 */
import { sortRecords } from "../dedup/records.js";
import { hashPair, mix, wordHashes } from "../text/hashes.js";
import type { EvaluationItem } from "./evaluation-files.js";

/** A run of words found in a text. */
export interface Hit {
  /** Number of the run in the index. */
  readonly run: number;
  /** Words of the text, [start, end). */
  readonly start: number;
  readonly end: number;
}

const MULTIPLIER = 0x9e3779b1;
const RUN_SEED = 3;
/** Runs as records: rolling hash of the first words, 64 bits of all words, how many they are; then the number of the item. */
const RECORD = { width: 5, keys: 4, length: 3, item: 4 } as const;

export class RunIndex {
  /** Items whose texts all have fewer words than are looked for. */
  readonly tooShort: number;
  /** Number of runs. */
  readonly size: number;
  /** Runs of full length, and whole texts that are shorter. */
  private readonly tables: readonly RunTable[];

  /**
   * @param run words of a run
   * @param shortest least words of a shorter text that is looked for as a whole
   */
  constructor(items: readonly Pick<EvaluationItem, "texts">[], run: number, shortest: number) {
    const least = Math.min(shortest, run);
    const full = new Records(run);
    const short = new Records(least);
    let tooShort = 0;
    for (const [item, { texts }] of items.entries()) {
      const lists = texts.map(wordHashes).filter(({ length }) => length >= least);
      if (lists.length === 0) tooShort++;
      for (const words of lists)
        if (words.length < run) short.add(words, 0, words.length, item);
        else for (let start = 0; start + run <= words.length; start++) full.add(words, start, run, item);
    }
    this.tooShort = tooShort;
    const runs = new RunTable(full.sorted(), run, 0);
    this.tables = [runs, new RunTable(short.sorted(), least, runs.size)];
    this.size = this.tables.reduce((sum, { size }) => sum + size, 0);
  }

  /** Every run of the evaluation sets in a text: those of full length by place, then the shorter ones. */
  hits(words: Uint32Array): Hit[] {
    const hits: Hit[] = [];
    for (const table of this.tables) table.collect(words, hits);
    return hits;
  }

  /** Numbers of the items that a run is in, ascending. */
  itemsOf(run: number): number[] {
    const [full, short] = this.tables;
    return run < full.size ? full.itemsOf(run) : short.itemsOf(run - full.size);
  }
}

function rollingHash(words: Uint32Array, start: number, length: number): number {
  let hash = 0;
  for (let i = start; i < start + length; i++) hash = (Math.imul(hash, MULTIPLIER) + words[i]) | 0;
  return hash;
}

class Records {
  private words = new Uint32Array(RECORD.width << 10);
  private used = 0;

  constructor(private readonly rolled: number) {}

  add(words: Uint32Array, start: number, length: number, item: number): void {
    if (this.used === this.words.length) {
      const larger = new Uint32Array(2 * this.words.length);
      larger.set(this.words);
      this.words = larger;
    }
    this.words[this.used] = rollingHash(words, start, this.rolled);
    hashPair(words, start, start + length, RUN_SEED, this.words, this.used + 1);
    this.words[this.used + RECORD.length] = length;
    this.words[this.used + RECORD.item] = item;
    this.used += RECORD.width;
  }

  sorted(): Uint32Array {
    const records = this.words.slice(0, this.used);
    sortRecords(records, new Uint32Array(records.length), RECORD);
    return records;
  }
}

/** Runs with the same number of words in their rolling hash: an open-addressed table of their places in the sorted records. */
class RunTable {
  readonly size: number;
  /** Place in `records` of the first record of every run, and at last their end. */
  private readonly starts: Uint32Array;
  /** Number of a run plus one, or 0. */
  private readonly slots: Uint32Array;
  /** One bit for each of 16 times as many values as runs, so that nearly all other words are passed over within the cache. */
  private readonly filter: Uint8Array;

  constructor(
    private readonly records: Uint32Array,
    private readonly rolled: number,
    private readonly first: number,
  ) {
    const starts: number[] = [];
    for (let at = 0; at < records.length; at += RECORD.width) if (this.differs(at)) starts.push(at);
    this.size = starts.length;
    this.starts = Uint32Array.from([...starts, records.length]);
    this.slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * this.size + 2)));
    this.filter = new Uint8Array(this.slots.length);
    for (let run = 0; run < this.size; run++) {
      const mixed = mix(records[this.starts[run]]);
      this.filter[(mixed >>> 3) & (this.filter.length - 1)] |= 1 << (mixed & 7);
      let slot = mixed & (this.slots.length - 1);
      while (this.slots[slot] !== 0) slot = (slot + 1) & (this.slots.length - 1);
      this.slots[slot] = run + 1;
    }
  }

  /** Whether the record at this place is another run than the one before. */
  private differs(at: number): boolean {
    if (at === 0) return true;
    for (let part = 0; part < RECORD.keys; part++)
      if (this.records[at + part] !== this.records[at - RECORD.width + part]) return true;
    return false;
  }

  collect(words: Uint32Array, hits: Hit[]): void {
    const { rolled, filter } = this;
    if (words.length < rolled || this.size === 0) return;
    let leaving = 1;
    for (let i = 1; i < rolled; i++) leaving = Math.imul(leaving, MULTIPLIER);
    let hash = rollingHash(words, 0, rolled);
    const mask = filter.length - 1;
    for (let start = 0; ; start++) {
      const mixed = mix(hash);
      if (((filter[(mixed >>> 3) & mask] >>> (mixed & 7)) & 1) !== 0)
        this.compare(words, start, hash >>> 0, mixed, hits);
      const end = start + rolled;
      if (end === words.length) return;
      hash = (Math.imul(hash - Math.imul(words[start], leaving), MULTIPLIER) + words[end]) | 0;
    }
  }

  private compare(words: Uint32Array, start: number, hash: number, mixed: number, hits: Hit[]): void {
    const { records, slots } = this;
    const mask = slots.length - 1;
    const pair = new Uint32Array(2);
    for (let slot = mixed & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const run = slots[slot] - 1;
      const at = this.starts[run];
      const end = start + records[at + RECORD.length];
      if (records[at] !== hash || end > words.length) continue;
      hashPair(words, start, end, RUN_SEED, pair, 0);
      if (records[at + 1] === pair[0] && records[at + 2] === pair[1]) hits.push({ run: this.first + run, start, end });
    }
  }

  itemsOf(run: number): number[] {
    const items: number[] = [];
    for (let at = this.starts[run]; at < this.starts[run + 1]; at += RECORD.width) {
      const item = this.records[at + RECORD.item];
      if (items.at(-1) !== item) items.push(item);
    }
    return items;
  }
}
