/** Runs one task: gives a phase its documents and files, takes what it keeps, drops and counts. */
import { join } from "node:path";
import type { ForgeDocument } from "../forge-document.js";
import type { PartitionTask, TaskFiles } from "../step.js";
import { LineWriter, readDocumentLines } from "./document-lines.js";
import { emptyTally, type Tally, tallyDropped, tallyKept, tallyRejected } from "./tally.js";
import { fillTask, type TaskRecord } from "./task-folder.js";
import { type PlacedPhase, taskFolder } from "./tasks.js";

/** The documents that a step's last phase keeps. */
export const DOCUMENTS_FILE = "documents.jsonl";
/** What it drops, each with why and its beginning. */
export const DROPPED_FILE = "dropped.jsonl";
/** Records of sources that are no documents. */
export const REJECTED_FILE = "rejected.jsonl";

/** Of a dropped document's text, in characters: enough to judge the reason. */
const DROPPED_TEXT = 2000;

/** A line of the dropped documents. */
export interface DroppedDocument extends ForgeDocument {
  readonly reason: string;
  readonly detail: string | null;
}

/** @param partition null for a phase that runs once. */
export async function runTask(
  placed: PlacedPhase,
  partition: number | null,
  partitions: number,
  progress: (share: number) => void,
): Promise<TaskRecord> {
  return fillTask(taskFolder(placed.folder, partition), placed.fingerprint, async (aside) => {
    const tally = emptyTally();
    const files: TaskFiles = {
      partitions,
      path: (name) => join(aside, name),
      partitionFile: (phase, of, name) => join(taskFolder(earlier(placed, phase), of), name),
      mergedFile: (phase, name) => join(taskFolder(earlier(placed, phase), null), name),
      count: (name, by = 1) => {
        tally.counts[name] = (tally.counts[name] ?? 0) + by;
      },
      progress,
    };
    if (placed.phase.each === "corpus") await placed.phase.run(files);
    else if (partition !== null) await runPartition(placed, partition, files, tally);
    else throw new Error(`${placed.name} runs for each partition`);
    return tally;
  });
}

async function runPartition(placed: PlacedPhase, partition: number, files: TaskFiles, tally: Tally): Promise<void> {
  if (placed.phase.each !== "partition") throw new Error(`${placed.name} runs once`);
  using writers = placed.keeps ? new Outcome(files) : null;
  const outcome = (): Outcome => {
    if (writers === null) throw new Error(`${placed.name} keeps and drops no documents`);
    return writers;
  };
  const task: PartitionTask = {
    ...files,
    partition,
    documents: () => inputOf(placed, partition),
    keep: (document) => {
      outcome().kept.write(document);
      tallyKept(tally, document);
    },
    drop: (document, reason, detail) => {
      const text = document.text.slice(0, DROPPED_TEXT);
      outcome().dropped.write({ ...document, text, reason, detail: detail ?? null } satisfies DroppedDocument);
      tallyDropped(tally, document, reason);
    },
    reject: (rejection, source) => {
      outcome().rejected.write({ source, ...rejection });
      tallyRejected(tally, rejection);
    },
  };
  await placed.phase.run(task);
}

async function* inputOf({ input }: PlacedPhase, partition: number): AsyncGenerator<ForgeDocument> {
  if (input !== null) yield* readDocumentLines(join(taskFolder(input, partition), DOCUMENTS_FILE));
}

function earlier({ earlier, name }: PlacedPhase, phase: string): string {
  if (!Object.hasOwn(earlier, phase)) throw new Error(`${name} has no earlier phase ${phase}`);
  return earlier[phase];
}

/** The three files of a step's outcome. */
class Outcome implements Disposable {
  readonly kept: LineWriter;
  readonly dropped: LineWriter;
  readonly rejected: LineWriter;

  constructor(files: TaskFiles) {
    this.kept = new LineWriter(files.path(DOCUMENTS_FILE));
    this.dropped = new LineWriter(files.path(DROPPED_FILE));
    this.rejected = new LineWriter(files.path(REJECTED_FILE));
  }

  [Symbol.dispose](): void {
    for (const writer of [this.kept, this.dropped, this.rejected]) writer[Symbol.dispose]();
  }
}
