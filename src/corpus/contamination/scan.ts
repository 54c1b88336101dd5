/** First phase: looks for the runs of the evaluation sets in every document. */
import { closeSync, openSync, writeSync } from "node:fs";
import type { ForgeDocument } from "../forge-document.js";
import type { PartitionTask, Phase } from "../step.js";
import { wordHashes } from "../text/hashes.js";
import { charactersOf, joined } from "./chunks.js";
import { type Evaluation, OVERLAPS, type Overlap } from "./overlaps.js";
import type { ContaminationSettings } from "./settings.js";

const SHOWN_PASSAGES = 8;
const SHOWN_CHARACTERS = 400;
/** A surrogate pair cut through. */
const LAST_HALF = /[\ud800-\udbff]$/;

export function scanPhase({ run }: ContaminationSettings, load: () => Promise<Evaluation>): Phase {
  return {
    name: "scan",
    each: "partition",
    run: async (task: PartitionTask) => {
      const { index } = await load();
      const file = openSync(task.path(OVERLAPS), "w");
      let place = 0;
      for await (const document of task.documents()) {
        const words = wordHashes(document.text);
        const hits = index.hits(words);
        if (hits.length > 0) {
          const overlap: Overlap = {
            place,
            origin: `${document.source} ${document.origin}`,
            runs: Math.max(1, words.length - run + 1),
            hits: hits.map((hit) => [hit.run, hit.start, hit.end]),
            passages: passagesOf(document, hits),
          };
          writeSync(file, `${JSON.stringify(overlap)}\n`);
        }
        place++;
      }
      closeSync(file);
      task.count("documents looked through", place);
    },
  };
}

function passagesOf({ text }: ForgeDocument, hits: readonly { start: number; end: number }[]): Overlap["passages"] {
  return joined(hits)
    .slice(0, SHOWN_PASSAGES)
    .flatMap((span) =>
      charactersOf(text, [span]).map(({ start, end }) => ({
        start: span.start,
        text: text.slice(start, Math.min(end, start + SHOWN_CHARACTERS)).replace(LAST_HALF, ""),
      })),
    );
}
