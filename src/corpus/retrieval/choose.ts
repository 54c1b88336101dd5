/** The phase `choose` of retrieval: the threshold that keeps the share, and how well it does on the planted seeds. */
import { readFileSync, writeFileSync } from "node:fs";
import { writeThreshold } from "../selection/keep-best.js";
import { nthLargest } from "../selection/nth-score.js";
import { Histogram, rocAuc, rounded } from "../selection/ranking.js";
import { reaches, readScores, type ScoreKey, scoreOf } from "../selection/score-file.js";
import type { TaskFiles } from "../step.js";
import { STEP_REPORT, type StepReport } from "../step-report.js";

/** In the tag of a held-out seed; below it a tag is the number of the document's source in its partition. */
export const PLANTED_TAG = 2 ** 31;

const isPool = (tag: number): boolean => tag < PLANTED_TAG;
/** Means are summed as whole numbers of this fraction, so that they do not depend on the order of the partitions. */
const FIXED_POINT = 2 ** 20;

interface SourceScores {
  documents: number;
  kept: number;
  /** In FIXED_POINT-ths. */
  sum: number;
}

/** Everything that one reading of the scores tells. */
interface Survey {
  readonly bySource: Map<string, SourceScores>;
  readonly planted: Uint32Array;
  plantedKept: number;
  low: number;
  high: number;
}

export function chooseBest(task: TaskFiles, { keep }: { readonly keep: number }): void {
  const total = JSON.parse(readFileSync(task.mergedFile("weigh", "total.json"), "utf8")) as Totals;
  const paths = Array.from({ length: task.partitions }, (_, partition) => scoresOf(task, partition));
  const threshold = nthLargest(paths, Math.max(1, Math.round(keep * total.pool)), isPool);
  writeThreshold(task, threshold);
  const survey = surveyScores(task, threshold, total.heldOut);
  const report: StepReport = {
    facts: { ...facts(survey, total, threshold), ...measures(survey, paths) },
    tables: [sourceTable(survey)],
    plots: [scorePlot(survey, paths)],
  };
  writeFileSync(task.path(STEP_REPORT), JSON.stringify(report));
}

interface Totals {
  readonly seeds: number;
  readonly heldOut: number;
  readonly pool: number;
}

function scoresOf(task: TaskFiles, partition: number): string {
  return task.partitionFile("score", partition, "scores.u32");
}

function surveyScores(task: TaskFiles, threshold: ScoreKey, plantedCount: number): Survey {
  const planted = new Uint32Array(plantedCount);
  const survey: Survey = { bySource: new Map(), planted, plantedKept: 0, low: Infinity, high: -Infinity };
  let plantedSeen = 0;
  for (let partition = 0; partition < task.partitions; partition++) {
    const file = task.partitionFile("score", partition, "sources.json");
    const names = JSON.parse(readFileSync(file, "utf8")) as string[];
    for (const record of readScores([scoresOf(task, partition)])) {
      const score = scoreOf(record.ordered);
      const kept = reaches(record, threshold) ? 1 : 0;
      survey.low = Math.min(survey.low, score);
      survey.high = Math.max(survey.high, score);
      if (!isPool(record.tag)) {
        planted[plantedSeen++] = record.ordered;
        survey.plantedKept += kept;
        continue;
      }
      const of = sourceScores(survey, names[record.tag]);
      of.documents++;
      of.kept += kept;
      of.sum += Math.round(score * FIXED_POINT);
    }
  }
  return survey;
}

function sourceScores({ bySource }: Survey, name: string): SourceScores {
  const known = bySource.get(name);
  if (known !== undefined) return known;
  const scores = { documents: 0, kept: 0, sum: 0 };
  bySource.set(name, scores);
  return scores;
}

function facts({ bySource }: Survey, { seeds, heldOut, pool }: Totals, threshold: ScoreKey): StepReport["facts"] {
  const kept = [...bySource.values()].reduce((sum, source) => sum + source.kept, 0);
  return {
    seeds,
    "held-out seeds": heldOut,
    "documents of the pool": pool,
    "documents kept": kept,
    "lowest score kept": rounded(scoreOf(threshold.ordered)),
  };
}

/** Of the planted seeds; a pool holds documents like the seeds of its own, so that precision is a lower bound. */
function measures({ planted, plantedKept }: Survey, paths: readonly string[]): StepReport["facts"] {
  if (planted.length === 0) return { "quality on held-out seeds": "not measured: no seed is held out" };
  const cut = nthLargest(paths, planted.length, () => true);
  let found = 0;
  for (const record of readScores(paths)) if (!isPool(record.tag) && reaches(record, cut)) found++;
  const auc = rocAuc(planted, poolScores(paths));
  return {
    "recall of held-out seeds at the kept share": rounded(plantedKept / planted.length),
    [`precision at ${planted.length}`]: rounded(found / planted.length),
    ...(auc === null ? {} : { "ROC AUC of held-out seeds against the pool": rounded(auc) }),
  };
}

function* poolScores(paths: readonly string[]): Generator<number> {
  for (const { ordered, tag } of readScores(paths)) if (isPool(tag)) yield ordered;
}

function sourceTable({ bySource }: Survey): StepReport["tables"][number] {
  const rows = [...bySource]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { documents, kept, sum }]) => [name, documents, kept, rounded(sum / FIXED_POINT / documents)]);
  return { title: "Similarity to the seeds by source", head: ["source", "documents", "kept", "mean score"], rows };
}

function scorePlot({ low, high }: Survey, paths: readonly string[]): StepReport["plots"][number] {
  const pool = new Histogram(low, high);
  const planted = new Histogram(low, high);
  for (const { ordered, tag } of readScores(paths)) (isPool(tag) ? pool : planted).add(scoreOf(ordered));
  return {
    title: "Similarity to the seeds",
    kind: "line",
    xLabel: "score",
    yLabel: "share of documents",
    x: pool.middles(),
    series: [
      { name: "pool", y: pool.shares() },
      { name: "held-out seeds", y: planted.shares() },
    ],
  };
}
