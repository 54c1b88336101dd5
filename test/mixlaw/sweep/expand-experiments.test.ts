/** The experiments as runs, their arithmetic on made-up outcomes, and what is wrong with their sections; no run is made. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readModelBase } from "../../../src/checkpoint/model-base.js";
import { loadSweep } from "../../../src/config/load-sweep.js";
import { startDoReMi, updateDoReMi } from "../../../src/mixlaw/laws/doremi.js";
import { DoReMiRounds, endLosses, mixtureLine } from "../../../src/mixlaw/sweep/doremi-rounds.js";
import { expandDoReMi } from "../../../src/mixlaw/sweep/expand-doremi.js";
import { expandPrice, sharesBase } from "../../../src/mixlaw/sweep/expand-price.js";
import { pricesOf, priceWarnings } from "../../../src/mixlaw/sweep/prices.js";
import { makeProject, type Project } from "../../end-to-end/project.js";
import { EXPERIMENTS, madeUpRun } from "./made-up.js";

let project: Project;
let path: string;
beforeAll(async () => {
  project = await makeProject({ prepared: false });
  path = join(project.folder, "sweep.yaml");
  await writeFile(path, EXPERIMENTS);
});
afterAll(async () => project[Symbol.asyncDispose]());

const load = (...overrides: string[]) =>
  loadSweep(path, overrides, { root: project.folder, readBase: readModelBase, experiment: "price" });

describe("prices as runs", () => {
  it("are a base, a control and an anneal for each source, of each seed, all from the same checkpoint", async () => {
    const { bases, anneals } = expandPrice(await load());
    expect(bases.map(({ name }) => name)).toEqual(["base-one-s4", "base-one-s5"]);
    expect(anneals.map(({ run, source }) => [run.name, run.base, source])).toEqual([
      ["price-one-s4-512-control", "base-one-s4", null],
      ["price-one-s4-512-agent-0.5", "base-one-s4", "agent"],
      ["price-one-s5-512-control", "base-one-s5", null],
      ["price-one-s5-512-agent-0.5", "base-one-s5", "agent"],
    ]);
    const [control, anneal] = anneals.map(({ run }) => run);
    expect(control.plan.begin).toEqual(anneal.plan.begin);
    const from = join(project.folder, "checkpoints/made-up/runs/base-one-s4/step-00000005");
    expect(control.plan.begin).toEqual({ mode: "continue", from });
    expect(anneal.plan.stages[0].schedule).toEqual({ kind: "linear", peak: 5e-3, min: 0, warmup: 0, start: 5e-3 });
    const [half, quarter] = [2, 4].map((denominator) => ({ numerator: 1, denominator }));
    expect(control.mixture).toEqual({ text: half, code: half });
    expect(anneal.mixture).toEqual({ agent: half, text: quarter, code: quarter });
  });
});

describe("configs/mix-sample.yaml", () => {
  it("has both experiments, with sizes and seeds of its own", async () => {
    const sweep = await loadSweep("configs/mix-sample.yaml");
    expect(expandPrice(sweep).anneals).toHaveLength(2 * sweep.sizes.length * sweep.seeds.length);
    const { rounds } = expandDoReMi(sweep);
    expect(rounds).toHaveLength(10);
    expect(Math.max(...rounds.map(({ name }) => name.length))).toBeLessThan(100);
  });
});

describe("prices of made-up outcomes", () => {
  it("are differences of the same seed, with their deviation and by million tokens", async () => {
    const { anneals } = expandPrice(await load());
    const losses = [{ text: 3 }, { text: 2.9 }, { text: 3.5 }, { text: 3.1 }];
    const read = { agent: { tokens: 2e6, epochs: 1.5 } };
    const finished = anneals.map(({ run, source }, i) => madeUpRun(run, losses[i], source === null ? {} : read));
    const [price, ...more] = pricesOf(anneals, finished);
    expect(more).toEqual([]);
    expect(price).toMatchObject({ size: "one", source: "agent", domain: "text", seeds: [4, 5], sourceTokens: 2e6 });
    // Differences −0.1 and −0.4: mean −0.25, deviation 0.3/√2.
    expect(price.difference).toBeCloseTo(-0.25, 12);
    expect(price.deviation).toBeCloseTo(0.3 / Math.SQRT2, 12);
    expect(price.perMillion).toBeCloseTo(-0.125, 12);
    const conditions = { sharedBase: false, begin: "continue" } as const;
    expect(priceWarnings([price], anneals, finished, conditions)).toEqual([
      expect.stringContaining("agent was read 1.5 times over"),
    ]);
    const small = { ...price, difference: 0.2 };
    expect(priceWarnings([small], anneals, finished, { ...conditions, sharedBase: true }).join("\n")).toMatch(
      /same checkpoint[\s\S]*keep their order[\s\S]*agent on text: the difference is smaller than its spread/,
    );
  });

  it("leave out what is not finished or not finite, and say so", async () => {
    const { anneals } = expandPrice(await load());
    const values = [3, 2.5, 3, Number.NaN];
    const finished = anneals.map(({ run }, i) => madeUpRun(run, { text: values[i] }));
    const prices = pricesOf(anneals, finished);
    expect(prices.map(({ seeds, deviation, perMillion }) => [seeds, deviation, perMillion])).toEqual([
      [[4], null, null],
    ]);
    expect(priceWarnings(prices, anneals, finished, { sharedBase: false, begin: "weights" })).toEqual([
      expect.stringMatching(/one seed, so there is no spread/),
      expect.stringMatching(/price-one-s5-512-agent-0.5 diverged on text/),
    ]);
    expect(pricesOf(anneals, finished.slice(1, 2))).toEqual([]);
  });

  it("know when seeds share their base", async () => {
    expect(sharesBase(await load())).toBe(false);
    expect(sharesBase(await load("pretrain.eachSeed=false"))).toBe(true);
  });
});

describe("DoReMi as runs", () => {
  it("is a reference over the budget, and rounds that continue each other with one warm-up", async () => {
    const { reference, rounds, base } = expandDoReMi(await load("doremi.tokens=897", "doremi.rounds=3"));
    expect(reference.plan.stages[0]).toMatchObject({ steps: 8, schedule: { kind: "constant", warmup: 1 } });
    expect(rounds.map(({ plan }) => plan.stages[0].steps)).toEqual([2, 3, 3]);
    expect(rounds.map(({ plan }) => plan.stages[0].schedule.warmup)).toEqual([1, 0, 0]);
    expect(rounds.map((run) => run.base)).toEqual([base.name, rounds[0].name, rounds[1].name]);
    expect(rounds.map(({ successors }) => successors)).toEqual(["next", "next", "none"]);
    expect(rounds[0].plan.begin).toEqual(reference.plan.begin);
    expect(rounds[2].plan.begin).toEqual({ mode: "continue", from: join(rounds[1].plan.runFolder, "step-00000003") });
    // A limit of epochs would end it in its middle.
    expect(rounds[2].plan.stages[0].maxEpochs).toEqual({});
  });
});

describe("DoReMi of made-up losses", () => {
  it("gives weight to the domain that is behind, and the mean of the updated weights", () => {
    const rounds = new DoReMiRounds({ text: 2, code: 1 }, { rate: 1, smoothing: 0 });
    expect(mixtureLine(rounds.average)).toBe("mixture: { text: 50.00%, code: 50.00% }");
    const first = rounds.add({ text: 2 + Math.LN2, code: 0.5 });
    // Excess ln 2 and, clipped, 0: weights 2 to 1.
    expect(first.weights["text"]).toBeCloseTo(2 / 3, 12);
    expect(first.excess["code"]).toBeCloseTo(-0.5, 12);
    expect(rounds.mixture["text"]).toEqual({ numerator: 6667, denominator: 10_000 });
    rounds.add({ text: 2, code: 1 + Math.LN2 });
    expect(rounds.rounds.map(({ round }) => round)).toEqual([1, 2]);
    let state = startDoReMi([1, 1]);
    for (const excess of [
      [Math.LN2, -0.5],
      [0, Math.LN2],
    ])
      state = updateDoReMi(state, excess, { rate: 1, smoothing: 0 });
    expect(rounds.average["text"]).toBeCloseTo(state.average[0], 12);
    expect(rounds.average["text"]).toBeCloseTo((2 / 3 + 1 / 2) / 2, 12);
    expect(mixtureLine(rounds.average)).toBe("mixture: { text: 58.33%, code: 41.67% }");
  });

  it("refuses a loss that is not there or not finite, by name", async () => {
    const { reference } = expandDoReMi(await load());
    const run = madeUpRun(reference, { text: Number.NaN, agent: 1 });
    expect(() => endLosses(run, ["text", "code", "agent"])).toThrow(
      /loss on text[\s\S]*loss on code[\s\S]*no held-out/,
    );
  });
});

describe("mistakes in the sections", () => {
  it("come all at once, each with its place", async () => {
    const wrong = load(
      ...["price.share=130%", "price.sources=[agnt, text]", "price.rest={ text: 1 }", "price.peak=0"],
      ...["doremi.size=on", "doremi.seed=9", "doremi.reference={ text: 1, code: 0 }", "doremi.rounds=9"],
    );
    await expect(wrong).rejects.toThrow(/price\.share=130%/);
    const text = await wrong.catch((error: Error) => error.message);
    for (const part of [
      /did you mean `agent`/,
      /`text` is a source to be priced and is not a part of the rest/,
      /no size `on`[\s\S]*did you mean `one`/,
      /no seed 9[\s\S]*`4`, `5`/,
      /does not read has no loss/,
      /at most 4 rounds/,
      /a learning rate above 0/,
    ])
      expect(text).toMatch(part);
  });

  it.each([
    ["doremi.schedule.warmup=3", /warm-up is longer than the first round[\s\S]*at most 2 steps/],
    ["doremi.reference={ text: 1 }", /weight of one domain is always 1/],
    ["price.share=0.0000001", /too fine/],
    ["price=", /no section `price`[\s\S]*add `price: \{ tokens/],
  ])("%s", async (override, message) => {
    await expect(load(override)).rejects.toThrow(message);
  });

  it("are told of a checkpoint that is not there", async () => {
    const sweep = await load("price.from=nowhere");
    expect(() => expandPrice(sweep)).toThrow(/nowhere/);
  });
});
