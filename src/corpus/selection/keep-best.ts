/** Keeping the documents whose scores, written by a step's phase `score`, reach what its phase `choose` decided. */
import { readFileSync, writeFileSync } from "node:fs";
import type { ForgeDocument } from "../forge-document.js";
import type { PartitionTask, TaskFiles } from "../step.js";
import { rounded } from "./ranking.js";
import { reaches, readScores, type ScoreKey, scoreOf } from "./score-file.js";

const THRESHOLD_FILE = "threshold.json";

export function writeThreshold(task: TaskFiles, threshold: ScoreKey): void {
  writeFileSync(task.path(THRESHOLD_FILE), JSON.stringify(threshold));
}

export interface Applying {
  /** Whether a document has a score and can be dropped; the others are kept. */
  isScored(document: ForgeDocument): boolean;
  /** Whether a record, by its tag, belongs to such a document. */
  isRecord(tag: number): boolean;
  readonly reason: string;
}

/** The last phase of such a step. */
export async function applyThreshold(task: PartitionTask, { isScored, isRecord, reason }: Applying): Promise<void> {
  const threshold = JSON.parse(readFileSync(task.mergedFile("choose", THRESHOLD_FILE), "utf8")) as ScoreKey;
  const scores = readScores([task.partitionFile("score", task.partition, "scores.u32")]);
  const next = (): ScoreKey => {
    for (;;) {
      const { value, done } = scores.next();
      if (done === true) throw new Error("a document has no score");
      if (isRecord(value.tag)) return value;
    }
  };
  for await (const document of task.documents()) {
    const key = isScored(document) ? next() : null;
    if (key === null || reaches(key, threshold)) task.keep(document);
    else
      task.drop(
        document,
        reason,
        `score ${rounded(scoreOf(key.ordered))}, needed ${rounded(scoreOf(threshold.ordered))}`,
      );
  }
}
