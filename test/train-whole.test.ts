/** A run of two stages that pack whole documents, at two lengths: what it reads, how it goes on, and what it says. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluate } from "../src/commands/eval.js";
import { plan as planCommand } from "../src/commands/plan.js";
import { openSources } from "../src/data/sources.js";
import { orderOfPlan, unreadOf } from "../src/train/order.js";
import { type TrainOutcome, train } from "../src/train.js";
import { captured, makeProject, type Project } from "./end-to-end/project.js";
import { bits, logOf, losses, stopAfter } from "./end-to-end/runs.js";

const WHOLE = [
  "engine={ kind: native-cpu, microBatchRows: 2 }",
  "model.maxLength=288",
  ...["stages[0].packing=whole", "stages[0].sequenceLength=224", "stages[0].tokensPerStep=896"],
  ...["stages[1].packing=whole", "stages[1].sequenceLength=288", "stages[1].tokensPerStep=864"],
  ...["stages[0].steps=7", "stages[1].steps=4", "evaluation.tokensPerDomain=500", "checkpoint.keepLast=10"],
];

let project: Project;
let straight: TrainOutcome;
let output: ReturnType<typeof captured>;

async function run(name: string, resume: string | null, stop = { requested: false }, ...more: string[]) {
  output = captured();
  return train(await project.plan(`run=${name}`, ...WHOLE, ...more), { resume, stop, progress: output });
}

beforeAll(async () => {
  project = await makeProject();
  straight = await run("straight", null);
}, 60_000);
afterAll(async () => project[Symbol.asyncDispose]());

async function order(...more: string[]) {
  const plan = await project.plan(...WHOLE, ...more);
  await using sources = await openSources(plan.data);
  return { plan, order: await orderOfPlan(plan, sources.domains, null), domains: sources.domains };
}

describe("a run that packs whole documents", () => {
  it("learns, and reads the same document nowhere twice in an epoch", async () => {
    expect(straight.status).toBe("finished");
    for (const domain of ["agent", "text", "code"])
      expect(straight.evaluations.at(-1)?.domains[domain].loss).toBeLessThan(
        straight.evaluations[0].domains[domain].loss,
      );
    const { order: data } = await order();
    const seen = new Set<string>();
    for (let step = 0; step < data.steps; step++)
      for (const { domain, epoch, pieces } of data.batchAt(step))
        for (const { start } of pieces) {
          expect(seen.has(`${domain}/${epoch}/${start}`)).toBe(false);
          seen.add(`${domain}/${epoch}/${start}`);
        }
  });

  it("logs what it read and how much of its rows was padding", () => {
    const steps = logOf(project, "straight").filter(({ event }) => event === "step");
    const ledger = steps.at(-1)?.["ledger"] as Record<string, { tokens: number }>;
    const read = Object.values(ledger).reduce((sum, { tokens }) => sum + tokens, 0);
    const padding = steps.reduce((sum, step) => sum + Number(step["padding"]), 0);
    expect(read + padding).toBe(7 * 896 + 4 * 864);
    expect(padding).toBeGreaterThan(0);
  });

  it.each([3, 9])("and is stopped after step %d ends in the bits of the straight run", async (step) => {
    const name = `stopped-${step}`;
    expect(await run(name, null, stopAfter(project, name, step))).toMatchObject({ status: "interrupted", step });
    const resumed = await run(name, "auto");
    expect(losses(project, name)).toEqual(losses(project, "straight"));
    expect(resumed.evaluations).toEqual(straight.evaluations);
    expect(bits(resumed.checkpoint)).toEqual(bits(straight.checkpoint));
  });

  it("and is killed, so that only an older checkpoint is left, ends in the same bits", async () => {
    await run("killed", null);
    for (const step of ["00000007", "00000008", "00000011"])
      await rm(join(project.folder, "checkpoints", "killed", `step-${step}`), { recursive: true });
    const resumed = await run("killed", "auto");
    expect(output.text).toContain("resumed after step 4");
    expect(bits(resumed.checkpoint)).toEqual(bits(straight.checkpoint));
  });

  it("evaluates whole documents, in the run as in `eval`", async () => {
    const report = await evaluate(await project.plan("run=straight", ...WHOLE), {
      ...{ checkpoint: null, tokens: null, json: true, progress: captured(), write: () => {} },
    });
    expect(report.domains).toEqual(straight.evaluations.at(-1)?.domains);
  });

  it("is refused another packing when it is resumed", async () => {
    await expect(run("straight", "auto", { requested: false }, "stages[1].packing=isolated")).rejects.toThrow(
      /the plan changed[\s\S]*packing "whole"/,
    );
  });
});

describe("documents that do not fit", () => {
  it("are counted in warnings of the plan and of the run", async () => {
    const { order: data, domains } = await order();
    const agent = domains[0].train;
    const warnings = unreadOf(data, domains);
    expect(warnings.length).toBeGreaterThan(0);
    const lengths = await openSources((await project.plan()).data).then(async (sources) => {
      await using opened = sources;
      return opened.domains[0].train.documentLengths();
    });
    const long = lengths.filter((length) => length > 225);
    const share = (100 * long.reduce((sum, length) => sum + length, 0)) / agent.tokens;
    expect(warnings[0]).toBe(
      `stage mix leaves out ${long.length} of ${lengths.length} documents of agent, which are longer than its rows: ${share.toFixed(2)} % of the domain's tokens; raise sequenceLength to read them`,
    );
    const events = logOf(project, "straight").filter(({ event }) => event === "warning");
    expect(events.map(({ warning }) => warning)).toEqual(warnings);
  });

  it("are shown by `plan`, with how full the rows are", async () => {
    const out = captured();
    const resolved = await project.plan(...WHOLE);
    const summary = await planCommand(resolved, { json: false, measure: false, write: (text) => out.write(text) });
    for (const { domains } of summary.stages) for (const { filled } of domains) expect(filled).toBeGreaterThan(0.5);
    expect(out.text).toMatch(/warning: stage mix leaves out \d+ of 56 documents of agent/);
    expect(out.text).toMatch(/ {2}domain +share +tokens +epochs at its end +rows filled\n {2}agent .* \d\d\.\d %/);
  });

  it("are refused where they are most of the domain", async () => {
    await expect(order("stages[0].sequenceLength=128")).rejects.toThrow(/most of domain "agent"/);
  });

  it("begin another epoch where a stage cuts them after one that did not", async () => {
    const { order: data, domains } = await order("stages[1].packing=isolated");
    expect(unreadOf(data, domains).join("\n")).toMatch(
      /stage lean begins the next epoch of agent, because the one before was read in another packing: \d+\.\d\d % of epoch 1 stay unread/,
    );
  });
});
