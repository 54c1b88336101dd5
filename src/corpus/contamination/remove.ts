/** Last phase: takes contaminated documents, or the passages, out. */
import { readFileSync } from "node:fs";
import type { ForgeDocument } from "../forge-document.js";
import type { PartitionTask, Phase } from "../step.js";
import { wordHashes } from "../text/hashes.js";
import { charactersOf, joined, withoutSpans } from "./chunks.js";
import { COMMON, type Evaluation, evidenceOf, OVERLAPS, type Overlap, readOverlaps } from "./overlaps.js";
import type { Hit } from "./run-index.js";
import type { ContaminationSettings } from "./settings.js";

const REASON = "contaminated";

export function removePhase(settings: ContaminationSettings, load: () => Promise<Evaluation>): Phase {
  return {
    name: "remove",
    each: "partition",
    run: async (task: PartitionTask) => {
      const evaluation = await load();
      const common = readFileSync(task.mergedFile("judge", COMMON));
      const overlaps = readOverlaps(task.partitionFile("scan", task.partition, OVERLAPS));
      let next = await overlaps.next();
      let place = 0;
      for await (const document of task.documents()) {
        const overlap = !next.done && next.value.place === place ? next.value : null;
        if (overlap !== null) next = await overlaps.next();
        const evidence = overlap === null ? [] : evidenceOf(overlap, common, settings.share);
        if (overlap === null || evidence.length === 0) task.keep(document);
        else settle({ task, document, overlap, evidence, evaluation, common, settings });
        place++;
      }
    },
  };
}

interface Contaminated {
  readonly task: PartitionTask;
  readonly document: ForgeDocument;
  readonly overlap: Overlap;
  readonly evidence: readonly Hit[];
  readonly evaluation: Evaluation;
  readonly common: Uint8Array;
  readonly settings: ContaminationSettings;
}

function settle(contaminated: Contaminated): void {
  const { task, document, overlap, evidence, evaluation, settings } = contaminated;
  task.count("documents that overlap");
  const { set, where } = evaluation.items[evaluation.index.itemsOf(evidence[0].run)[0]];
  const detail = `${evidence.length} of ${overlap.runs} runs, of ${set} ${where}`;
  if (settings.action === "report") task.keep(document);
  else if (settings.action === "drop") task.drop(document, REASON, detail);
  else {
    const text = cutText(contaminated);
    if (text === null) task.drop(document, REASON, `${detail}; too little is left without the passage`);
    else {
      task.count("characters cut", document.text.length - text.length);
      task.keep({ ...document, text });
    }
  }
}

/** The document without its passages; null where nothing is left, or the pieces overlap still where they were joined. */
function cutText({ document, evidence, evaluation, common, settings }: Contaminated): string | null {
  const spans = charactersOf(document.text, joined(evidence));
  const text = withoutSpans(document.text, spans, settings.margin, settings.shortestPiece);
  if (text === "" || evaluation.index.hits(wordHashes(text)).some(({ run }) => common[run] === 0)) return null;
  return text;
}
