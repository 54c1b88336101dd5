import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { random32, streamOf } from "../../../src/base/random.js";
import { dedupStep } from "../../../src/corpus/dedup/dedup.js";
import {
  DEFAULT_DEDUP,
  DEFAULT_NEAR,
  DEFAULT_REPEATS,
  type DedupSettings,
} from "../../../src/corpus/dedup/settings.js";
import { distinct } from "../../../src/corpus/dedup/sign.js";
import { similarityOf } from "../../../src/corpus/dedup/similarity.js";
import type { ForgeDocument } from "../../../src/corpus/forge-document.js";
import { STEP_REPORT, type StepReport } from "../../../src/corpus/step-report.js";
import { runHashes, wordHashes } from "../../../src/corpus/text/hashes.js";
import { documentOf, runStep, type StepRun } from "../run-step.js";

const settings = (changes: Partial<DedupSettings> = {}): DedupSettings => ({
  ...DEFAULT_DEDUP,
  memory: 1 << 20,
  ...changes,
});
const texts = (documents: readonly (readonly ForgeDocument[])[]): string[][] =>
  documents.map((list) => list.map(({ text }) => text));
const reportOf = ({ folder }: StepRun): StepReport =>
  JSON.parse(readFileSync(join(folder, "decide", "corpus", STEP_REPORT), "utf8"));

const SEED = 6;
/** Words drawn by number; `family` decides which words, `changes` of them are other ones. */
function draw(family: number, words: number, changes: number, variant: number): string {
  const stream = streamOf(`family ${family}`);
  const list = Array.from({ length: words }, (_, i) => `w${random32(SEED, stream, i) % 5000}`);
  for (let i = 0; i < changes; i++) {
    const other = streamOf(`variant ${family} ${variant}`);
    list[random32(SEED, other, 2 * i) % words] = `x${random32(SEED, other, 2 * i + 1)}`;
  }
  return list.join(" ");
}

/** Twelve families of near, half and far copies over `partitions`, from three sources and two domains. */
function corpus(partitions: number, families = 12, variants = 10): ForgeDocument[][] {
  const lists = Array.from({ length: partitions }, (): ForgeDocument[] => []);
  for (let family = 0; family < families; family++)
    for (let variant = 0; variant < variants; variant++) {
      const words = 20 + 30 * (family % 5);
      const changes = variant % 4 === 3 ? Math.ceil(words / 8) : variant % 3;
      const at = random32(SEED, family, variant);
      lists[at % partitions].push(
        documentOf(draw(family, words, changes, variant), {
          origin: `${family}/${variant}`,
          source: ["gold", "silver", "tin"][at % 3],
          domain: at % 2 === 0 ? "agent" : "text",
        }),
      );
    }
  return lists;
}

const shinglesOf = ({ text }: ForgeDocument): Uint32Array =>
  distinct(runHashes(wordHashes(text), DEFAULT_NEAR.shingle));

describe("copies", () => {
  it("go but for the one from the most trusted source, then the earliest partition and place", async () => {
    const step = dedupStep(settings({ sources: ["gold", "tin"], near: null }));
    const of = (source: string, origin: string, text = "One text,\nfine") => documentOf(text, { source, origin });
    const run = await runStep(step, [
      [of("unknown", "a"), of("tin", "b"), of("tin", "c", "another")],
      [of("gold", "d", " one TEXT,  ﬁne "), of("gold", "e")],
    ]);
    expect(run.kept.map((list) => list.map(({ origin }) => origin))).toEqual([["c"], ["d"]]);
    expect(
      run.dropped.map((list) => list.map(({ document, reason, detail }) => [document.origin, reason, detail])),
    ).toEqual([
      [
        ["a", "exact duplicate", "similarity 1.000 to gold d"],
        ["b", "exact duplicate", "similarity 1.000 to gold d"],
      ],
      [["e", "exact duplicate", "similarity 1.000 to gold d"]],
    ]);
    const { facts, plots } = reportOf(run);
    expect(facts).toEqual({
      documents: 5,
      "exact duplicates removed": 3,
      "near duplicates removed": 0,
      "documents that stay": 2,
    });
    expect(plots).toEqual([
      expect.objectContaining({ x: ["2 to 3", "4 to 7"], series: [{ name: "clusters", y: [0, 1] }] }),
    ]);
  });

  it("in different domains stay where asked", async () => {
    const pair = [
      [documentOf("the same text", { domain: "agent", origin: "1" }), documentOf("the same text", { origin: "2" })],
    ];
    for (const near of [null, DEFAULT_NEAR])
      for (const exact of [near === null, true]) {
        expect((await runStep(dedupStep(settings({ exact, near, across: false })), pair)).kept[0]).toHaveLength(2);
        const run = await runStep(dedupStep(settings({ exact, near })), pair);
        expect(run.kept[0]).toEqual([pair[0][0]]);
        expect(reportOf(run).tables).toEqual([
          expect.objectContaining({
            head: ["domain", "agent", "text"],
            rows: [
              ["agent", 0, 0],
              ["text", 1, 0],
            ],
          }),
        ]);
      }
  });

  it("of nothing that can be compared are left alone", async () => {
    const run = await runStep(dedupStep(settings()), [[documentOf("!!!"), documentOf("???")], []]);
    expect(texts(run.kept)).toEqual([["!!!", "???"], []]);
    expect(texts((await runStep(dedupStep(settings()), [[]])).kept)).toEqual([[]]);
  });
});

