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
/** Runs of one length as records: rolling hash, 64 bits of the words, number of the item. */
const RECORD = { width: 4, keys: 3 };

export class RunIndex {
  /** Items whose texts all have fewer words than are looked for. */
  readonly tooShort: number;
  /** Number of runs. */
  readonly size: number;
  private readonly tables: readonly RunTable[];

  /**
   * @param run words of a run
   * @param shortest least words of a shorter text that is looked for as a whole
   */
  constructor(items: readonly Pick<EvaluationItem, "texts">[], run: number, shortest: number) {
    const byLength = new Map<number, Records>();
    let tooShort = 0;
    for (const [item, { texts }] of items.entries()) {
      let longest = 0;
      for (const text of texts) {
        const words = wordHashes(text);
        longest = Math.max(longest, words.length);
        if (words.length < Math.min(shortest, run)) continue;
        const length = Math.min(run, words.length);
        const records = byLength.get(length) ?? new Records();
        byLength.set(length, records);
        forEachRun(words, length, (hash, start) => records.add(hash, words, start, length, item));
      }
      if (longest < Math.min(shortest, run)) tooShort++;
    }
    this.tooShort = tooShort;
    const tables: RunTable[] = [];
    let size = 0;
    for (const length of [...byLength.keys()].sort((a, b) => b - a)) {
      const table = new RunTable(byLength.get(length)?.sorted() ?? new Uint32Array(), length, size);
      tables.push(table);
      size += table.size;
    }
    this.tables = tables;
    this.size = size;
  }

  /** Every run of the evaluation sets in a text, by length and place. */
  hits(words: Uint32Array): Hit[] {
    const hits: Hit[] = [];
    for (const table of this.tables) table.collect(words, hits);
    return hits;
  }

  /** Numbers of the items that a run is in. */
  itemsOf(run: number): Uint32Array {
    const table = this.tables.find(({ first, size }) => run >= first && run < first + size);
    return table === undefined ? new Uint32Array() : table.itemsOf(run - table.first);
  }
}

/** Calls with the polynomial hash of every run of `length` words, and where it starts. */
function forEachRun(words: Uint32Array, length: number, then: (hash: number, start: number) => void): void {
  if (words.length < length) return;
  let leaving = 1;
  for (let i = 1; i < length; i++) leaving = Math.imul(leaving, MULTIPLIER);
  let hash = 0;
  for (let i = 0; i < length; i++) hash = (Math.imul(hash, MULTIPLIER) + words[i]) | 0;
  then(hash, 0);
  for (let i = length; i < words.length; i++) {
    hash = (Math.imul(hash - Math.imul(words[i - length], leaving), MULTIPLIER) + words[i]) | 0;
    then(hash, i - length + 1);
  }
}

const RUN_SEED = 3;

class Records {
  private words = new Uint32Array(1 << 10);
  private used = 0;

  add(hash: number, words: Uint32Array, start: number, length: number, item: number): void {
    if (this.used + RECORD.width > this.words.length) {
      const larger = new Uint32Array(2 * this.words.length);
      larger.set(this.words);
      this.words = larger;
    }
    this.words[this.used] = hash;
    hashPair(words, start, start + length, RUN_SEED, this.words, this.used + 1);
    this.words[this.used + 3] = item;
    this.used += RECORD.width;
  }

  sorted(): Uint32Array {
    const records = this.words.subarray(0, this.used);
    // Twelve byte passes are even, so the records end where they were.
    sortRecords(records, new Uint32Array(records.length), RECORD);
    return records;
  }
}

/** The runs of one length: an open-addressed table of their places in the sorted records. */
class RunTable {
  readonly size: number;
  /** Place in `records` of the first record of every run, and at last their end. */
  private readonly starts: Uint32Array;
  /** Number of a run plus one, or 0. */
  private readonly slots: Uint32Array;

  constructor(
    private readonly records: Uint32Array,
    private readonly length: number,
    readonly first: number,
  ) {
    const starts: number[] = [];
    for (let at = 0; at < records.length; at += RECORD.width)
      if (at === 0 || [0, 1, 2].some((part) => records[at + part] !== records[at - RECORD.width + part]))
        starts.push(at);
    this.size = starts.length;
    this.starts = Uint32Array.from([...starts, records.length]);
    this.slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * this.size + 2)));
    for (let run = 0; run < this.size; run++) {
      let slot = this.slotOf(records[this.starts[run]]);
      while (this.slots[slot] !== 0) slot = (slot + 1) & (this.slots.length - 1);
      this.slots[slot] = run + 1;
    }
  }

  private slotOf(hash: number): number {
    return mix(hash) & (this.slots.length - 1);
  }

  collect(words: Uint32Array, hits: Hit[]): void {
    const pair = new Uint32Array(2);
    const { length, records } = this;
    forEachRun(words, length, (hash, start) => {
      for (let slot = this.slotOf(hash); this.slots[slot] !== 0; slot = (slot + 1) & (this.slots.length - 1)) {
        const run = this.slots[slot] - 1;
        const at = this.starts[run];
        if (records[at] !== hash >>> 0) continue;
        hashPair(words, start, start + length, RUN_SEED, pair, 0);
        if (records[at + 1] === pair[0] && records[at + 2] === pair[1])
          hits.push({ run: this.first + run, start, end: start + length });
      }
    });
  }

  itemsOf(run: number): Uint32Array {
    const items: number[] = [];
    for (let at = this.starts[run]; at < this.starts[run + 1]; at += RECORD.width) {
      const item = this.records[at + 3];
      if (items.at(-1) !== item) items.push(item);
    }
    return Uint32Array.from(items);
  }
}
