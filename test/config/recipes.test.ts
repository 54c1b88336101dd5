/** Recipes fill what a stage leaves out, say what they cannot go with, and end at the rates that their sources give. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { UserError } from "../../src/base/errors.js";
import { applyRecipes } from "../../src/config/apply-recipes.js";
import { planOf } from "../../src/config/load.js";
import type { StagePlan } from "../../src/config/plan.js";
import { PlanProblems } from "../../src/config/problems.js";
import { RECIPE_NAMES, RECIPES, type RecipeName } from "../../src/config/recipes.js";
import { learningRateAt } from "../../src/optim/schedules.js";
import { changed, complaint, loadText, SMALL } from "./temporary-plan.js";

const SCHEDULE = "    schedule: { kind: constant, peak: 1e-3 }\n";

/** A plan with one stage of 100 steps for each text, which stands in place of the stage's schedule. */
function plan(...texts: readonly string[]): string {
  const at = SMALL.indexOf("  - steps");
  const stage = SMALL.slice(at);
  return SMALL.slice(0, at) + texts.map((text) => changed(stage, SCHEDULE, text)).join("");
}

const recipe = (name: string, schedule = ""): string =>
  `    recipe: ${name}\n${schedule === "" ? "" : `    schedule: { ${schedule} }\n`}`;

async function stagesOf(...texts: readonly string[]): Promise<readonly StagePlan[]> {
  return (await loadText(plan(...texts))).stages;
}

async function lastOf(...texts: readonly string[]): Promise<StagePlan> {
  const stage = (await stagesOf(...texts)).at(-1);
  if (stage === undefined) throw new Error("no stage");
  return stage;
}

/** What the plan has to write, in a second stage after a constant rate of 1e-3. */
const NEEDED: Readonly<Record<RecipeName, string>> = {
  "re-warm-weak": "peak: 1e-3",
  "re-warm-strong": "peak: 1e-3",
  "from-minimum": "peak: previous",
  infinite: "peak: 1e-3, constant: 50% of peak, cooldown: { length: 40% }",
  "wsd-stable": "peak: previous",
  "wsd-decay": "",
  anneal: "",
  "hephaestus-1": "peak: 1e-3",
  "hephaestus-2": "",
  "hephaestus-3": "peak: 1e-3",
};

/** First and last rate of a stage with a peak of 1e-3. */
const ENDS: Readonly<Record<RecipeName, readonly [number | null, number]>> = {
  "re-warm-weak": [1e-3, 1e-4],
  "re-warm-strong": [1e-3, 1e-4],
  "from-minimum": [null, 1e-5],
  infinite: [null, 5e-4],
  "wsd-stable": [1e-3, 1e-3],
  "wsd-decay": [null, 1e-4],
  anneal: [0.99e-3, 0],
  "hephaestus-1": [1e-3, 1e-3],
  "hephaestus-2": [null, 1e-4],
  "hephaestus-3": [1e-3, 1e-4],
};

describe("a recipe", () => {
  it.each(RECIPE_NAMES)("%s gives a schedule with the end rates of its source", async (name) => {
    const stage = await lastOf(recipe("wsd-stable", "peak: 1e-3"), recipe(name, NEEDED[name]));
    const rates = Array.from({ length: 100 }, (_, step) => learningRateAt(stage.schedule, step, stage.steps));
    const [first, last] = ENDS[name];
    // Two operations on rates of at most 1e-3 round by at most 2 · 2^-53 · 1e-3, and a share of the peak by as much again.
    const close = (a: number, b: number) => expect(Math.abs(a - b)).toBeLessThan(5e-19);
    close(rates[99] ?? Number.NaN, last);
    if (first !== null) close(rates[0] ?? Number.NaN, first);
    // Only a warm-up of one step rises, and it begins below the peak.
    expect(Math.max(...rates)).toBeLessThanOrEqual(1e-3);
    expect(rates.slice(1).every((rate, index) => rate <= (rates[index] ?? 0))).toBe(true);
    expect(stage.recipe).toBe(name);
  });

  it("is the schedule that it stands for, written out", async () => {
    const both = async (name: string, schedule: string, written: string) => {
      const before = recipe("wsd-stable", "peak: 1e-3");
      const short = await lastOf(before, recipe(name, schedule));
      const long = await lastOf(before, `    schedule: { ${written} }\n`);
      expect(short).toEqual({ ...long, recipe: name });
    };
    await both("re-warm-strong", "peak: 4e-4", "kind: cosine, peak: 4e-4, warmup: 1%, min: 4e-5");
    await both("from-minimum", "peak: 1e-4", "kind: cosine, peak: 1e-4, warmup: 0, min: 1e-6");
    await both("anneal", "", "kind: linear, peak: previous, min: 0");
    await both("wsd-decay", "", "kind: wsd, peak: previous, decay: { form: 1-sqrt, length: 100% }");
  });

  it("leaves what the plan writes, inside sections too", async () => {
    const decay = await lastOf(
      recipe("wsd-stable", "peak: 1e-3"),
      recipe("wsd-decay", "min: 2e-4, decay: { form: exponential }"),
    );
    expect(decay.schedule).toMatchObject({ min: 2e-4, peak: 1e-3, decay: { form: "exponential", steps: 100 } });
    const warm = await lastOf(recipe("re-warm-weak", "kind: cosine, peak: 1e-3, warmup: 7, min: 0"));
    expect(warm.schedule).toEqual({ kind: "cosine", warmup: 7, start: 0, peak: 1e-3, min: 0 });
  });

  it("takes a stage's null as its default, not as the recipe's", async () => {
    const stage = await lastOf(recipe("from-minimum", "peak: 1e-3, min: null"));
    expect(stage.schedule).toMatchObject({ warmup: 0, min: 1e-4 });
  });

  it("is null where there is none, and fills nothing", async () => {
    const [stage] = await stagesOf("    recipe: null\n    schedule: { kind: constant, peak: 1e-3 }\n");
    expect(stage).toEqual((await loadText(SMALL)).stages[0]);
    expect(stage?.recipe).toBeNull();
  });

  it("does not change the value that it was given", () => {
    const value = { stages: [{ recipe: "wsd-decay", schedule: { decay: {} } }, 3, null] };
    const before = structuredClone(value);
    const filled = applyRecipes(value, new PlanProblems({ name: "p", lines: new Map(), overrides: new Map() }));
    expect(value).toEqual(before);
    expect(filled).toEqual({
      stages: [{ recipe: "wsd-decay", schedule: RECIPES["wsd-decay"].schedule }, 3, null],
    });
  });
});

