/** All documents by their number over all partitions: in which order they are preferred, and on demand their sets of shingles. */
import { closeSync, openSync } from "node:fs";
import type { TaskFiles } from "../step.js";
import { DOCUMENT, firstNumbers, partitionOf, SIGNED } from "./files.js";
import { readWords, WordReader } from "./records.js";

/** Sets that were compared stay in memory up to this many words together. */
const CACHE_WORDS = 1 << 24;

/** Four bytes a document in `byRank`, and two in `domains`. */
export class DocumentTable {
  readonly firsts: readonly number[];
  readonly count: number;
  /** The documents' numbers, the preferred ones first. */
  readonly byRank: Uint32Array;
  /** The number of a document's domain within its partition. */
  readonly domains: Uint16Array;
  private readonly files = new Map<string, number>();
  private readonly cache = new Map<number, Uint32Array>();
  private cachedWords = 0;

  constructor(private readonly task: TaskFiles) {
    this.firsts = firstNumbers(task);
    this.count = this.firsts[task.partitions];
    this.byRank = new Uint32Array(this.count);
    this.domains = new Uint16Array(this.count);
    const places: number[] = [0];
    this.forEach((number, source, domain) => {
      while (places.length < source + 2) places.push(0);
      places[source + 1]++;
      this.domains[number] = domain;
    });
    for (let source = 1; source < places.length; source++) places[source] += places[source - 1];
    this.forEach((number, source) => {
      this.byRank[places[source]++] = number;
    });
  }

  private forEach(then: (number: number, source: number, domain: number) => void): void {
    let number = 0;
    for (let partition = 0; partition < this.task.partitions; partition++) {
      const words = new WordReader(this.task.partitionFile("sign", partition, SIGNED.documents));
      while (words.more()) {
        const fields = [words.word(), words.word()];
        for (let part = fields.length; part < DOCUMENT.width; part++) words.word();
        then(number++, fields[DOCUMENT.source], fields[DOCUMENT.domain]);
      }
    }
  }

  /** A document's set of shingles, ascending. */
  shinglesOf(number: number): Uint32Array {
    const cached = this.cache.get(number);
    if (cached !== undefined) return cached;
    const partition = partitionOf(number, this.firsts);
    const fields = new Uint32Array(DOCUMENT.width);
    readWords(this.file(partition, SIGNED.documents), (number - this.firsts[partition]) * DOCUMENT.width, fields);
    const shingles = new Uint32Array(fields[DOCUMENT.shingles]);
    const position = fields[DOCUMENT.shinglesHigh] * 2 ** 32 + fields[DOCUMENT.shinglesLow];
    readWords(this.file(partition, SIGNED.shingles), position, shingles);
    this.remember(number, shingles);
    return shingles;
  }

  private remember(number: number, shingles: Uint32Array): void {
    this.cache.set(number, shingles);
    this.cachedWords += shingles.length;
    for (const [oldest, words] of this.cache) {
      if (this.cachedWords <= CACHE_WORDS) break;
      this.cache.delete(oldest);
      this.cachedWords -= words.length;
    }
  }

  private file(partition: number, name: string): number {
    const key = `${partition} ${name}`;
    const known = this.files.get(key);
    if (known !== undefined) return known;
    const file = openSync(this.task.partitionFile("sign", partition, name), "r");
    this.files.set(key, file);
    return file;
  }

  close(): void {
    for (const file of this.files.values()) closeSync(file);
  }
}