describe("near duplicates", () => {
  it("have their like among what stays, whatever chain led to them", async () => {
    // Each link changes two words of 100 more: neighbours are similar, the ends are not.
    const links = Array.from({ length: 30 }, (_, link) =>
      Array.from({ length: 100 }, (_, i) => (i < 2 * link ? `new${i}` : `old${i}`)).join(" "),
    );
    const documents = [links.map((text) => documentOf(text)), ...corpus(3)];
    const run = await runStep(dedupStep(settings()), documents);
    const kept = new Map(run.kept.flat().map((document) => [`${document.source} ${document.origin}`, document]));
    const went = run.dropped.flat();
    expect(went.length).toBeGreaterThan(60);
    for (const { document, reason, detail } of went) {
      const [, similarity, origin] = /^similarity (\S+) to (.*)$/s.exec(detail ?? "") ?? [];
      const like = kept.get(origin);
      if (like === undefined) throw new Error(`${origin} does not stay`);
      const exact = similarityOf(shinglesOf(document), shinglesOf(like), DEFAULT_NEAR.similarity);
      expect(exact?.toFixed(3)).toBe(similarity);
      expect(reason).toBe(document.text === like.text ? "exact duplicate" : reason);
    }
    expect(run.kept[0].length).toBeGreaterThan(3);
  });

  it("are those that brute force finds, with enough bands", async () => {
    // 64 bands of 2 rows miss a pair at the threshold once in 10^28.
    const near = { ...DEFAULT_NEAR, bands: 64, rows: 2 };
    const documents = corpus(3);
    const sources = ["gold", "silver", "tin"];
    const run = await runStep(dedupStep(settings({ near, sources })), documents);
    const stays: Uint32Array[] = [];
    const expected = new Set<string>();
    for (const source of sources)
      for (const document of documents.flat().filter((other) => other.source === source)) {
        const set = shinglesOf(document);
        if (stays.some((other) => similarityOf(set, other, near.similarity) !== null)) continue;
        stays.push(set);
        expected.add(document.origin);
      }
    expect(new Set(run.kept.flat().map(({ origin }) => origin))).toEqual(expected);
    expect(expected.size).toBeGreaterThan(12);
  });

  it("are the same in any order of work, in little memory, and found once", async () => {
    const documents = corpus(4);
    const step = dedupStep(settings());
    const run = await runStep(step, documents);
    for (const [memory, order] of [
      [1 << 20, [3, 1, 0, 2]],
      [200, [2, 3, 0, 1]],
      [1, [0, 1, 2, 3]],
    ] as const) {
      const other = await runStep(dedupStep(settings({ memory })), documents, order);
      expect({ ...other, folder: "" }).toEqual({ ...run, folder: "" });
      expect(reportOf(other)).toEqual(reportOf(run));
    }
    expect(dedupStep(settings({ memory: 1 })).settings).toEqual(step.settings);
    const again = await runStep(step, run.kept);
    expect(again.kept).toEqual(run.kept);
    const { facts, plots } = reportOf(run);
    const [exact, near] = [facts["exact duplicates removed"], facts["near duplicates removed"]].map(Number);
    expect([exact + near, facts["documents that stay"]]).toEqual([run.dropped.flat().length, run.kept.flat().length]);
    expect(Math.min(exact, near)).toBeGreaterThan(20);
    expect(facts["expected recall of pairs at that similarity"]).toBeCloseTo(0.9923, 4);
    expect(plots[1].series[0].y[16]).toBe(facts["expected recall of pairs at that similarity"]);
  });

  it("of any texts: nothing is lost, and a second run removes nothing", async () => {
    const word = fc.constantFrom("a", "b", "c", "d");
    const text = fc.array(word, { minLength: 1, maxLength: 8 }).map((list) => list.join(" "));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(text, { maxLength: 6 }), { minLength: 1, maxLength: 3 }), async (lists) => {
        const documents = lists.map((list, partition) =>
          list.map((value, place) => documentOf(value, { origin: `${partition}/${place}` })),
        );
        const step = dedupStep(settings({ near: { ...DEFAULT_NEAR, shingle: 2, bands: 4, rows: 2 } }));
        const run = await runStep(step, documents);
        expect(run.kept.flat().length + run.dropped.flat().length).toBe(documents.flat().length);
        const seen = run.kept.flat().map((document) => document.text);
        expect(new Set(seen).size).toBe(seen.length);
        expect((await runStep(step, run.kept)).kept).toEqual(run.kept);
      }),
      { numRuns: 25 },
    );
  });
});

