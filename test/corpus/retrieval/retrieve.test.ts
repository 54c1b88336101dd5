import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { random32 } from "../../../src/base/random.js";
import { isHeldOut } from "../../../src/corpus/documents.js";
import type { ForgeDocument } from "../../../src/corpus/forge-document.js";
import { ngramWeights, Similarity } from "../../../src/corpus/retrieval/ngram-weights.js";
import { DROPPED_BY_RETRIEVAL, retrieve } from "../../../src/corpus/retrieval/retrieve.js";
import { rocAuc } from "../../../src/corpus/selection/ranking.js";
import type { StepReport } from "../../../src/corpus/step-report.js";
import { NgramCounter } from "../../../src/corpus/text/ngram-counter.js";
import { documentOf, runStep, type StepRun } from "../run-step.js";

const BITS = 14;
const SETTINGS = { seeds: { sources: ["seed"] }, pool: { sources: ["web"] }, bucketBits: BITS };

/** A text whose every third word is one of its kind, all drawn by a number. */
function textOf(kind: "api" | "tale", number: number): string {
  const words = Array.from({ length: 30 }, (_, at) => {
    const drawn = random32(kind === "api" ? 1 : 2, number, at);
    return at % 3 === 0 ? `${kind}${(drawn >>> 8) % 40}` : `any${(drawn >>> 8) % 200}`;
  });
  return words.join(" ");
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);
const SEEDS = range(0, 100).map((n) => documentOf(textOf("api", n), { source: "seed" }));
const ALIKE = range(100, 150).map((n) => documentOf(textOf("api", n), { source: "web", domain: "alike" }));
const UNLIKE = range(150, 350).map((n) => documentOf(textOf("tale", n), { source: "web" }));
const OTHERS = range(350, 360).map((n) => documentOf(textOf("tale", n), { source: "books" }));
const ALL = [...SEEDS, ...ALIKE, ...UNLIKE, ...OTHERS];

function dealt(documents: readonly ForgeDocument[], partitions: number): ForgeDocument[][] {
  return range(0, partitions).map((part) => documents.filter((_, at) => at % partitions === part));
}

function reportOf({ folder }: StepRun): StepReport {
  return JSON.parse(readFileSync(join(folder, "choose/corpus/report.json"), "utf8")) as StepReport;
}

const originsOf = (documents: readonly (readonly ForgeDocument[])[]): string[] =>
  documents
    .flat()
    .map(({ origin }) => origin)
    .sort();

