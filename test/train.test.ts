import { readdirSync, readFileSync, truncateSync } from "node:fs";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCheckpoint } from "../src/checkpoint/load.js";
import { saveCheckpoint } from "../src/checkpoint/save.js";
import { prepare } from "../src/commands/prepare.js";
import { type TrainOutcome, train } from "../src/train.js";
import { wholeTensors } from "./checkpoint/content.js";
import { captured, makeProject, type Project } from "./end-to-end/project.js";
import { bits, logOf, losses, stopAfter } from "./end-to-end/runs.js";

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
    const steps = logOf(project, "straight").filter(({ event }) => event === "step");
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
    const first = losses(project, "straight").get(1) ?? Number.NaN;
    expect(Math.abs(first - Math.log(304))).toBeLessThan(0.2);
  });
});

describe("resuming", () => {
  it.each([1, 4, 7, 12, 19])(
    "after a stop at step %d gives the losses and weights of the straight run, bit for bit",
    async (step) => {
      const plan = await project.plan(`run=stopped-${step}`);
      const first = await train(plan, { resume: null, stop: stopAfter(project, plan.run, step), progress: captured() });
      expect(first).toMatchObject({ status: "interrupted", step });
      const second = await train(plan, { resume: "auto", stop: { requested: false }, progress: captured() });
      expect(second.status).toBe("finished");
      expect(losses(project, plan.run)).toEqual(losses(project, "straight"));
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
    await train(plan, { resume: "auto", stop: stopAfter(project, plan.run, 1), progress });
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

  it("within other memory goes on, also from a checkpoint that knows of no such limit", async () => {
    const plan = await project.plan("run=moved-memory");
    const first = await train(plan, { resume: null, stop: stopAfter(project, plan.run, 1), progress: captured() });
    const manifest = await openCheckpoint(first.checkpoint ?? "");
    expect(manifest.trainer.plan).toMatchObject({ engine: { recomputation: "auto", memory: null } });
    const smaller = await project.plan("run=moved-memory", "engine.memory=8GiB", "engine.recomputation=layer");
    const outcome = await train(smaller, { resume: "auto", stop: { requested: false }, progress: captured() });
    expect(outcome.status).toBe("finished");
    expect(bits(outcome.checkpoint)).toEqual(bits(straight.checkpoint));
  });

  it("on another engine goes on with a warning", async () => {
    const plan = await project.plan("run=moved");
    const { checkpoint } = await train(plan, {
      resume: null,
      stop: stopAfter(project, plan.run, 1),
      progress: captured(),
    });
    const { config, trainer, weights, moments } = await openCheckpoint(checkpoint ?? "");
    await saveCheckpoint(plan.runFolder, {
      step: trainer.step,
      config,
      weights: await wholeTensors(weights()),
      moments: await wholeTensors(moments()),
      trainer: { ...trainer, versions: { ...trainer.versions, engine: "cuda", precision: "bf16-lean" } },
      attachments: {},
    });
    const progress = captured();
    const outcome = await train(plan, { resume: "auto", stop: { requested: false }, progress });
    expect(progress.text).toContain(
      "warning: the checkpoint was made by cuda: the run goes on, but not to the same bits",
    );
    expect(trainer.versions["precision"]).toBe("fp32");
    expect(progress.text).toContain(
      "warning: the checkpoint was made in bf16-lean and the run is in fp32 now: it goes on",
    );
    expect(outcome.status).toBe("finished");
  });

  it("allows what does not touch the weights: reporting, evaluation, retention", async () => {
    const plan = await project.plan(
      "run=straight",
      "report.everySteps=1",
      "checkpoint.keepLast=2",
      "evaluation.everySteps=3",
    );
    await expect(
      train(plan, { resume: "auto", stop: { requested: false }, progress: captured() }),
    ).resolves.toMatchObject({ status: "finished" });
  });
});
