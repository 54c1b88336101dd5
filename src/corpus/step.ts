/**
 * The seam of the forge's steps. A step is a list of phases; between two phases everybody waits for everybody, and that is all the
 * communication there is. A phase either runs once for every partition of the corpus, or once over all of them:
 *   count (each partition) → decide (once) → apply (each partition)
 * Partitions are fixed by the plan, so what comes out does not depend on how many processes ran or where.
 */
import type { ForgeDocument, Rejection } from "./forge-document.js";

/** The files of a task's own and of earlier phases of the same step. A phase reads and writes them as it likes. */
export interface TaskFiles {
  readonly partitions: number;
  /** Where to write a file of this task. */
  path(name: string): string;
  /** A file of an earlier phase that ran for each partition. */
  partitionFile(phase: string, partition: number, name: string): string;
  /** A file of an earlier phase that ran once. */
  mergedFile(phase: string, name: string): string;
  /** Adds to a count that the report shows, such as `near duplicates`. */
  count(name: string, by?: number): void;
  /** Tells how far the task is, 0 to 1; may be called often. */
  progress(share: number): void;
}

export interface PartitionTask extends TaskFiles {
  readonly partition: number;
  /** The partition's documents as the step before left them, in order; may be asked for more than once. */
  documents(): AsyncIterable<ForgeDocument>;
  /** Passes a document on. Only in a step's last phase, in the order of `documents()`. */
  keep(document: ForgeDocument): void;
  /** Takes a document out of the corpus: counted by reason and written where people can read it. Only in a step's last phase. */
  drop(document: ForgeDocument, reason: string, detail?: string): void;
  /** Says that a record of a source is no document: counted by reason and written where people can read it. Only in the reading step. */
  reject(rejection: Rejection, source: string): void;
}

export type Phase =
  | { readonly name: string; readonly each: "partition"; run(task: PartitionTask): Promise<void> }
  | { readonly name: string; readonly each: "corpus"; run(task: TaskFiles): Promise<void> };

export interface Step {
  readonly name: string;
  /** Everything that decides the result beside the documents: settings, and fingerprints of files that it reads. Plain JSON. */
  readonly settings: unknown;
  /** Raised whenever the code gives another result for the same input. */
  readonly version: number;
  /** The last one is `each: "partition"`, and keeps or drops every document. */
  readonly phases: readonly Phase[];
}
