import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { random32 } from "../../../src/base/random.js";
import type { ForgeDocument } from "../../../src/corpus/forge-document.js";
import { DROPPED_BY_FILTER, filterStep } from "../../../src/corpus/quality/filter.js";
import { SampleDraw } from "../../../src/corpus/quality/samples.js";
import type { FilterSettings } from "../../../src/corpus/quality/settings.js";
import type { StepReport } from "../../../src/corpus/step-report.js";
import { documentOf, runStep, type StepRun } from "../run-step.js";

const SETTINGS: FilterSettings = {
  ...{ labels: null, positives: { sources: ["good"] }, negatives: { sources: ["bad"] }, applyTo: { sources: ["web"] } },
  ...{ threshold: 0.5, heldOut: 0.2, samples: 1000, epochs: 5, learningRate: 0.5, bucketBits: 14 },
};

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);

/** Words that anybody uses, and at every third place one of their own. */
function textOf(kind: "clear" | "junk", number: number): string {
  const word = (at: number): string => `${at % 3 === 0 ? kind : "any"}${random32(4, number, at) % 50}`;
  return range(0, 24).map(word).join(" ");
}

const documentsOf = (kind: "clear" | "junk", source: string, from: number, to: number): ForgeDocument[] =>
  range(from, to).map((number) => documentOf(textOf(kind, number), { source, domain: kind }));
const GOOD = documentsOf("clear", "good", 0, 120);
const BAD = documentsOf("junk", "bad", 1000, 1120);
const WEB = [...documentsOf("clear", "web", 2000, 2040), ...documentsOf("junk", "web", 3000, 3040)];
const ALL = [...GOOD, ...BAD, ...WEB];

function dealt(documents: readonly ForgeDocument[], partitions: number): ForgeDocument[][] {
  return range(0, partitions).map((part) => documents.filter((_, at) => at % partitions === part));
}

const originsOf = (documents: readonly (readonly ForgeDocument[])[]): string[] =>
  documents
    .flat()
    .map(({ origin }) => origin)
    .sort();

const trained = ({ folder }: StepRun, name: string): Buffer => readFileSync(join(folder, "train/corpus", name));
const reportOf = (run: StepRun): StepReport => JSON.parse(`${trained(run, "report.json")}`) as StepReport;

function labelFile(lines: readonly unknown[]): NonNullable<FilterSettings["labels"]> {
  const folder = mkdtempSync(join(tmpdir(), "labels-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "labels.jsonl");
  writeFileSync(path, lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"));
  return { paths: [path], text: "said", label: "verdict", positive: ["keep", "1"] };
}

describe("the quality filter", () => {
  it("drops what is like the bad documents, and judges only what it is told to", async () => {
    const run = await runStep(await filterStep(SETTINGS), dealt(ALL, 3));
    const dropped = run.dropped.flat();
    expect(originsOf([dropped.map(({ document }) => document)])).toEqual(originsOf([WEB.slice(40)]));
    expect(dropped.every(({ reason }) => reason === DROPPED_BY_FILTER)).toBe(true);
    expect(dropped[0].detail).toMatch(/^[\d.e-]+ is below 0.5$/);
    expect(reportOf(run).facts).toMatchObject({ "accuracy on held-out labels": 1, "ROC AUC on held-out labels": 1 });
  });

  it("is bit for bit the same whatever the partitions and the order in which they run", async () => {
    // A bound that is reached, so that the draw decides.
    const step = await filterStep({ ...SETTINGS, samples: 60, threshold: "best-f1" });
    const runs = [
      await runStep(step, [ALL]),
      await runStep(step, dealt(ALL, 4), [3, 1, 0, 2]),
      await runStep(step, [[], [...ALL].reverse()]),
    ];
    for (const run of runs) {
      expect(trained(run, "weights.f64").equals(trained(runs[0], "weights.f64"))).toBe(true);
      expect(reportOf(run)).toEqual(reportOf(runs[0]));
      expect(originsOf(run.kept)).toEqual(originsOf(runs[0].kept));
    }
  });

  it("learns from judgements in a file, by the names of their columns", async () => {
    const lines = [
      ...GOOD.map(({ text }, at) => ({ said: text, verdict: at % 2 === 0 ? "keep" : 1 })),
      ...BAD.map(({ text }, at) => ({ said: text, verdict: at % 2 === 0 ? "drop" : false })),
    ];
    const settings = { ...SETTINGS, labels: labelFile(lines), positives: null, negatives: null };
    const run = await runStep(await filterStep(settings), dealt(WEB, 2));
    expect(originsOf(run.kept)).toEqual(originsOf([WEB.slice(0, 40)]));
  });

  it("counts records that are no judgements, by why", async () => {
    const junk = [
      "{",
      '{"said": 3, "verdict": 1}',
      { verdict: "keep" },
      { said: "no verdict" },
      { said: "x", verdict: null },
      7,
    ];
    const labels = labelFile([...junk, { said: GOOD[0].text, verdict: "keep" }, "[".repeat(5000), "null"]);
    const { counts } = await runStep(await filterStep({ ...SETTINGS, labels }), [ALL]);
    const no = "records of label files that are no judgements:";
    expect(counts).toEqual({
      [`${no} the line is not JSON`]: 2,
      [`${no} no \`said\``]: 4,
      [`${no} no \`verdict\``]: 2,
    });
  });

  it("says what it cannot learn from", async () => {
    const nothing = filterStep({ ...SETTINGS, negatives: null });
    await expect(nothing).rejects.toThrow("the filter has nothing to learn from");
    await expect(runStep(await filterStep(SETTINGS), [[...GOOD, ...WEB]])).rejects.toThrow("too few bad texts");
    await expect(runStep(await filterStep(SETTINGS), [[]])).rejects.toThrow("too few good texts");
    const none = labelFile([{ said: "x" }]);
    await expect(runStep(await filterStep({ ...SETTINGS, labels: none }), [ALL])).rejects.toThrow("no judgements");
    const absent = { ...none, paths: ["nowhere.jsonl"] };
    await expect(filterStep({ ...SETTINGS, labels: absent })).rejects.toThrow("cannot read this file of labels");
  });

  it("learns from equal texts on both sides without falling over: they stay undecided", async () => {
    const equal = range(0, 50).flatMap((n) =>
      ["good", "bad"].map((source) => documentOf(`same words ${n}`, { source })),
    );
    const run = await runStep(await filterStep({ ...SETTINGS, heldOut: 0 }), [[...equal, ...WEB]]);
    expect(run.kept.flat().length + run.dropped.flat().length).toBe(180);
    expect(reportOf(run).facts["quality on held-out labels"]).toBe("not measured: no label is held out");
  });
});

describe("a draw of samples", () => {
  it("holds the same bounded number of texts in whatever order they come, each once", () => {
    const texts = range(0, 3000).map((number) => ({ text: `text ${number}`, good: number % 3 === 0 }));
    const drawn = [texts, [...texts].reverse(), [...texts, ...texts]].map((list) => {
      const draw = new SampleDraw(100);
      for (const each of list) draw.add(each);
      return draw.samples();
    });
    expect(drawn[0].length).toBe(200);
    expect(drawn[0].filter(({ good }) => good).length).toBe(100);
    expect(drawn[1]).toEqual(drawn[0]);
    expect(drawn[2]).toEqual(drawn[0]);
  });
});