describe("repeated pieces", () => {
  const repeats = { ...DEFAULT_REPEATS, unit: "lines", times: 2, keep: 0.3 } as const;
  const footer = "All rights reserved.";

  it("are cut out of texts, and a text of little else goes", async () => {
    const documents = [
      [
        documentOf(`First text, which is long.\n${footer}`),
        documentOf(`Second text, also long.\n\n  ALL rights  reserved. \n`),
      ],
      [
        documentOf(`${footer}\nno`),
        documentOf(footer, { form: "code" }),
        documentOf("```\nAll rights reserved.\n```\nThird."),
      ],
    ];
    const run = await runStep(dedupStep(settings({ exact: false, near: null, repeats })), documents);
    expect(texts(run.kept)).toEqual([
      ["First text, which is long.", "Second text, also long."],
      [footer, "```\nAll rights reserved.\n```\nThird."],
    ]);
    expect(run.dropped[1].map(({ reason, detail }) => [reason, detail])).toEqual([
      ["repeated lines", "1 of them, 2 of 23 characters left"],
    ]);
    expect(run.counts).toMatchObject({ "repeated lines cut": 2 });
  });

  it("are counted in what stays only, and up to the number told", async () => {
    const copies = [1, 2, 3].map((origin) => documentOf(`One text.\n${footer}`, { origin: `${origin}` }));
    const run = await runStep(dedupStep(settings({ repeats })), [copies, [documentOf(`Another.\n${footer}`)]]);
    expect(texts(run.kept)).toEqual([[`One text.\n${footer}`], [`Another.\n${footer}`]]);
  });

  it("are all gone after one run", async () => {
    const line = fc.constantFrom("one", "two", "three", "", "```", "  four");
    const text = fc
      .array(line, { minLength: 1, maxLength: 6 })
      .map((lines) => lines.join("\n"))
      .filter((value) => value.trim() !== "");
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 8 }), fc.constantFrom("lines", "paragraphs"), async (list, unit) => {
        const step = dedupStep(settings({ exact: false, near: null, repeats: { ...repeats, unit, keep: 0 } as const }));
        const run = await runStep(step, [list.map((value, place) => documentOf(value, { origin: `${place}` }))]);
        expect((await runStep(step, run.kept)).kept).toEqual(run.kept);
      }),
      { numRuns: 40 },
    );
  });
});

it("says which settings mean nothing, all at once", () => {
  const near = { ...DEFAULT_NEAR, similarity: 0, rows: 1.5 };
  const wrong = settings({ near, repeats: { ...DEFAULT_REPEATS, times: 0 }, memory: 0 });
  expect(() => dedupStep(wrong)).toThrow(UserError);
  expect(() => dedupStep(wrong)).toThrow(/memory[\s\S]*near.similarity[\s\S]*near.rows[\s\S]*repeats.times/);
});
