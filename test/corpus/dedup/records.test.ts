import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { wordsOfFile } from "../../../src/corpus/dedup/files.js";
import { rangeOf, sortRecords, WordReader, WordWriter } from "../../../src/corpus/dedup/records.js";
import { RecordMerge, RecordSorter } from "../../../src/corpus/dedup/sorted-records.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "records-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const LAYOUT = { width: 3, keys: 2 };
const pathOf = (name: string): string => join(folder, name);
const word = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const keys = fc.array(fc.tuple(word, word), { maxLength: 60 });

type Record = [number, number, number];
const compare = (a: Record, b: Record): number => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
const numbered = (list: readonly [number, number][]): Record[] => list.map(([high, low], place) => [high, low, place]);

function write(name: string, records: readonly Record[], memory: number): void {
  const sorter = new RecordSorter(pathOf, name, LAYOUT, memory);
  for (const record of records) sorter.words.set(record, sorter.claim());
  sorter.finish();
}

describe("records", () => {
  it("are sorted by their keys, equal ones as they came, in any memory", () => {
    fc.assert(
      fc.property(keys, fc.constantFrom(1, 200, 1 << 16), (list, memory) => {
        const records = numbered(list);
        write("sorted", records, memory);
        expect([...wordsOfFile(pathOf("sorted"))]).toEqual([...records].sort(compare).flat());
        expect(readdirSync(folder).filter((name) => name.includes("run"))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it("are sorted by leading words only", () => {
    const records = Uint32Array.of(7, 9, 2 ** 31, 1, 7, 3);
    sortRecords(records, new Uint32Array(6), { width: 2, keys: 1 });
    expect([...records]).toEqual([7, 9, 7, 3, 2 ** 31, 1]);
  });

  it("of several files are merged, share by share", () => {
    fc.assert(
      fc.property(fc.array(keys, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 5 }), (lists, shares) => {
        const paths = lists.map((list, file) => {
          write(`part-${file}`, numbered(list), 1 << 12);
          return pathOf(`part-${file}`);
        });
        const merged: number[][] = [];
        for (let share = 0; share < shares; share++) {
          const merge = new RecordMerge(paths, LAYOUT, { memory: 100, range: rangeOf(share, shares) });
          while (merge.next()) merged.push([merge.word(0), merge.word(1), merge.file, merge.word(2)]);
          merge.close();
        }
        const all = lists.flatMap((list, file) => numbered(list).map(([high, low, place]) => [high, low, file, place]));
        expect(merged).toEqual(all.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3]));
      }),
      { numRuns: 40 },
    );
  });

  it("are written and read whatever the buffer", () => {
    const words = Uint32Array.from({ length: 40_000 }, (_, i) => (i * 2_654_435_761) % 2 ** 32);
    const writer = new WordWriter(pathOf("words"), 16);
    writer.word(words[0]);
    writer.all(words.subarray(1, 10));
    writer.all(words.subarray(10, 39_990));
    for (const last of words.subarray(39_990)) writer.word(last);
    writer.close();
    const reader = new WordReader(pathOf("words"));
    const read: number[] = [];
    while (reader.more()) read.push(reader.word());
    expect(read).toEqual([...words]);
  });
});

it("shares are the whole range, in order", () => {
  for (const shares of [1, 3, 7, 1000]) {
    expect(rangeOf(0, shares).first).toBe(0);
    expect(rangeOf(shares - 1, shares).end).toBe(2 ** 32);
    for (let share = 1; share < shares; share++)
      expect(rangeOf(share, shares).first).toBe(rangeOf(share - 1, shares).end);
  }
});
