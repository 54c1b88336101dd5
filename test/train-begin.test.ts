/** How runs begin, and how they end when the numbers are not finite. */
import { readdirSync, readFileSync } from "node:fs";
import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCheckpoint } from "../src/checkpoint/load.js";
import { parseLedger } from "../src/data/ledger.js";
import { type TrainOutcome, train } from "../src/train.js";
import { captured, makeProject, type Project } from "./end-to-end/project.js";
import { bits, logOf, stopAfter } from "./end-to-end/runs.js";

let project: Project;
let straight: TrainOutcome;

beforeAll(async () => {
  project = await makeProject();
  const plan = await project.plan("run=straight");
  straight = await train(plan, { resume: null, stop: { requested: false }, progress: captured() });
});
afterAll(async () => project[Symbol.asyncDispose]());

describe("beginning", () => {
  it("refuses to start over a run that has checkpoints", async () => {
    const plan = await project.plan("run=straight");
    await expect(train(plan, { resume: null, stop: { requested: false }, progress: captured() })).rejects.toThrow(
      /already has a checkpoint at step 20/,
    );
  });

  it("from weights: the loss goes on, the optimizer and the ledger are fresh", async () => {
    const from = straight.checkpoint ?? "";
    const plan = await project.plan("run=weights", `begin={ mode: weights, from: ${from} }`);
    const outcome = await train(plan, { resume: null, stop: { requested: false }, progress: captured() });
    expect(outcome.evaluations[0].domains).toEqual(straight.evaluations[5].domains);
    const { trainer } = await openCheckpoint(outcome.checkpoint ?? "");
    expect(trainer.updates).toBe(20);
    const ledger = parseLedger(trainer.ledger);
    expect(Object.values(ledger.domains).reduce((sum, { tokens }) => sum + tokens, 0)).toBe(20 * 128);
  });

  it("continue: moments and ledger go on under a changed mixture, and that run resumes exactly too", async () => {
    const from = join(project.folder, "checkpoints", "straight", "step-00000016");
    const overrides = [
      `begin={ mode: continue, from: ${from} }`,
      "stages[0].mixture={ agent: 0, text: 3, code: 1 }",
      "stages[0].sequenceLength=64",
    ];
    const whole = await train(await project.plan("run=continued", ...overrides), {
      resume: null,
      stop: { requested: false },
      progress: captured(),
    });
    const { trainer } = await openCheckpoint(whole.checkpoint ?? "");
    expect(trainer.updates).toBe(16 + 20);
    expect(Object.values(parseLedger(trainer.ledger).domains).reduce((sum, { tokens }) => sum + tokens, 0)).toBe(
      36 * 128,
    );
    const plan = await project.plan("run=continued-stopped", ...overrides);
    await train(plan, { resume: null, stop: stopAfter(project, plan.run, 7), progress: captured() });
    const resumed = await train(plan, { resume: "auto", stop: { requested: false }, progress: captured() });
    expect(bits(resumed.checkpoint)).toEqual(bits(whole.checkpoint));
  });

  it("refuses a second run in the same folder while the first one runs", async () => {
    const plan = await project.plan("run=twice");
    const start = () => train(plan, { resume: null, stop: { requested: false }, progress: captured() });
    const results = await Promise.allSettled([start(), start()]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const refused = results.find((result) => result.status === "rejected");
    expect(String(refused?.reason)).toContain("another run is at work in this folder");
  });

  it("refuses a plan whose epochs exceed its limit, before any step, naming stage and domain", async () => {
    const plan = await project.plan("run=hungry", "stages[0].maxEpochs={ agent: 0.001 }");
    await expect(train(plan, { resume: null, stop: { requested: false }, progress: captured() })).rejects.toThrow(
      /stage mix would bring domain agent to .* epochs/,
    );
    expect(
      readdirSync(join(project.folder, "checkpoints", "hungry")).filter((name) => name.startsWith("step-")),
    ).toEqual([]);
  });
});

describe("a loss that is not finite", () => {
  /** A Hugging Face folder whose last tensor ends in a NaN: no loss and no gradient is finite with it. */
  async function brokenWeights(): Promise<string> {
    const folder = join(project.folder, "broken");
    await cp(straight.checkpoint ?? "", folder, { recursive: true });
    await rm(join(folder, "manifest.json"));
    const path = join(folder, "model.safetensors");
    const bytes = readFileSync(path);
    bytes.writeFloatLE(Number.NaN, bytes.length - 4);
    await writeFile(path, bytes);
    return `begin={ mode: weights, from: ${folder} }`;
  }

  it("never reaches the weights; the run gives up after ten such steps", async () => {
    const shards = (domain: string) => `${domain}: { shards: ${join(project.folder, "data", domain, "train")} }`;
    const plan = await project.plan(
      "run=diverged",
      await brokenWeights(),
      "data.tokenizer={ file: data/tokenizer.json }",
      `data.domains={ ${["agent", "text", "code"].map(shards).join(", ")} }`,
      "checkpoint.everySteps=1",
      "checkpoint.keepLast=20",
    );
    const progress = captured();
    const run = train(plan, { resume: null, stop: { requested: false }, progress });
    await expect(run).rejects.toThrow(/not finite for 10 steps in a row, up to step 10/);
    expect(progress.text).toContain("weights left alone (1 in a row)");
    expect(logOf(project, "diverged").filter(({ event }) => event === "skip")).toHaveLength(10);
    const first = await openCheckpoint(join(plan.runFolder, "step-00000001"));
    expect(first.trainer.updates).toBe(0);
    expect(bits(join(plan.runFolder, "step-00000009"))).toEqual(bits(first.folder));
  });

  it("at the first evaluation stops the run before any step, with a hint", async () => {
    const run = train(await project.plan("run=hopeless", await brokenWeights()), {
      resume: null,
      stop: { requested: false },
      progress: captured(),
    });
    await expect(run).rejects.toThrow(
      /held-out loss of agent, text, code is not finite after step 0[\s\S]*begin\.from/,
    );
  });
});
