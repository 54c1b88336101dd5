import { readdirSync, readFileSync, truncateSync } from "node:fs";
import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../src/base/fingerprint.js";
import { openCheckpoint } from "../src/checkpoint/load.js";
import { prepare } from "../src/commands/prepare.js";
import { parseLedger } from "../src/data/ledger.js";
import { type TrainOutcome, train } from "../src/train.js";
import { captured, makeProject, type Project } from "./end-to-end/project.js";

const PREPARE = { workers: 1, skipInvalid: 0, force: false, write: () => {} };

let project: Project;
let straight: TrainOutcome;
let output: ReturnType<typeof captured>;

beforeAll(async () => {
  project = await makeProject();
  output = captured();
  straight = await train(await project.plan("run=straight"), {
    resume: null,
    stop: { requested: false },
    progress: output,
  });
});
afterAll(async () => project[Symbol.asyncDispose]());

/** Hashes of the weights and moments of a checkpoint: equal hashes are equal bits. */
function bits(folder: string | null): string[] {
  return ["model.safetensors", "optimizer.safetensors"].map((file) => sha256(readFileSync(join(folder ?? "", file))));
}

function logOf(run: string): { event: string; step: number; loss?: number; [key: string]: unknown }[] {
  const text = readFileSync(join(project.folder, "checkpoints", run, "log.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function losses(run: string): Map<number, number> {
  return new Map(
    logOf(run)
      .filter(({ event }) => event === "step")
      .map(({ step, loss }) => [step, loss ?? Number.NaN]),
  );
}

/** A progress stream that asks the run to stop once it has written that step `step` was logged. */
function stopAfter(run: string, step: number): { requested: boolean } {
  return {
    get requested() {
      return (logOf(run).findLast(({ event }) => event === "step")?.step ?? 0) >= step;
    },
  };
}

describe("a run from beginning to end", () => {
  it("evaluates at step 0, on schedule, at the end of every stage, and every domain improves", () => {
    expect(straight.status).toBe("finished");
    expect(straight.evaluations.map(({ step }) => step)).toEqual([0, 5, 10, 12, 15, 20]);
    const [first, last] = [straight.evaluations[0], straight.evaluations[5]];
    for (const domain of ["agent", "text", "code"])
      expect(last.domains[domain].loss).toBeLessThan(first.domains[domain].loss);
    expect(last.domains.agent.bitsPerByte).toBeGreaterThan(0);
  });

  it("keeps the checkpoints that the plan says and no partial ones", () => {
    const folders = readdirSync(join(project.folder, "checkpoints", "straight")).filter((name) =>
      name.startsWith("step-"),
    );
    expect(folders.sort()).toEqual(["step-00000012", "step-00000016", "step-00000020"]);
  });

  it("logs every step with its ledger, whose tokens are exact", () => {
    const steps = logOf("straight").filter(({ event }) => event === "step");
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    const ledger = steps[19].ledger as Record<string, { tokens: number }>;
    expect(Object.values(ledger).reduce((sum, { tokens }) => sum + tokens, 0)).toBe(20 * 128);
  });

  it("writes plain lines with loss per domain and the closing table when not on a terminal", () => {
    expect(output.text).toContain("from random weights, seed 3");
    expect(output.text).toMatch(/step 5\/20 · mix · 640 tokens · loss \d\.\d{4} · agent /);
    expect(output.text).toMatch(/held-out loss +step 0 +end of mix \(12\) +end of lean \(20\) +change/);
    expect(output.text).not.toContain("\u001b");
  });

  it("starts near the uniform loss ln V", () => {
    const first = losses("straight").get(1) ?? Number.NaN;
    expect(Math.abs(first - Math.log(304))).toBeLessThan(0.2);
  });
});

describe("resuming", () => {
  it.each([1, 4, 7, 12, 19])(
    "after a stop at step %d gives the losses and weights of the straight run, bit for bit",
    async (step) => {
      const plan = await project.plan(`run=stopped-${step}`);
      const first = await train(plan, { resume: null, stop: stopAfter(plan.run, step), progress: captured() });
      expect(first).toMatchObject({ status: "interrupted", step });
      const second = await train(plan, { resume: "auto", stop: { requested: false }, progress: captured() });
      expect(second.status).toBe("finished");
      expect(losses(plan.run)).toEqual(losses("straight"));
      expect(second.evaluations).toEqual(straight.evaluations);
      expect(bits(second.checkpoint)).toEqual(bits(straight.checkpoint));
    },
  );

  it("skips a damaged checkpoint with a warning and still ends in the same bits", async () => {
    const folder = join(project.folder, "checkpoints", "damaged");
    await cp(join(project.folder, "checkpoints", "straight"), folder, { recursive: true });
    truncateSync(join(folder, "step-00000020", "model.safetensors"), 100);
    const progress = captured();
    const outcome = await train(await project.plan("run=damaged"), {
      resume: "auto",
      stop: { requested: false },
      progress,
    });
    expect(progress.text).toMatch(/warning: skipped a damaged checkpoint: .*step-00000020.*model\.safetensors/s);
    expect(progress.text).toContain("resumed after step 16");
    expect(bits(outcome.checkpoint)).toEqual(bits(straight.checkpoint));
  });

  it("of a finished run does nothing and names its checkpoint", async () => {
    const outcome = await train(await project.plan("run=straight"), {
      resume: "auto",
      stop: { requested: false },
      progress: captured(),
    });
    expect(outcome).toEqual({ ...straight, checkpoint: expect.stringContaining("step-00000020") });
  });

  it("on other data is refused: the order is not the checkpoint's", async () => {
    await using other = await makeProject({ prepared: true, documents: 40 });
    const run = () =>
      other.plan().then((plan) => train(plan, { resume: "auto", stop: { requested: false }, progress: captured() }));
    await run();
    const corpus = join(other.folder, "corpus", "text.jsonl");
    await writeFile(corpus, readFileSync(corpus, "utf8").replace("text 3:", "text three:"));
    await prepare(await other.plan("data.tokenizer={ file: data/tokenizer.json }"), PREPARE);
    await expect(run()).rejects.toThrow(/order of the data is not the one this checkpoint was made with/);
  });

  it("from a checkpoint that is not the newest is refused: two futures would share a folder", async () => {
    const resume = join(project.folder, "checkpoints", "straight", "step-00000016");
    const plan = await project.plan("run=straight");
    const run = train(plan, { resume, stop: { requested: false }, progress: captured() });
    await expect(run).rejects.toThrow(/newer checkpoints than the one to resume, up to step 20/);
  });

  it("with nothing to resume starts at step 0 and says so", async () => {
    const progress = captured();
    const plan = await project.plan("run=nothing-yet");
    await train(plan, { resume: "auto", stop: stopAfterFirst(plan.run), progress });
    expect(progress.text).toContain("nothing to resume");
  });

  it.each([
    ["another learning rate", ["stages[0].schedule.peak=2e-2"], /plan changed.*schedule\.peak/s],
    ["another seed", ["seed=4"], /plan changed.*seed/s],
    ["another width", ["model.width=32"], /another architecture.*width/s],
    ["another mixture", ["stages[1].mixture.agent=6"], /plan changed/],
  ])("with %s is refused by name", async (_, overrides, message) => {
    const plan = await project.plan("run=straight", ...overrides);
    await expect(train(plan, { resume: "auto", stop: { requested: false }, progress: captured() })).rejects.toThrow(
      message,
    );
  });

  it("allows what does not touch the numbers: reporting, evaluation apart", async () => {
    const plan = await project.plan("run=straight", "report.everySteps=1", "checkpoint.keepLast=2");
    await expect(
      train(plan, { resume: "auto", stop: { requested: false }, progress: captured() }),
    ).resolves.toMatchObject({ status: "finished" });
  });
});

function stopAfterFirst(run: string): { requested: boolean } {
  return stopAfter(run, 1);
}

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
    await train(plan, { resume: null, stop: stopAfter(plan.run, 7), progress: captured() });
    const resumed = await train(plan, { resume: "auto", stop: { requested: false }, progress: captured() });
    expect(bits(resumed.checkpoint)).toEqual(bits(whole.checkpoint));
  });

  it("refuses a second run in the same folder while the first one runs", async () => {
    const plan = await project.plan("run=twice");
    const start = () => train(plan, { resume: null, stop: { requested: false }, progress: captured() });
    const results = await Promise.allSettled([start(), start()]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const refused = results.find((result) => result.status === "rejected");
    expect(String(refused?.reason)).toContain("another run is writing this folder");
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
    expect(logOf("diverged").filter(({ event }) => event === "skip")).toHaveLength(10);
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