describe("problems of recipes", () => {
  it.each([
    [
      recipe("anneal", "kind: cosine, peak: 1e-3"),
      "plan.yaml:18 stages[0].schedule.kind: the recipe `anneal` has a schedule of kind `linear`\n  got: `cosine`\n  hint: remove `kind`, or the recipe",
    ],
    [
      recipe("infinite", "peak: 1e-3, constant: 1e-4"),
      "plan.yaml:18 stages[0].schedule.cooldown.length: `length` is missing",
    ],
    [recipe("wsd-stable"), "plan.yaml:13 stages[0].schedule.peak: `peak` is missing"],
    [recipe("anneal"), "plan.yaml:13 stages[0].schedule.peak: the first stage has no stage before it"],
    [
      recipe("re-warm-week", "peak: 1e-3"),
      "plan.yaml:17 stages[0].recipe: this value cannot be used\n  expected: one of `re-warm-weak`",
    ],
    [
      recipe("re-warm-weak", "peak: 1e-3, warmup: 100"),
      "plan.yaml:18 stages[0].schedule.warmup: the warm-up leaves no steps for the decay",
    ],
    [
      recipe("re-warm-weak", "peak: 1e-3, decay: { length: 10 }"),
      "plan.yaml:18 stages[0].schedule.decay: unknown key `decay`",
    ],
    ["    recipe: anneal\n    schedule: 3\n", "plan.yaml:18 stages[0].schedule: this value cannot be used"],
    [
      `    replay: [txet]\n${SCHEDULE}`,
      "plan.yaml:17 stages[0].replay[0]: there is no domain `txet` in `data.domains`\n  expected: one of `agent`, `text`\n  hint: did you mean `text`?",
    ],
    [
      `    replay: [text, text]\n${SCHEDULE}`,
      "plan.yaml:17 stages[0].replay: this value cannot be used\n  expected: a list of names of domains, none of them twice",
    ],
  ])("%j", async (text, message) => {
    const told = await complaint(plan(text));
    expect(told).toContain(message);
    expect(told.match(/plan\.yaml:/g)).toHaveLength(1);
  });

  it("names the override that chose the recipe's schedule", async () => {
    const message = await complaint(plan(recipe("re-warm-weak", "peak: 1e-3")), ["stages[0].schedule.kind=wsd"]);
    expect(message).toContain(
      "--set stages[0].schedule.kind=wsd: the recipe `re-warm-weak` has a schedule of kind `cosine`",
    );
  });
});

describe("whatever stands beside a recipe", () => {
  it("gives a plan or a UserError, never anything else", () => {
    const leaf = fc.constantFrom<unknown>(
      "previous",
      "5%",
      "10% of peak",
      0,
      1,
      1e-3,
      -1,
      null,
      "cosine",
      "wsd",
      [],
      {},
    );
    const keys = fc.constantFrom("kind", "peak", "warmup", "min", "decay", "constant", "cooldown", "form", "length");
    const schedule = fc.oneof(leaf, fc.dictionary(keys, fc.oneof(leaf, fc.dictionary(keys, leaf))));
    const recipe = fc.oneof({ weight: 5, arbitrary: fc.constantFrom<unknown>(...RECIPE_NAMES) }, fc.anything());
    fc.assert(
      fc.property(recipe, schedule, fc.anything(), (recipe, schedule, replay) => {
        const value = parse(SMALL);
        value.stages.push({ ...value.stages[0], recipe, schedule, replay: Array.isArray(replay) ? replay : null });
        try {
          planOf(value, "p");
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("shares of the peak", () => {
  it("are taken of a number and of the rate before", async () => {
    const [first, second] = await stagesOf(
      "    schedule: { kind: cosine, peak: 1e-3, min: 1/4 of peak }\n",
      "    schedule: { kind: infinite, peak: previous, constant: 40% of peak, cooldown: { length: 10 } }\n",
    );
    expect(first?.schedule).toMatchObject({ min: 2.5e-4 });
    expect(second?.schedule).toMatchObject({ peak: 2.5e-4, constant: 1e-4 });
  });

  it.each([
    ["kind: cosine, peak: 1e-3, min: 110% of peak", "min: this value cannot be used"],
    ["kind: cosine, peak: 1e-3, min: of peak", "min: this value cannot be used"],
    [
      "kind: infinite, peak: 1e-3, constant: 0% of peak, cooldown: { length: 9 }",
      "constant: this value cannot be used",
    ],
    [
      "kind: infinite, peak: 1e-3, constant: 1e-4, min: 50% of peak, cooldown: { length: 9 }, anneal: { length: 9 }",
      "min: `min` is above `constant`\n  got: min 0.0005, constant 0.0001",
    ],
  ])("%s", async (schedule, message) => {
    expect(await complaint(plan(`    schedule: { ${schedule} }\n`))).toContain(
      `plan.yaml:17 stages[0].schedule.${message}`,
    );
  });
});
