import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { decontaminateStep } from "../../../src/corpus/contamination/decontaminate.js";
import {
  type ContaminationSettings,
  DEFAULT_CONTAMINATION,
  DEFAULT_FIELDS,
} from "../../../src/corpus/contamination/settings.js";
import { STEP_REPORT, type StepReport } from "../../../src/corpus/step-report.js";
import { wordsOf } from "../../../src/corpus/text/hashes.js";
import { documentOf, runStep, type StepRun } from "../run-step.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "contamination-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** `count` different words. */
const words = (name: string, count: number): string => Array.from({ length: count }, (_, i) => `${name}${i}`).join(" ");
const turns = (content: string): object => ({ id: "x", question: [[{ role: "user", content }]], function: [] });

function setOf(name: string, records: readonly object[]): ContaminationSettings["sets"][number] {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, "items.jsonl"), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  return { name, paths: [join(folder, name)], fields: DEFAULT_FIELDS };
}

const run = async (changes: Partial<ContaminationSettings>, ...partitions: string[][]): Promise<StepRun> =>
  runStep(
    await decontaminateStep({ ...DEFAULT_CONTAMINATION, ...changes }),
    partitions.map((list) => list.map((text) => documentOf(text))),
  );
const kept = ({ kept }: StepRun): string[][] => kept.map((list) => list.map(({ text }) => text));
const reportOf = (result: StepRun): StepReport =>
  JSON.parse(readFileSync(join(result.folder, "judge", "corpus", STEP_REPORT), "utf8"));

describe("contaminated documents", () => {
  const clean = words("clean", 50);

  it("go, by a run of words or by a short item as a whole, and are reported", async () => {
    const sets = [
      setOf("long", [turns(words("long", 20)), turns(words("unseen", 20)), turns("too short")]),
      setOf("short", [{ prompt: "Which nine words are in this very short question?" }]),
    ];
    const long = `Before, ${words("LONG", 13).replaceAll(" ", ",\n")}; after`;
    const short = `Q: which nine WORDS are in this very short question -- A: these`;
    const result = await run(
      { sets },
      [clean, long],
      [words("long", 12), short, "which nine words are in this very short"],
    );
    expect(kept(result)).toEqual([[clean], [words("long", 12), "which nine words are in this very short"]]);
    expect(result.dropped.flat().map(({ document, reason, detail }) => [document.text, reason, detail])).toEqual([
      [long, "contaminated", `1 of 3 runs, of long ${join(folder, "long", "items.jsonl")}:1`],
      [short, "contaminated", `1 of 1 runs, of short ${join(folder, "short", "items.jsonl")}:1`],
    ]);
    const { facts, tables } = reportOf(result);
    expect(facts).toEqual({
      "runs of words looked for": 8 + 8 + 1,
      "runs too common to be evidence": 0,
      "items of too few words to be looked for": 1,
      "documents that overlap": 2,
      "what was done": "drop",
    });
    expect(tables[0].rows).toEqual([
      ["long", 3, 1, 1],
      ["short", 1, 1, 1],
    ]);
    expect(tables[1].rows.map((row) => row.slice(2))).toEqual([
      [`source ${long}`, 1, 3, long.slice(8, -6)],
      [`source ${short}`, 1, 1, short.slice(3, -12)],
    ]);
  });

  it("are all found wherever an item is planted, and clean ones never", async () => {
    const sets = [
      setOf(
        "planted",
        Array.from({ length: 20 }, (_, i) => turns(words(`item${i}word`, 8 + i))),
      ),
    ];
    const step = await decontaminateStep({ ...DEFAULT_CONTAMINATION, sets });
    const other = fc.array(fc.constantFrom("alpha", "beta", "γάμμα", "ﷺ", "x y", "…", "日本"), { maxLength: 30 });
    const planted = fc
      .tuple(other, fc.integer({ min: 0, max: 19 }), fc.boolean(), other)
      .map(([before, item, plant, after]) => {
        const text = words(`item${item}word`, 8 + item);
        // Its first seven words are fewer than any run that is looked for.
        const part = plant ? text : text.split(" ").slice(0, 7).join(" ");
        return { text: [...before, part, ...after].join(" "), plant };
      });
    await fc.assert(
      fc.asyncProperty(fc.array(planted, { maxLength: 10 }), async (list) => {
        const documents = list.map(({ text }, place) => documentOf(text, { origin: `${place}` }));
        const result = await runStep(step, [documents]);
        expect(result.kept[0].map(({ text }) => text)).toEqual(
          list.filter(({ plant }) => !plant).map(({ text }) => text),
        );
      }),
      { numRuns: 30 },
    );
  });

  it("stay where they are only reported, where the runs are common, or too small a share", async () => {
    const sets = [setOf("licence", [turns(words("licence", 13))])];
    const texts = [1, 2, 3].map((number) => `${words(`text${number}`, 87)} ${words("licence", 13)}`);
    const reported = await run({ sets, action: "report" }, texts);
    expect(kept(reported)).toEqual([texts]);
    expect(reportOf(reported).facts["documents that overlap"]).toBe(3);
    const common = await run({ sets, common: 2 }, texts.slice(0, 1), texts.slice(1));
    expect(kept(common)).toEqual([texts.slice(0, 1), texts.slice(1)]);
    expect(reportOf(common).facts).toMatchObject({ "runs too common to be evidence": 1, "documents that overlap": 0 });
    expect(kept(await run({ sets, common: 3 }, texts))).toEqual([[]]);
    // 1 of 88 runs.
    expect(kept(await run({ sets, share: 0.012 }, texts))).toEqual([texts]);
    expect(kept(await run({ sets, share: 0.011 }, texts))).toEqual([[]]);
  });

  it("lose the passage and what is around it, or all where little is left", async () => {
    const sets = [setOf("cut", [turns(words("cut", 15))])];
    const passage = words("CUT", 15);
    const [before, after] = [words("before", 40), words("after", 40)];
    const cut = { sets, action: "cut", margin: 0, shortestPiece: 10 } as const;
    expect(kept(await run(cut, [`${before} ${passage} ${after}`]))).toEqual([[`${before}\n\n${after}`]]);
    // A margin of ten characters ends in the middle of `after1`, which goes as a whole.
    const margin = await run({ ...cut, margin: 10 }, [`${before} ${passage} ${after}`]);
    expect(kept(margin)).toEqual([[`${words("before", 39)}\n\n${after.slice("after0 after1 ".length)}`]]);
    const tiny = await run(cut, [`tiny ${passage} rest`]);
    expect(kept(tiny)).toEqual([[]]);
    expect(tiny.dropped[0][0].detail).toContain("too little is left");
    // What is joined is looked through again: here the two sides make the item anew.
    const sides = passage.split(" ");
    const hidden = [...sides.slice(0, 8), passage, ...sides.slice(8)].join(" ");
    expect(kept(await run({ ...cut, shortestPiece: 1 }, [hidden]))).toEqual([[]]);
  });
});