describe("retrieval", () => {
  it("finds the documents like the seeds, in the share asked for, and leaves all others alone", async () => {
    const run = await runStep(retrieve(SETTINGS), dealt(ALL, 3));
    expect(originsOf(run.kept)).toEqual(originsOf([SEEDS, ALIKE, OTHERS]));
    const dropped = run.dropped.flat();
    expect(dropped.length).toBe(200);
    expect(dropped.every(({ reason }) => reason === DROPPED_BY_RETRIEVAL)).toBe(true);
    expect(dropped[0].detail).toMatch(/^score -?[\d.e-]+, needed -?[\d.e-]+$/);
  });

  it("gives the same whatever the partitions and the order in which they run", async () => {
    const step = retrieve({ ...SETTINGS, keep: 0.37 });
    const runs = [
      await runStep(step, [ALL]),
      await runStep(step, dealt(ALL, 4), [2, 0, 3, 1]),
      await runStep(step, dealt([...ALL].reverse(), 3)),
      await runStep(step, [[], ALL, []]),
    ];
    for (const run of runs) {
      expect(originsOf(run.kept)).toEqual(originsOf(runs[0].kept));
      expect(reportOf(run)).toEqual(reportOf(runs[0]));
    }
  });

  it("measures itself on the planted seeds as counting by hand does", async () => {
    const run = await runStep(retrieve({ ...SETTINGS, keep: 0.3, heldOut: 0.25 }), dealt(ALL, 2));
    const planted = SEEDS.filter(({ text }) => isHeldOut(text, 0.25));
    const pool = [...ALIKE, ...UNLIKE];
    const counter = new NgramCounter(BITS);
    const frequencies = (documents: readonly ForgeDocument[]): Float64Array => {
      const counts = new Float64Array(counter.size);
      for (const { text } of documents) for (const bucket of counter.count(text).buckets) counts[bucket]++;
      return counts;
    };
    const teaching = SEEDS.filter(({ text }) => !isHeldOut(text, 0.25));
    const similarity = new Similarity(ngramWeights(frequencies(teaching), frequencies([...pool, ...planted])));
    const score = ({ text }: ForgeDocument): number => Math.fround(similarity.of(counter.count(text)));
    const good = planted.map(score);
    const cut = pool.map(score).sort((a, b) => b - a)[75 - 1];
    const best = new Set([...pool, ...planted].sort((a, b) => score(b) - score(a)).slice(0, planted.length));
    const { facts } = reportOf(run);
    const close = (name: string, value: number | null): void => expect(facts[name], name).toBeCloseTo(value ?? NaN, 4);
    expect(facts).toMatchObject({ seeds: teaching.length, "held-out seeds": planted.length, "documents kept": 75 });
    close("recall of held-out seeds at the kept share", good.filter((each) => each >= cut).length / good.length);
    close(`precision at ${planted.length}`, planted.filter((each) => best.has(each)).length / planted.length);
    close("ROC AUC of held-out seeds against the pool", rocAuc(Float64Array.from(good), pool.map(score)));
    expect(facts["ROC AUC of held-out seeds against the pool"]).toBeGreaterThan(0.7);
    const mean = pool.reduce((sum, each) => sum + score(each), 0) / pool.length;
    expect(reportOf(run).tables[0].rows).toEqual([["web", 250, 75, expect.closeTo(mean, 5)]]);
  });

  it("keeps exactly the share of documents that are all equal, and one at least", async () => {
    const equal = range(0, 40).map((n) => documentOf("the same words", { source: "web", origin: `${n}` }));
    const { kept } = await runStep(retrieve({ ...SETTINGS, keep: 0.25 }), [[...SEEDS, ...equal]]);
    expect(kept.flat().length - SEEDS.length).toBe(10);
    const few = await runStep(retrieve({ ...SETTINGS, keep: 0.01 }), [[...SEEDS, ...equal.slice(0, 3)]]);
    expect(few.kept.flat().length - SEEDS.length).toBe(1);
    const all = await runStep(retrieve({ ...SETTINGS, keep: 1 }), [ALL]);
    expect(all.dropped.flat()).toEqual([]);
  });

  it("scores documents without words, and says where no seed measures", async () => {
    const blank = documentOf("…", { source: "web" });
    const run = await runStep(retrieve({ ...SETTINGS, heldOut: 0, keep: 0.5 }), [[...SEEDS, blank, ALIKE[0]]]);
    expect(originsOf(run.kept)).toEqual(originsOf([SEEDS, [ALIKE[0]]]));
    expect(reportOf(run).facts["quality on held-out seeds"]).toBe("not measured: no seed is held out");
  });

  it("says what is missing: seeds, a pool, or sensible shares", async () => {
    await expect(runStep(retrieve(SETTINGS), [OTHERS])).rejects.toThrow(
      /no document is a seed\n {2}expected: sources seed\n.*no document is in the pool/s,
    );
    const heldOut = SEEDS.filter(({ text }) => isHeldOut(text, 0.5)).slice(0, 1);
    await expect(runStep(retrieve({ ...SETTINGS, heldOut: 0.5 }), [[...heldOut, ...ALIKE]])).rejects.toThrow(
      "no seed is left that is not held out",
    );
    expect(() => retrieve({ ...SETTINGS, keep: 0, heldOut: 1 })).toThrow(/to keep.*held-out/s);
  });
});

describe("a text's similarity", () => {
  it("is lowest without words, and grows with words of the seeds more than with one alone", () => {
    // Whatever is not in one of these two texts is the pool's.
    const counter = new NgramCounter(BITS);
    const [word, many] = ["seed", Array.from({ length: 40 }, (_, at) => `seed${at}`).join(" ")];
    const seeds = new Float64Array(counter.size);
    for (const text of [word, many]) for (const bucket of counter.count(text).buckets) seeds[bucket] = 1;
    const pool = Float64Array.from(seeds, (frequency) => 1 - frequency);
    const similarity = new Similarity(ngramWeights(seeds, pool));
    const [none, unlike, one, all] = ["…", "never seen words", word, many].map((text) =>
      similarity.of(counter.count(text)),
    );
    expect(none).toBeCloseTo(unlike, 12);
    expect(one).toBeGreaterThan(none);
    expect(all).toBeGreaterThan(one);
  });
});

describe("an n-gram's weight", () => {
  it("is the logarithm of its two smoothed shares, 0 where it says nothing", () => {
    const weights = ngramWeights(Float64Array.of(3, 1, 0, 0), Float64Array.of(1, 1, 2, 0));
    // Shares: seeds 3/4, 1/4, 0; pool 1/4, 1/4, 1/2; all 1/2, 1/4, 1/4.
    const expected = [Math.log(0.625 / 0.375), 0, Math.log(0.125 / 0.375), 0];
    for (const [at, weight] of expected.entries()) expect(weights[at]).toBeCloseTo(weight, 15);
  });

  it("is finite for any frequencies", () => {
    const weights = ngramWeights(Float64Array.of(1, 0, 5e9), new Float64Array(3));
    expect([...weights].every(Number.isFinite)).toBe(true);
  });
});
