/**
 * The step `filter`: a trained classifier keeps what is like the good labels. The labels are somebody's judgements, or documents of the corpus that
 * are good or bad by where they come from, or both.
 *   collect (each partition) → train (once) → apply (each)
 */
import { readFileSync, writeFileSync } from "node:fs";
import { UserError } from "../../base/errors.js";
import { hashFile } from "../../base/fingerprint.js";
import { isHeldOut } from "../documents.js";
import { matches } from "../selection/document-match.js";
import { rounded } from "../selection/ranking.js";
import { readFloat64, writeNumbers } from "../selection/typed-files.js";
import type { PartitionTask, Step, TaskFiles } from "../step.js";
import { STEP_REPORT } from "../step-report.js";
import { NgramCounter } from "../text/ngram-counter.js";
import { Classifier, featuresOf } from "./classifier.js";
import { bestF1, type Judged, qualityReport } from "./measures.js";
import { MAX_CHARACTERS, readLabels, readSamples, type Sample, SampleDraw, writeSamples } from "./samples.js";
import type { FilterSettings } from "./settings.js";

export const DROPPED_BY_FILTER = "judged not good enough";

/** Fewer labelled texts of a side teach nothing. */
const LEAST_SAMPLES = 10;

/** @throws UserError when nothing teaches, or a label file cannot be read. */
export async function filterStep(settings: FilterSettings): Promise<Step> {
  const { labels, positives, negatives } = settings;
  if (labels === null && (positives === null || negatives === null))
    throw new UserError({
      what: "the filter has nothing to learn from",
      where: "filter",
      expected: "`labels`, or `positives` and `negatives`",
    });
  const files = await Promise.all((labels?.paths ?? []).map(fingerprint));
  return {
    name: "filter",
    version: 1,
    settings: { ...settings, files },
    phases: [
      { name: "collect", each: "partition", run: (task) => collect(task, settings) },
      { name: "train", each: "corpus", run: (task) => train(task, settings) },
      { name: "apply", each: "partition", run: (task) => apply(task, settings) },
    ],
  };
}

async function fingerprint(path: string): Promise<string> {
  return hashFile(path).catch((error: unknown) => {
    throw new UserError({ what: "cannot read this file of labels", where: path }, { cause: error });
  });
}

const SAMPLES = "samples.jsonl";
const WEIGHTS = "weights.f64";
const THRESHOLD = "threshold.json";

async function collect(task: PartitionTask, { positives, negatives, samples }: FilterSettings): Promise<void> {
  const draw = new SampleDraw(samples);
  if (positives !== null || negatives !== null)
    for await (const document of task.documents()) {
      if (positives !== null && matches(document, positives)) draw.add({ text: document.text, good: true });
      else if (negatives !== null && matches(document, negatives)) draw.add({ text: document.text, good: false });
    }
  writeSamples(task.path(SAMPLES), draw.samples());
}

async function train(task: TaskFiles, settings: FilterSettings): Promise<void> {
  const { heldOut, epochs, learningRate, bucketBits } = settings;
  const samples = await gather(task, settings);
  const [measuring, teaching] = [true, false].map((side) =>
    samples.filter(({ text }) => isHeldOut(text, heldOut) === side),
  );
  for (const good of [true, false])
    if (teaching.filter((sample) => sample.good === good).length < LEAST_SAMPLES)
      throw new UserError({
        what: `there are too few ${good ? "good" : "bad"} texts to learn from`,
        where: "filter",
        expected: `at least ${LEAST_SAMPLES}, held-out ones aside`,
        hint: "name more `labels`, or other `positives` and `negatives`",
      });
  const counter = new NgramCounter(bucketBits);
  const features = teaching.map(({ text }) => featuresOf(counter.count(text)));
  const labels = Uint8Array.from(teaching, ({ good }) => (good ? 1 : 0));
  const classifier = Classifier.train(features, labels, { epochs, learningRate, buckets: counter.size });
  const judged: Judged = {
    probabilities: Float64Array.from(measuring, ({ text }) => classifier.probability(featuresOf(counter.count(text)))),
    labels: Uint8Array.from(measuring, ({ good }) => (good ? 1 : 0)),
  };
  const threshold = settings.threshold === "best-f1" ? bestF1(judged) : settings.threshold;
  writeNumbers(task.path(WEIGHTS), classifier.weights);
  writeFileSync(task.path(THRESHOLD), JSON.stringify(threshold));
  const counts = { "texts learnt from": teaching.length, "held-out texts": measuring.length };
  writeFileSync(task.path(STEP_REPORT), JSON.stringify(qualityReport(judged, threshold, counts)));
}

async function gather(task: TaskFiles, { labels, samples }: FilterSettings): Promise<Sample[]> {
  const draw = new SampleDraw(samples);
  for (let partition = 0; partition < task.partitions; partition++)
    for (const sample of readSamples(task.partitionFile("collect", partition, SAMPLES))) draw.add(sample);
  if (labels !== null)
    for await (const label of readLabels(labels)) {
      if ("why" in label) task.count(`records of label files that are no judgements: ${label.why}`);
      else draw.add(label);
    }
  return draw.samples();
}

async function apply(task: PartitionTask, { applyTo, bucketBits }: FilterSettings): Promise<void> {
  const classifier = new Classifier(readFloat64(task.mergedFile("train", WEIGHTS)));
  const threshold = JSON.parse(readFileSync(task.mergedFile("train", THRESHOLD), "utf8")) as number;
  const counter = new NgramCounter(bucketBits);
  for await (const document of task.documents()) {
    if (!matches(document, applyTo)) {
      task.keep(document);
      continue;
    }
    const probability = classifier.probability(featuresOf(counter.count(document.text.slice(0, MAX_CHARACTERS))));
    if (probability >= threshold) task.keep(document);
    else task.drop(document, DROPPED_BY_FILTER, `${rounded(probability)} is below ${rounded(threshold)}`);
  }
}
