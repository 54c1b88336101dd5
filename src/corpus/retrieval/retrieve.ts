/**
 * The step `retrieve`: of a pool of documents, such as a web crawl, the share that is most like some seeds. How well it does is measured on
 * seeds that are held out: they are planted in the pool, counted as its documents, and should come out again.
 *   count (each partition) → weigh (once) → score (each) → choose (once) → apply (each)
 */
import { readFileSync, writeFileSync } from "node:fs";
import { UserError } from "../../base/errors.js";
import { isHeldOut } from "../documents.js";
import type { ForgeDocument } from "../forge-document.js";
import { type DocumentMatch, matches, matchWords } from "../selection/document-match.js";
import { applyThreshold } from "../selection/keep-best.js";
import { ScoreWriter } from "../selection/score-file.js";
import { readFloat64, readUint32, writeNumbers } from "../selection/typed-files.js";
import type { PartitionTask, Step, TaskFiles } from "../step.js";
import { DEFAULT_BUCKET_BITS, NgramCounter } from "../text/ngram-counter.js";
import { chooseBest, PLANTED_TAG } from "./choose.js";
import { ngramWeights, Similarity } from "./ngram-weights.js";

export interface RetrieveSettings {
  /** What the pool is compared with; seeds pass untouched. */
  readonly seeds: DocumentMatch;
  /** What is chosen from. A document that is also a seed counts as a seed; one that is neither passes untouched. */
  readonly pool: DocumentMatch;
  /** Share of the pool's documents that is kept, above 0 and at most 1; by default 0.2. */
  readonly keep?: number;
  /** Share of the seeds, drawn by their text, that measures the result instead of deciding it, from 0 to below 1; by default 0.1. */
  readonly heldOut?: number;
  /** N-grams are told apart by this many bits of their hash; by default 18. */
  readonly bucketBits?: number;
}

export const DROPPED_BY_RETRIEVAL = "not like the seeds";

/** What a partition's `count` found. */
interface Counted {
  readonly seeds: number;
  readonly heldOut: number;
  readonly pool: number;
}

/** @throws UserError when a setting is out of its range. */
export function retrieve(settings: RetrieveSettings): Step {
  const { keep = 0.2, heldOut = 0.1, bucketBits = DEFAULT_BUCKET_BITS, seeds, pool } = settings;
  checkShares(keep, heldOut);
  const decided = { keep, heldOut, bucketBits, seeds, pool };
  return {
    name: "retrieve",
    version: 2,
    settings: decided,
    phases: [
      { name: "count", each: "partition", run: (task) => count(task, decided) },
      { name: "weigh", each: "corpus", run: async (task) => weigh(task, decided) },
      { name: "score", each: "partition", run: (task) => score(task, decided) },
      { name: "choose", each: "corpus", run: async (task) => chooseBest(task, decided) },
      {
        name: "apply",
        each: "partition",
        run: (task) =>
          applyThreshold(task, {
            isScored: (document) => roleOf(document, decided) === "pool",
            isRecord: (tag) => tag < PLANTED_TAG,
            reason: DROPPED_BY_RETRIEVAL,
          }),
      },
    ],
  };
}

type Decided = Required<RetrieveSettings>;

function checkShares(keep: number, heldOut: number): void {
  const problems = [];
  if (!(keep > 0 && keep <= 1))
    problems.push({
      what: "the share of the pool to keep",
      where: "keep",
      expected: "above 0, at most 1",
      got: `${keep}`,
    });
  if (!(heldOut >= 0 && heldOut < 1))
    problems.push({
      what: "the share of held-out seeds",
      where: "heldOut",
      expected: "0 to below 1",
      got: `${heldOut}`,
    });
  if (problems.length > 0) throw new UserError(problems);
}

function roleOf(document: ForgeDocument, { seeds, pool, heldOut }: Decided): "seed" | "held out" | "pool" | "other" {
  if (matches(document, seeds)) return isHeldOut(document.text, heldOut) ? "held out" : "seed";
  return matches(document, pool) ? "pool" : "other";
}

async function count(task: PartitionTask, decided: Decided): Promise<void> {
  const counter = new NgramCounter(decided.bucketBits);
  const found = { seeds: 0, heldOut: 0, pool: 0 };
  const frequencies = { seed: new Uint32Array(counter.size), pool: new Uint32Array(counter.size) };
  for await (const document of task.documents()) {
    const role = roleOf(document, decided);
    if (role === "other") continue;
    if (role === "seed") found.seeds++;
    else found[role === "pool" ? "pool" : "heldOut"]++;
    const target = role === "seed" ? frequencies.seed : frequencies.pool;
    for (const bucket of counter.count(document.text).buckets) target[bucket]++;
  }
  writeNumbers(task.path("seed.u32"), frequencies.seed);
  writeNumbers(task.path("pool.u32"), frequencies.pool);
  writeFileSync(task.path("counted.json"), JSON.stringify(found satisfies Counted));
}

function weigh(task: TaskFiles, { bucketBits, seeds, pool, heldOut }: Decided): void {
  const frequencies = { seed: new Float64Array(2 ** bucketBits), pool: new Float64Array(2 ** bucketBits) };
  const total = { seeds: 0, heldOut: 0, pool: 0 };
  for (let partition = 0; partition < task.partitions; partition++) {
    for (const kind of ["seed", "pool"] as const) {
      const part = readUint32(task.partitionFile("count", partition, `${kind}.u32`));
      for (let bucket = 0; bucket < part.length; bucket++) frequencies[kind][bucket] += part[bucket];
    }
    const found = JSON.parse(readFileSync(task.partitionFile("count", partition, "counted.json"), "utf8")) as Counted;
    for (const kind of ["seeds", "heldOut", "pool"] as const) total[kind] += found[kind];
  }
  const problems = [];
  if (total.seeds === 0)
    problems.push({
      what: total.heldOut === 0 ? "no document is a seed" : "no seed is left that is not held out",
      where: "seeds",
      expected: matchWords(seeds),
      ...(total.heldOut === 0 ? {} : { hint: `name more seeds, or hold out less than ${heldOut}` }),
    });
  if (total.pool === 0)
    problems.push({
      what: "no document is in the pool that is chosen from",
      where: "pool",
      expected: matchWords(pool),
      hint: "leave this step out where there is nothing to choose",
    });
  if (problems.length > 0) throw new UserError(problems);
  writeNumbers(task.path("weights.f64"), ngramWeights(frequencies.seed, frequencies.pool));
  writeFileSync(task.path("total.json"), JSON.stringify(total satisfies Counted));
}

async function score(task: PartitionTask, decided: Decided): Promise<void> {
  const counter = new NgramCounter(decided.bucketBits);
  const similarity = new Similarity(readFloat64(task.mergedFile("weigh", "weights.f64")));
  const sources: string[] = [];
  using scores = new ScoreWriter(task.path("scores.u32"));
  for await (const document of task.documents()) {
    const role = roleOf(document, decided);
    if (role !== "pool" && role !== "held out") continue;
    let source = sources.indexOf(document.source);
    if (source < 0) source = sources.push(document.source) - 1;
    const tag = role === "pool" ? source : source + PLANTED_TAG;
    scores.write(document, similarity.of(counter.count(document.text)), tag);
  }
  writeFileSync(task.path("sources.json"), JSON.stringify(sources));
}
