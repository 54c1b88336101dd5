/** `plan --explain`: what recipes fill in and why, which recipe a schedule resembles, old data beside what is advised. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type PlanReport, plan } from "../../src/commands/plan.js";
import { RECIPE_TEXTS } from "../../src/commands/recipe-texts.js";
import { loadPlan } from "../../src/config/load.js";
import { RECIPE_NAMES } from "../../src/config/recipes.js";
import { IBRAHIM_STRONG, replayByShift } from "../../src/mixlaw/replay.js";

interface Explained {
  readonly report: PlanReport;
  readonly text: string;
}

/** Of configs/cuda-8b.yaml, which plans without a card and without data. */
async function explained(
  overrides: readonly string[],
  options: { json?: boolean; explain?: boolean } = {},
): Promise<Explained> {
  const path = fileURLToPath(new URL("../../configs/cuda-8b.yaml", import.meta.url));
  const { plan: resolved } = await loadPlan(path, overrides);
  const { json = false, explain = true } = options;
  let text = "";
  const write = (more: string): void => {
    text += more;
  };
  const report = await plan(resolved, { json, explain, measure: false, card: "h100-80gb", write });
  return { report, text };
}

const STRONG = ["stages[0].recipe=re-warm-strong", "stages[0].schedule={ peak: 3e-5, min: 1e-6 }"];

/** The lines as one, so that it does not matter where they were cut. */
const joined = (text: string): string => text.replaceAll(/\s+/g, " ");

