import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ScheduleSpec } from "../../src/config/plan.js";
import { finalRate } from "../../src/config/resolve-schedule.js";
import * as schedules from "../../src/optim/schedules.js";
import { changed, complaint, loadText, SMALL } from "./temporary-plan.js";

/** The schedules of a plan with one stage of 100 steps of 256 tokens for each text. */
function plan(...texts: string[]): string {
  const at = SMALL.indexOf("  - steps");
  const stage = SMALL.slice(at);
  return SMALL.slice(0, at) + texts.map((text) => changed(stage, "kind: constant, peak: 1e-3", text)).join("");
}

async function schedulesOf(...texts: string[]): Promise<readonly ScheduleSpec[]> {
  return (await loadText(plan(...texts))).stages.map((stage) => stage.schedule);
}

describe("schedules in steps", () => {
  it("warms the first stage up over 1 % and no later one", async () => {
    const constant = { kind: "constant", peak: 0.001 };
    expect(await schedulesOf("kind: constant, peak: 1e-3", "kind: constant, peak: 1e-3")).toEqual([
      { ...constant, warmup: 1, start: 0 },
      { ...constant, warmup: 0, start: 0.001 },
    ]);
  });

  it("falls to a tenth of the peak unless told otherwise", async () => {
    const warm = { warmup: 1, start: 0, peak: 0.004 };
    expect(await schedulesOf("kind: cosine, peak: 4e-3")).toEqual([{ kind: "cosine", ...warm, min: 0.0004 }]);
    expect(await schedulesOf("kind: linear, peak: 4e-3, min: 0")).toEqual([{ kind: "linear", ...warm, min: 0 }]);
    expect(await schedulesOf("kind: wsd, peak: 4e-3")).toEqual([
      { kind: "wsd", ...warm, min: 0.0004, decay: { form: "1-sqrt", steps: 20 } },
    ]);
  });

  it("reads an infinite schedule, with and without its end", async () => {
    const text = "kind: infinite, peak: 4e-3, constant: 2e-3, cooldown: { length: 30% }";
    const spec = { kind: "infinite", warmup: 1, start: 0, peak: 0.004, constant: 0.002, min: 0.0002 };
    expect(await schedulesOf(text)).toEqual([
      { ...spec, cooldown: { form: "cosine", steps: 30 }, anneal: { form: "exponential", steps: 0 } },
    ]);
    expect(await schedulesOf(`${text}, min: 0, anneal: { form: linear, length: 10 }`)).toEqual([
      { ...spec, min: 0, cooldown: { form: "cosine", steps: 30 }, anneal: { form: "linear", steps: 10 } },
    ]);
  });

  it.each([
    ["10", 10],
    ["10 steps", 10],
    ["5%", 5],
    ["0.1%", 1],
    ["2560 tokens", 10],
    ["2561 tokens", 11],
    ["0", 0],
  ])("rounds a warm-up of %s up to %d steps", async (length, steps) => {
    const [spec] = await schedulesOf(`kind: constant, peak: 1e-3, warmup: ${length}`);
    expect(spec?.warmup).toBe(steps);
  });

  it.each([
    ["20", 20],
    ["20.9%", 20],
    ["0.1%", 1],
    ["2561 tokens", 10],
    ["1 token", 1],
  ])("rounds a decay of %s down to %d steps, at least one", async (length, steps) => {
    const [spec] = await schedulesOf(`kind: wsd, peak: 1e-3, decay: { length: ${length} }`);
    expect(spec).toMatchObject({ decay: { steps } });
  });

  it("goes on from the stage before", async () => {
    const [, second, third] = await schedulesOf(
      "kind: cosine, peak: 1e-3, min: 1e-5",
      "kind: constant, peak: 5e-4, warmup: 10%, start: previous",
      "kind: cosine, peak: previous",
    );
    expect(second).toMatchObject({ warmup: 10, start: 1e-5, peak: 5e-4 });
    // Start at the base's last rate without a warm-up (Parmar et al., arXiv 2407.07263).
    expect(third).toMatchObject({ kind: "cosine", warmup: 0, peak: 5e-4, min: 5e-5 });
  });

  it("fits lengths whose shares fit, for every number of steps", async () => {
    // From 100 steps on, every whole percentage is at least the one step that a decay has.
    const stage = fc.record({
      steps: fc.integer({ min: 100, max: 500 }),
      share: fc.integer({ min: 1, max: 99 }),
    });
    await fc.assert(
      fc.asyncProperty(stage, async ({ steps, share }) => {
        const text = plan(`kind: wsd, peak: 1e-3, warmup: ${share}%, decay: { length: ${100 - share}% }`);
        const spec = (await loadText(text, [`stages[0].steps=${steps}`])).stages[0]?.schedule;
        if (spec?.kind !== "wsd") throw new Error("not wsd");
        expect(spec.warmup + spec.decay.steps).toBeLessThanOrEqual(steps);
        expect(spec.warmup).toBeGreaterThanOrEqual((steps * share) / 100);
      }),
      { numRuns: 50, examples: [[{ steps: 101, share: 50 }]] },
    );
  });

  it("leaves room for the rest in a stage of one step", async () => {
    for (const kind of ["constant", "linear", "cosine", "wsd"]) {
      const { stages } = await loadText(plan(`kind: ${kind}, peak: 1e-3`), ["stages[0].steps=1"]);
      const schedule = stages[0]?.schedule;
      expect(schedule?.warmup).toBe(kind === "constant" ? 1 : 0);
    }
  });
});

