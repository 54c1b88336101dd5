/** Random documents of a step, to be read by people: what it kept, or what it dropped. */
import { join } from "node:path";
import { UserError } from "../../base/errors.js";
import { exists } from "../../base/files.js";
import { randomUniform, streamOf } from "../../base/random.js";
import type { ForgeDocument } from "../forge-document.js";
import { readDocumentLines } from "./document-lines.js";
import { DOCUMENTS_FILE, DROPPED_FILE, type DroppedDocument } from "./run-task.js";
import { type PlacedPhase, taskFolder } from "./tasks.js";

export interface SampleChoice {
  readonly step: string;
  readonly what: "kept" | "dropped";
  readonly count: number;
  readonly seed: number;
  /** Of this source only; null: of all. */
  readonly source: string | null;
}

/**
 * Draws documents, all with the same chance, in the order they have in the corpus.
 * @throws UserError when there is no such step, or it has not run.
 */
export async function sampleStep(
  phases: readonly PlacedPhase[],
  partitions: number,
  { step, what, count, seed, source }: SampleChoice,
): Promise<(ForgeDocument | DroppedDocument)[]> {
  const last = phases.findLast((placed) => placed.step.name === step && placed.keeps);
  if (last === undefined) {
    const names = new Set(phases.filter(({ keeps }) => keeps).map((placed) => placed.step.name));
    throw new UserError({
      what: `this forge has no step \`${step}\` with documents`,
      expected: `one of ${[...names].join(", ")}`,
    });
  }
  const drawn: { key: number; place: number; document: ForgeDocument }[] = [];
  const stream = streamOf(`sample ${step}`);
  let place = 0;
  for (let partition = 0; partition < partitions; partition++) {
    const path = join(taskFolder(last.folder, partition), what === "kept" ? DOCUMENTS_FILE : DROPPED_FILE);
    if (!(await exists(path)))
      throw new UserError({
        what: `the step \`${step}\` has not run`,
        where: path,
        hint: "run the forge first, at least with `--until`",
      });
    for await (const document of readDocumentLines(path)) {
      if (source !== null && document.source !== source) continue;
      const key = randomUniform(seed, stream, place);
      keepSmallest(drawn, { key, place: place++, document }, count);
    }
  }
  return drawn.sort((a, b) => a.place - b.place).map(({ document }) => document);
}

/** Keeps the `count` items with the smallest keys; the list is in the order of keys. */
function keepSmallest<T extends { readonly key: number }>(list: T[], item: T, count: number): void {
  if (list.length >= count && item.key >= (list.at(-1)?.key ?? 0)) return;
  const at = list.findIndex(({ key }) => key > item.key);
  list.splice(at === -1 ? list.length : at, 0, item);
  if (list.length > count) list.pop();
}
