/** Runs a step of the forge on documents in memory, one task after the other, and holds it to the seam's rules. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ForgeDocument } from "../../src/corpus/forge-document.js";
import type { Step, TaskFiles } from "../../src/corpus/step.js";

/** Both lists by partition. */
export interface StepRun {
  readonly kept: readonly ForgeDocument[][];
  readonly dropped: readonly { document: ForgeDocument; reason: string; detail: string | undefined }[][];
  readonly counts: Readonly<Record<string, number>>;
  /** The tasks' files lie at `<phase>/<partition or "corpus">/<name>` in it, until the test ends. */
  readonly folder: string;
}

/** A document of which only what is given matters. */
export function documentOf(text: string, known: Partial<ForgeDocument> = {}): ForgeDocument {
  const nothing = { licence: null, style: null, operation: null, language: null };
  return { text, source: "source", origin: text, domain: "text", form: "text", ...nothing, ...known };
}

/** `order` is that in which the partitions run; by default ascending. */
export async function runStep(
  step: Step,
  partitions: readonly (readonly ForgeDocument[])[],
  order: readonly number[] = partitions.map((_, partition) => partition),
): Promise<StepRun> {
  const run = { folder: mkdtempSync(join(tmpdir(), "step-")), counts: {} as Record<string, number> };
  onTestFinished(() => rmSync(run.folder, { recursive: true }));
  const kept = partitions.map((): StepRun["kept"][number] => []);
  const dropped = partitions.map((): StepRun["dropped"][number] => []);
  const ended = new Set<string>();
  for (const phase of step.phases) {
    const files = (task: string): TaskFiles => filesOf(run, { phase: phase.name, task, ended }, partitions.length);
    if (phase.each === "corpus") await phase.run(files("corpus"));
    for (const partition of phase.each === "corpus" ? [] : order) {
      const due = (phase === step.phases.at(-1) ? partitions[partition] : []).values();
      const settle = (document: ForgeDocument): void => {
        const { value } = due.next();
        if (value?.source !== document.source || value.origin !== document.origin)
          throw new Error(`${phase.name} settles ${document.origin} where ${value?.origin} is due`);
      };
      await phase.run({
        ...files(`${partition}`),
        partition,
        documents: async function* () {
          yield* partitions[partition];
        },
        keep: (document) => {
          settle(document);
          kept[partition].push(document);
        },
        drop: (document, reason, detail) => {
          settle(document);
          dropped[partition].push({ document, reason, detail });
        },
        reject: ({ where }) => {
          throw new Error(`${phase.name} rejects ${where}, and reads no source`);
        },
      });
      const left = due.next().value;
      if (left !== undefined) throw new Error(`${phase.name} does not settle ${left.origin}`);
    }
    ended.add(phase.name);
  }
  return { kept, dropped, ...run };
}

function filesOf(
  { folder, counts }: { folder: string; counts: Record<string, number> },
  { phase, task, ended }: { phase: string; task: string; ended: ReadonlySet<string> },
  partitions: number,
): TaskFiles {
  const read = (earlier: string, of: string, name: string): string => {
    if (!ended.has(earlier)) throw new Error(`${phase} reads from ${earlier}, which has not ended`);
    return join(folder, earlier, of, name);
  };
  mkdirSync(join(folder, phase, task), { recursive: true });
  return {
    partitions,
    path: (name) => join(folder, phase, task, name),
    partitionFile: (earlier, partition, name) => read(earlier, `${partition}`, name),
    mergedFile: (earlier, name) => read(earlier, "corpus", name),
    count: (name, by = 1) => {
      counts[name] = (counts[name] ?? 0) + by;
    },
    progress: (share) => {
      if (!(share >= 0 && share <= 1)) throw new Error(`a progress of ${share}`);
    },
  };
}
