import { describe, expect, it } from "vitest";
import { checkSamePlan } from "../../src/train/same-plan.js";
import { loadText, SMALL } from "../config/temporary-plan.js";

const saved = async (...overrides: readonly string[]): Promise<unknown> =>
  JSON.parse(JSON.stringify(await loadText(SMALL, overrides)));

describe("a checkpoint's plan", () => {
  it("may differ in what a stage says of itself", async () => {
    const plan = await loadText(SMALL, ["stages[0].recipe=wsd-stable", "stages[0].replay=[text]"]);
    expect(() => checkSamePlan(plan, JSON.parse(JSON.stringify(plan)), "c")).not.toThrow();
    const before = await saved();
    expect(() => checkSamePlan(plan, before, "c")).not.toThrow();
  });

  it("may not differ in what a recipe fills in", async () => {
    const plan = await loadText(SMALL, ["stages[0].recipe=re-warm-weak", "stages[0].schedule={ peak: 1e-3 }"]);
    const before = await saved();
    expect(() => checkSamePlan(plan, before, "c")).toThrow(
      /the plan changed since this checkpoint[\s\S]*stages\.0\.schedule\.kind "constant"[\s\S]*stages\.0\.schedule\.kind "cosine"/,
    );
  });

  it("has the same number of stages", async () => {
    const plan = await loadText(SMALL);
    expect(() => checkSamePlan(plan, { ...plan, stages: [] }, "c")).toThrow(/stages\.0/);
    expect(() => checkSamePlan(plan, { ...plan, stages: null }, "c")).toThrow(/the plan changed/);
  });
});
