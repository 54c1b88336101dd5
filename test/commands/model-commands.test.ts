/** `plan` and `eval` on one trained tiny project. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatBytes } from "../../src/base/format.js";
import { evaluate } from "../../src/commands/eval.js";
import { plan } from "../../src/commands/plan.js";
import { countParameters, parameterTable } from "../../src/model/parameters.js";
import { type TrainOutcome, train } from "../../src/train.js";
import { captured, makeProject, type Project } from "../end-to-end/project.js";

let project: Project;
let outcome: TrainOutcome;
beforeAll(async () => {
  project = await makeProject();
  outcome = await train(await project.plan(), { resume: null, stop: { requested: false }, progress: captured() });
});
afterAll(async () => project[Symbol.asyncDispose]());

describe("plan", () => {
  it("adds up: tokens of the domains are those of the stage, parameters those of the table", async () => {
    const summary = await plan(await project.plan(), { json: true, measure: false, write: () => {} });
    expect(summary.steps).toBe(20);
    expect(summary.tokens).toBe(20 * 128);
    for (const stage of summary.stages)
      expect(stage.domains.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(stage.tokens);
    expect(summary.parameters).toBe(countParameters(parameterTable(summary.architecture)));
    expect(summary.speed).toBeNull();
  });

  it("prints JSON that is its return value", async () => {
    const out = captured();
    const summary = await plan(await project.plan(), { json: true, measure: false, write: (text) => out.write(text) });
    expect(JSON.parse(out.text)).toEqual(JSON.parse(JSON.stringify(summary)));
  });

  it("prints the run for people: sizes, epochs, schedule as a plot, measured time", async () => {
    const out = captured();
    await plan(await project.plan(), { json: false, measure: true, write: (text) => out.write(text) });
    expect(out.text).toMatch(/FLOP per token/);
    expect(out.text).toMatch(/stage 2 +lean: 8 steps of 4 × 32 tokens/);
    expect(out.text).toMatch(/agent +80\.0 % +\d+ +\d\.\d{3}/);
    expect(out.text).toMatch(/│.*█/);
    expect(out.text).toMatch(/time +about .* on tfjs-cpu/);
  });

  it("predicts the memory of the engine that will run: by its own tables, or by the formula for all", async () => {
    const of = async (...overrides: string[]) => {
      const out = captured();
      const resolved = await project.plan(...overrides);
      const { memory } = await plan(resolved, { json: false, measure: false, write: (text) => out.write(text) });
      expect(memory.total).toBe(memory.parts.reduce((sum, { bytes }) => sum + bytes, 0));
      expect(out.text).toContain(`memory     ${memory.choice === null ? "about " : ""}${formatBytes(memory.total)}`);
      for (const { name, bytes } of memory.parts)
        expect(out.text).toMatch(new RegExp(`\\n {2}${name} +${formatBytes(bytes)} +\\d`));
      return { memory, text: out.text };
    };
    const formula = await of();
    expect(formula.memory).toMatchObject({ engine: "tfjs-cpu", predictedBy: "formula", choice: null });
    expect(formula.text).not.toContain("recomputation");
    const planned = await of("engine.kind=native-cpu", "engine.recomputation=layer");
    expect(planned.memory).toMatchObject({ engine: "native-cpu", predictedBy: "engine" });
    expect(planned.text).toContain("  recomputation layer: as asked for; every layer's forward pass is computed twice");
  });

  it("refuses a run that does not fit into the memory that it may take", async () => {
    const short = await project.plan("engine={ kind: native-cpu, memory: 10MiB }");
    await expect(plan(short, { json: true, measure: false, write: () => {} })).rejects.toThrow(
      /not enough memory.*\(none .*, block-parts .*, layer .*\).*got: 10 MiB \(engine\.memory\).*hint/s,
    );
  });

  it("does not touch the run's folder", async () => {
    const resolved = await project.plan("run=only-planned");
    await plan(resolved, { json: true, measure: false, write: () => {} });
    await expect(rm(resolved.runFolder, { recursive: true })).rejects.toThrow(/ENOENT/);
  });

  it("counts the epochs already made when it begins from a ledger", async () => {
    const resolved = await project.plan(`begin={ mode: continue, from: ${outcome.checkpoint} }`);
    const [fresh, going] = await Promise.all(
      [project.plan(), resolved].map(async (p) => plan(await p, { json: true, measure: false, write: () => {} })),
    );
    const epochs = (summary: typeof fresh) => summary.stages[1].domains.map((domain) => domain.epochs);
    for (const [i, value] of epochs(fresh).entries())
      expect(epochs(going)[i]).toBeCloseTo(2 * (value ?? Number.NaN), 1);
  });

  it("refuses a plan that the data cannot feed, for every stage and domain at once", async () => {
    const hungry = await project.plan("stages[0].steps=2000", "stages[1].steps=2000");
    const error = await plan(hungry, { json: true, measure: false, write: () => {} }).catch(
      (thrown: unknown) => thrown,
    );
    expect(String(error)).toMatch(/stage mix would bring domain agent/);
    expect(String(error)).toMatch(/stage lean would bring domain text/);
    expect(String(error)).toContain("maxEpochs");
  });
});

describe("eval", () => {
  it("of the last checkpoint gives the figures of the run's last evaluation", async () => {
    const report = await evaluate(await project.plan(), {
      checkpoint: null,
      tokens: null,
      json: true,
      progress: captured(),
      write: () => {},
    });
    expect(report.domains).toEqual(outcome.evaluations.at(-1)?.domains);
    expect(report.step).toBe(20);
    expect(report.change?.agent).toBe(
      (outcome.evaluations.at(-1)?.domains.agent.loss ?? 0) - outcome.evaluations[0].domains.agent.loss,
    );
  });

  it("prints a table", async () => {
    const out = captured();
    await evaluate(await project.plan(), {
      checkpoint: outcome.checkpoint,
      tokens: 64,
      json: false,
      progress: captured(),
      write: (text) => out.write(text),
    });
    expect(out.text).toMatch(/domain +loss +bits\/byte +tokens +since step 0/);
    expect(out.text).toMatch(/agent +\d\.\d{4} +\d\.\d{3} +64 +-\d/);
  });

  it("without a checkpoint or without held-out shards says what to do", async () => {
    const options = { checkpoint: null, tokens: null, json: true, progress: captured(), write: () => {} };
    await expect(evaluate(await project.plan("run=none"), options)).rejects.toThrow(
      /no whole checkpoint.*train it first/s,
    );
    const shards = join(project.folder, "data", "agent", "train");
    const plain = await project.plan(
      `data.domains={ agent: { shards: ${shards} } }`,
      "data.tokenizer={ file: data/tokenizer.json }",
      "stages[0].mixture={agent: 1}",
      "stages[1].mixture={agent: 1}",
    );
    await expect(evaluate(plain, options)).rejects.toThrow(/no domain of the plan has held-out shards/);
  });
});