describe("contradictions in schedules", () => {
  it.each([
    ["cosine, peak: 1e-3, min: 1e-2", "min: `min` is above `peak`\n  got: min 0.01, peak 0.001"],
    ["constant, peak: 1e-3, start: 1e-2", "start: `start` is above `peak`\n  got: start 0.01, peak 0.001"],
    [
      "infinite, peak: 1e-3, constant: 1e-2, cooldown: { length: 10 }",
      "constant: `constant` is above `peak`\n  got: constant 0.01, peak 0.001",
    ],
    [
      "infinite, peak: 1e-3, constant: 1e-4, min: 5e-4, cooldown: { length: 10 }, anneal: { length: 10 }",
      "min: `min` is above `constant`\n  got: min 0.0005, constant 0.0001",
    ],
    [
      "infinite, peak: 1e-3, constant: 1e-4, min: 0, cooldown: { length: 10 }",
      "min: `min` has no effect without `anneal`\n  hint: give `anneal` a length, or remove `min`",
    ],
    [
      "constant, peak: 1e-3, warmup: 0, start: 1e-4",
      "start: `start` has no effect without a warm-up\n  hint: give `warmup` a length, or remove `start`",
    ],
    [
      "wsd, peak: 1e-3, decay: { length: 0 }",
      "decay.length: the decay has no length\n  hint: `kind: constant` stays at the peak",
    ],
    [
      "cosine, peak: 1e-3, warmup: 100",
      "warmup: the warm-up leaves no steps for the decay\n  expected: less than 100 steps\n  got: 100 steps",
    ],
    ["constant, peak: previous", "peak: the first stage has no stage before it\n  hint: write the rate as a number"],
    [
      "constant, peak: 1e-3, warmup: 5, start: previous",
      "start: the first stage has no stage before it\n  hint: write the rate as a number",
    ],
  ])("%s", async (text, message) => {
    expect(await complaint(plan(`kind: ${text}`))).toBe(`plan.yaml:17 stages[0].schedule.${message}`);
  });

  it.each([
    ["wsd, peak: 1e-3, warmup: 60, decay: { length: 50% }", "warm-up 60 + decay 50"],
    ["constant, peak: 1e-3, warmup: 101", "warm-up 101"],
    ["cosine, peak: 1e-3, warmup: 1M tokens", "warm-up 3907"],
    [
      "infinite, peak: 1e-3, constant: 1e-4, warmup: 1, cooldown: { length: 50% }, anneal: { length: 50% }",
      "warm-up 1 + cooldown 50 + anneal 50",
    ],
  ])("%s is longer than the stage", async (text, got) => {
    expect(await complaint(plan(`kind: ${text}`))).toBe(
      `plan.yaml:17 stages[0].schedule: the schedule's parts are longer than the stage\n  expected: at most 100 steps\n  got: ${got}`,
    );
  });

  it.each([
    ["cosine, peak: 1e-3, min: 0", "constant, peak: previous", "peak: the stage before ends with a learning rate of 0"],
    ["constant, peak: 1e-3", "constant, peak: 1e-4, warmup: 5, start: previous", "start: `start` is above `peak`"],
    ["constant, peak: 1e-4", "constant, peak: previous, warmup: 5, start: 1e-3", "start: `start` is above `peak`"],
    [
      "constant, peak: 1e-4",
      "cosine, peak: previous, min: 5e-4",
      "peak: the stage before ends below this stage's lowest rate",
    ],
  ])("%s, then %s", async (first, second, message) => {
    expect((await complaint(plan(`kind: ${first}`, `kind: ${second}`))).split("\n")[0]).toBe(
      `plan.yaml:22 stages[1].schedule.${message}`,
    );
  });

  it("does not blame a stage for the mistake of the one before", async () => {
    const message = await complaint(plan("kind: constant, peak: 5", "kind: cosine, peak: previous, warmup: 200"));
    expect(message.split("\n").filter((line) => !line.startsWith("  "))).toEqual([
      "plan.yaml:17 stages[0].schedule.peak: this value cannot be used",
    ]);
  });
});

describe("finalRate", () => {
  it.each([
    "kind: constant, peak: 1e-3",
    "kind: linear, peak: 1e-3, min: 1e-5",
    "kind: cosine, peak: 1e-3",
    "kind: wsd, peak: 1e-3, min: 2e-4, decay: { form: linear, length: 1 }",
    "kind: wsd, peak: 1e-3, decay: { form: exponential, length: 50% }",
    "kind: infinite, peak: 1e-3, constant: 5e-4, cooldown: { length: 10% }",
    "kind: infinite, peak: 1e-3, constant: 5e-4, cooldown: { length: 10% }, anneal: { length: 10% }",
  ])("is what the schedule's last step uses: %s", async (text) => {
    const [spec] = await schedulesOf(text);
    if (spec === undefined) throw new Error("no schedule");
    // One subtraction and one addition of rates of at most 1e-3 round by at most 2 · 2^-53 · 1e-3.
    expect(Math.abs(finalRate(spec) - schedules.learningRateAt(spec, 99, 100))).toBeLessThan(3e-19);
  });
});
