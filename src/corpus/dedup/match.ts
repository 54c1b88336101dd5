/** Second phase: every task takes a share of the hashes' range over all partitions, and leaves the documents that have one in common. */
import type { PartitionTask, Phase, TaskFiles } from "../step.js";
import { firstNumbers, groupFile, HASHES, type HashKind, hashPaths } from "./files.js";
import { rangeOf, WordReader, WordWriter } from "./records.js";
import type { DedupSettings } from "./settings.js";
import { RecordMerge } from "./sorted-records.js";

export function matchPhase(settings: DedupSettings): Phase {
  return {
    name: "match",
    each: "partition",
    run: async (task: PartitionTask) => {
      const firsts = firstNumbers(task);
      if (settings.exact) writeGroups(task, "exact", firsts, settings.memory);
      if (settings.near !== null) writeGroups(task, "bands", firsts, settings.memory);
    },
  };
}

function writeGroups(task: PartitionTask, kind: HashKind, firsts: readonly number[], memory: number): void {
  const range = rangeOf(task.partition, task.partitions);
  const merge = new RecordMerge(hashPaths(task, kind), HASHES, { memory, range });
  const writer = new WordWriter(task.path(groupFile(kind)));
  let group: number[] = [];
  let high = 0;
  let low = 0;
  const finish = (): void => {
    if (group.length > 1) {
      writer.word(group.length);
      for (const number of group) writer.word(number);
    }
    group = [];
  };
  while (merge.next()) {
    if (merge.word(0) !== high || merge.word(1) !== low) finish();
    high = merge.word(0);
    low = merge.word(1);
    group.push(firsts[merge.file] + merge.word(2));
  }
  finish();
  writer.close();
  merge.close();
}

/** The groups that all tasks of `match` left, each in ascending order. */
export function* groupsOf(task: TaskFiles, kind: HashKind): Generator<Uint32Array> {
  for (let share = 0; share < task.partitions; share++)
    for (const words = new WordReader(task.partitionFile("match", share, groupFile(kind))); words.more(); )
      yield Uint32Array.from({ length: words.word() }, () => words.word());
}