describe("a stage with a recipe", () => {
  it("shows what is filled in, what is the plan's own, and why", async () => {
    const { text, report } = await explained(STRONG);
    const { measured, sources, otherwise } = RECIPE_TEXTS["re-warm-strong"];
    const told = joined(text);
    // 1 % of 3815 steps, rounded up.
    expect(told).toContain(
      "recipe re-warm-strong fills in kind cosine, warmup 1% (39 steps) yours min 1.00e-6 in place of min 10% of peak (3.00e-6)",
    );
    for (const part of [...measured, ...sources, otherwise]) expect(told).toContain(part);
    const [first] = report.explanation ?? [];
    expect(first).toMatchObject({ stage: "broad", recipe: "re-warm-strong", resembles: [], warnings: [] });
    expect(first?.schedule).toEqual([
      { key: "kind", written: "cosine", value: "cosine" },
      { key: "warmup", written: "1%", value: 39 },
      { key: "min", written: "10% of peak", value: (3e-5 * 10) / 100, instead: 1e-6 },
    ]);
    expect(
      Math.max(
        ...text
          .slice(text.indexOf("  fills in"))
          .split("\n")
          .map((line) => line.length),
      ),
    ).toBeLessThan(120);
  });

  it("tells what the recipe advises of old data, where the plan does not name any", async () => {
    const { text, report } = await explained(STRONG);
    expect(joined(text)).toContain(
      "replay the recipe advises 25.0 %, which prevented 88 % of the forgetting at a cost of 0.05 nats",
    );
    expect(joined(text)).toContain("name the domains of old data with `replay` to have it compared");
    expect(report.explanation?.[0]?.replay).toMatchObject({ domains: null, share: null, advised: 0.25 });
    expect(report.advice).toEqual([]);
  });

  it("sets the stage's share of old data beside it", async () => {
    const { text, report } = await explained([...STRONG, "stages[0].replay=[text, code]"]);
    const { prevented, cost } = replayByShift("strong");
    expect(joined(text)).toContain("replay 64.0 % (text, code); the recipe advises 25.0 %, which");
    expect(report.explanation?.[0]?.replay).toEqual({
      ...{ domains: ["text", "code"], share: expect.closeTo(0.64, 6), advised: 0.25 },
      evidence: { setting: IBRAHIM_STRONG.setting, source: IBRAHIM_STRONG.source, prevented, cost },
    });
    expect(report.advice).toEqual([]);
  });

  it("warns of less, with and without --explain, and changes no mixture", async () => {
    const little = [...STRONG, "stages[0].replay=[text]", "stages[0].mixture={ agent: 9, text: 1 }"];
    const warning = "stage broad replays 10.0 % of old data; its recipe `re-warm-strong` advises 25.0 %";
    for (const explain of [true, false]) {
      const { text, report } = await explained(little, { explain });
      expect(text).toContain(`\nwarning: ${warning}\n`);
      expect(report.advice).toEqual([warning]);
      expect(report.stages[0]?.domains.map(({ name, share }) => [name, share])).toEqual([
        ["agent", 0.9],
        ["text", 0.1],
      ]);
    }
  });

  it.each([
    ["20M", 1],
    ["200M", 0],
  ])("warns of a decay over %s tokens after 2B: %d", async (tokens, warnings) => {
    const { report } = await explained([
      ...["stages[0].recipe=wsd-stable", "stages[0].schedule={ peak: 3e-5 }"],
      ...["stages[1].recipe=wsd-decay", "stages[1].schedule=", `stages[1].tokens=${tokens}`],
    ]);
    expect(report.advice).toHaveLength(warnings);
    for (const line of report.advice) expect(line).toMatch(/^stage seeds decays over 1\.0 % of the run's tokens/);
    expect(report.explanation?.[1]?.schedule).toContainEqual({ key: "peak", written: "previous", value: 3e-5 });
  });

  it("is named without --explain, in one line", async () => {
    const { text, report } = await explained(STRONG, { explain: false });
    expect(text).toContain("\n  recipe re-warm-strong; --explain says why\n");
    expect(text).not.toContain("fills in");
    expect(report.explanation).toBeNull();
  });
});

describe("a stage without a recipe", () => {
  it("shows which recipes it resembles", async () => {
    const { report, text } = await explained(["stages[0].replay=[text]"]);
    expect(report.explanation?.map(({ resembles }) => resembles)).toEqual([["infinite"], ["anneal"]]);
    expect(joined(text)).toContain(
      "recipe none; its schedule is that of infinite replay 32.0 % (text); no share is advised",
    );
    expect(report.explanation?.[0]).toMatchObject({ recipe: null, schedule: [], text: null });
  });

  it.each([
    ["kind: cosine, peak: 1e-4", ["re-warm-weak", "re-warm-strong"]],
    ["kind: cosine, peak: 1e-4, warmup: 0, min: 1e-6", ["from-minimum"]],
    ["kind: cosine, peak: 1e-4, warmup: 5%", []],
    ["kind: cosine, peak: 1e-4, min: 2e-5", []],
    ["kind: constant, peak: 1e-4", ["wsd-stable"]],
    // In a first stage it is no decay of anything.
    ["kind: linear, peak: 1e-4, min: 0, warmup: 0", []],
    ["kind: wsd, peak: 1e-4", []],
  ])("%s", async (schedule, resembles) => {
    const { report } = await explained([
      `stages[0].schedule={ ${schedule} }`,
      "stages[1].schedule={ kind: cosine, peak: 1e-4, min: 3e-5 }",
    ]);
    expect(report.explanation?.map((each) => each.resembles)).toEqual([resembles, []]);
  });

  it("is said to have none where it resembles none", async () => {
    const { text } = await explained(["stages[0].schedule={ kind: wsd, peak: 1e-4 }"]);
    expect(text).toMatch(/\n {2}recipe {5}none\n/);
  });
});

describe("as JSON", () => {
  it("has the explanation where it is asked for", async () => {
    const { report, text } = await explained(STRONG, { json: true });
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(report)));
    expect(JSON.parse(text).explanation[0].text.sources).toEqual(RECIPE_TEXTS["re-warm-strong"].sources);
    expect(JSON.parse((await explained(STRONG, { json: true, explain: false })).text).explanation).toBeNull();
  });
});

describe("what is said of recipes", () => {
  it.each(RECIPE_NAMES)("%s has a source, and other recipes by names that exist", (name) => {
    const { sources, why, measured, otherwise } = RECIPE_TEXTS[name];
    for (const source of sources) expect(source).toMatch(/, arXiv \d{4}\.\d{5}$/);
    expect(sources.length).toBeGreaterThan(0);
    const named = [why, ...measured, otherwise].join(" ").matchAll(/`((?:re|from|wsd|hephaestus)-[\w-]+)`/g);
    for (const [, other] of named) expect(RECIPE_NAMES).toContain(other);
  });
});