describe("the step", () => {
  it("changes with the files of the evaluation sets", async () => {
    const step = async () => (await decontaminateStep({ ...DEFAULT_CONTAMINATION, sets })).settings;
    const sets = [setOf("changing", [turns(words("a", 20))])];
    const before = await step();
    expect(await step()).toEqual(before);
    setOf("changing", [turns(words("b", 20))]);
    expect(await step()).not.toEqual(before);
  });

  it("gives the same in any order of work", async () => {
    const step = await decontaminateStep({ ...DEFAULT_CONTAMINATION, sets: [setOf("order", [turns(words("o", 30))])] });
    const documents = [0, 1, 2].map((partition) =>
      Array.from({ length: 6 }, (_, i) => documentOf(`${words("o", 10 + i * 2)} ${partition}`)),
    );
    const one = await runStep(step, documents);
    const other = await runStep(step, documents, [2, 0, 1]);
    expect({ ...other, folder: "" }).toEqual({ ...one, folder: "" });
    expect(reportOf(other)).toEqual(reportOf(one));
    expect(one.dropped.flat()).toHaveLength(12);
  });

  it("without evaluation sets keeps everything, and refuses settings that mean nothing", async () => {
    expect(kept(await run({}, ["any text"]))).toEqual([["any text"]]);
    const wrong = { ...DEFAULT_CONTAMINATION, run: 0, share: 2 };
    await expect(decontaminateStep(wrong)).rejects.toThrow(UserError);
    await expect(decontaminateStep(wrong)).rejects.toThrow(/run[\s\S]*share/);
  });
});

it("words planted in the tests are what they seem", () => {
  expect(wordsOf(words("Long", 3))).toEqual(["long0", "long1", "long2"]);
});
