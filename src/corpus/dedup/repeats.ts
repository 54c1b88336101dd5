/** Fourth phase where lines or paragraphs are counted: every task takes a share of their hashes, and leaves those that the corpus repeats. */
import type { PartitionTask, Phase } from "../step.js";
import { firstNumbers, HASHES, hashPaths, KEPT, REPEATED, wordsOfFile } from "./files.js";
import { rangeOf, WordWriter } from "./records.js";
import type { RepeatSettings } from "./settings.js";
import { RecordMerge } from "./sorted-records.js";

/** Counts in the documents that stay. */
export function repeatsPhase({ times }: RepeatSettings, memory: number): Phase {
  return {
    name: "repeats",
    each: "partition",
    run: async (task: PartitionTask) => {
      const firsts = firstNumbers(task);
      const kept = wordsOfFile(task.mergedFile("decide", KEPT));
      const range = rangeOf(task.partition, task.partitions);
      const merge = new RecordMerge(hashPaths(task, "pieces"), HASHES, { memory, range });
      const writer = new WordWriter(task.path(REPEATED));
      let [high, low, count] = [0, 0, 0];
      while (merge.next()) {
        if (merge.word(0) !== high || merge.word(1) !== low) [high, low, count] = [merge.word(0), merge.word(1), 0];
        const number = firsts[merge.file] + merge.word(2);
        if (((kept[number >>> 5] >>> (number & 31)) & 1) === 0) continue;
        if (++count !== times + 1) continue;
        writer.word(high);
        writer.word(low);
      }
      writer.close();
      merge.close();
    },
  };
}

/** Sorted 64-bit hashes as pairs of words. */
export class HashSet {
  /** @param pairs ascending */
  constructor(private readonly pairs: Uint32Array) {}

  has(high: number, low: number): boolean {
    let first = 0;
    let end = this.pairs.length / 2;
    while (first < end) {
      const middle = (first + end) >>> 1;
      const difference = this.pairs[2 * middle] - high || this.pairs[2 * middle + 1] - low;
      if (difference === 0) return true;
      if (difference < 0) first = middle + 1;
      else end = middle;
    }
    return false;
  }
}
