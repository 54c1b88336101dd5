/** Second phase, once over the corpus: which runs are too common to be evidence, and what people should know about the rest. */
import { writeFileSync } from "node:fs";
import type { Phase, TaskFiles } from "../step.js";
import { STEP_REPORT, type StepReport } from "../step-report.js";
import { COMMON, type Evaluation, evidenceOf, OVERLAPS, type Overlap, readOverlaps } from "./overlaps.js";
import type { Hit } from "./run-index.js";
import type { ContaminationSettings } from "./settings.js";

const SHOWN_OVERLAPS = 20;

export function judgePhase(settings: ContaminationSettings, load: () => Promise<Evaluation>): Phase {
  return {
    name: "judge",
    each: "corpus",
    run: async (task: TaskFiles) => {
      const evaluation = await load();
      const common = await commonRuns(task, evaluation.index.size, settings.common);
      writeFileSync(task.path(COMMON), common);
      const findings = new Findings(evaluation, settings);
      for await (const overlap of allOverlaps(task)) findings.add(overlap, evidenceOf(overlap, common, settings.share));
      const commonCount = common.reduce((sum, flag) => sum + flag, 0);
      writeFileSync(task.path(STEP_REPORT), JSON.stringify(findings.report(commonCount), null, 2));
    },
  };
}

async function* allOverlaps(task: TaskFiles): AsyncGenerator<Overlap> {
  for (let partition = 0; partition < task.partitions; partition++)
    yield* readOverlaps(task.partitionFile("scan", partition, OVERLAPS));
}

async function commonRuns(task: TaskFiles, size: number, most: number | null): Promise<Uint8Array> {
  const common = new Uint8Array(size);
  if (most === null) return common;
  const documents = new Uint32Array(size);
  for await (const { hits } of allOverlaps(task)) for (const run of new Set(hits.map(([run]) => run))) documents[run]++;
  for (let run = 0; run < size; run++) common[run] = documents[run] > most ? 1 : 0;
  return common;
}

interface SetFindings {
  items: number;
  found: number;
  documents: number;
}

class Findings {
  private readonly foundItems: Uint8Array;
  private readonly sets = new Map<string, SetFindings>();
  private readonly worst: { readonly overlap: Overlap; readonly evidence: readonly Hit[] }[] = [];
  private documents = 0;

  constructor(
    private readonly evaluation: Evaluation,
    private readonly settings: ContaminationSettings,
  ) {
    this.foundItems = new Uint8Array(evaluation.items.length);
    for (const { name } of settings.sets) this.sets.set(name, { items: 0, found: 0, documents: 0 });
    for (const { set } of evaluation.items) this.of(set).items++;
  }

  private of(set: string): SetFindings {
    return this.sets.get(set) ?? { items: 0, found: 0, documents: 0 };
  }

  add(overlap: Overlap, evidence: readonly Hit[]): void {
    if (evidence.length === 0) return;
    this.documents++;
    const sets = new Set<string>();
    for (const { run } of evidence)
      for (const item of this.evaluation.index.itemsOf(run)) {
        const { set } = this.evaluation.items[item];
        sets.add(set);
        if (this.foundItems[item] === 0) this.of(set).found++;
        this.foundItems[item] = 1;
      }
    for (const set of sets) this.of(set).documents++;
    // The sort keeps the order of equal ones, which is that of the corpus.
    this.worst.push({ overlap, evidence });
    if (this.worst.length < 2 * SHOWN_OVERLAPS) return;
    this.sortWorst();
  }

  private sortWorst(): void {
    this.worst.sort((a, b) => b.evidence.length - a.evidence.length);
    this.worst.splice(SHOWN_OVERLAPS);
  }

  report(commonRuns: number): StepReport {
    this.sortWorst();
    const { index } = this.evaluation;
    const facts = {
      "runs of words looked for": index.size,
      "runs too common to be evidence": commonRuns,
      "items of too few words to be looked for": index.tooShort,
      "documents that overlap": this.documents,
      "what was done": this.settings.action,
    };
    const bySet = [...this.sets].map(([set, { items, found, documents }]) => [set, items, found, documents]);
    const worst = this.worst.map(({ overlap, evidence }) => {
      const [item] = index.itemsOf(evidence[0].run);
      const { set, where } = this.evaluation.items[item];
      const passage = overlap.passages.findLast(({ start }) => start <= evidence[0].start) ?? overlap.passages[0];
      return [set, where, overlap.origin, evidence.length, overlap.runs, passage.text];
    });
    return {
      facts,
      tables: [
        { title: "Evaluation sets", head: ["set", "items", "items found", "documents with one"], rows: bySet },
        {
          title: "The worst overlaps",
          head: ["set", "item", "document", "runs in common", "runs of the document", "passage"],
          rows: worst,
        },
      ],
      plots: [],
    };
  }
}
