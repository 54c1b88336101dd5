/** What a plan's run is predicted to hold, and the refusal of one that cannot fit. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { emptyCard, knownCard } from "../../src/engine/native/cuda/cards.js";
import { architectureOf } from "../../src/model/architecture.js";
import { totalBytes } from "../../src/model/costs.js";
import { countParameters, parameterTable } from "../../src/model/parameters.js";
import { boundOfCopies, memoryOfRun, PREFETCH_STEPS, workloadOf } from "../../src/train/memory.js";
import { train } from "../../src/train.js";
import { captured, makeProject, type Project } from "../end-to-end/project.js";
import { logOf } from "../end-to-end/runs.js";

const machine = { processBytes: 100 << 20, attainableBytes: 2 ** 34 };
const fresh = () => ({ resume: null, stop: { requested: false }, progress: captured() });

let project: Project;
beforeAll(async () => {
  project = await makeProject();
});
afterAll(async () => project[Symbol.asyncDispose]());

describe("workloadOf", () => {
  it("has every stage's micro-batch, no larger than its steps, and evaluation at the longest rows", async () => {
    const plan = await project.plan("engine.microBatchRows=3", "stages[1].sequenceLength=64");
    const architecture = architectureOf(plan.model, 300);
    expect(workloadOf(plan, architecture)).toEqual({
      architecture,
      training: [
        { rows: 3, length: 32 },
        { rows: 2, length: 64 },
      ],
      evaluation: [{ rows: 3, length: 64 }],
      checkpoints: true,
      tokensAhead: (PREFETCH_STEPS + 2) * 128,
    });
  });
});

describe("memoryOfRun", () => {
  it("follows the plan's limit and wish", async () => {
    const of = async (...overrides: string[]) => {
      const plan = await project.plan("model.layers=12", "engine.microBatchRows=4", ...overrides);
      return memoryOfRun(plan, architectureOf(plan.model, 300), "native-cpu", { machine });
    };
    const free = await of();
    expect(free.choice).toMatchObject({ recomputation: "none", fits: true });
    const smallest = Math.min(...(free.choice?.modes ?? []).map(({ bytes }) => bytes));
    const tight = await of(`engine.memory=${smallest}`);
    expect(tight).toMatchObject({ total: smallest, choice: { recomputation: "layer", fits: true } });
    expect((await of("engine.recomputation=block-parts")).choice?.recomputation).toBe("block-parts");
    const short = of(`engine.memory=${smallest - 1}`);
    await expect(short).rejects.toThrow(UserError);
    await expect(short).rejects.toThrow(/engine: there is not enough memory.*\(engine\.memory\)/s);
  });
});

describe("memoryOfRun on a card", () => {
  it("refuses what the card holds and the machine does not, and says what takes most of it", async () => {
    const plan = await project.plan("model.layers=12", "engine.kind=native-cuda");
    const architecture = architectureOf(plan.model, 300);
    const card = emptyCard(knownCard("h100-80gb"));
    const of = (attainableBytes: number) =>
      memoryOfRun(plan, architecture, "native-cuda", { machine: { ...machine, attainableBytes, card } });
    const needed = totalBytes(of(Number.POSITIVE_INFINITY).onCard?.host ?? []);
    const copies = 12 * countParameters(parameterTable(architecture));
    expect(needed).toBeGreaterThan(machine.processBytes + copies);
    expect(of(needed).choice?.fits).toBe(true);
    expect(() => of(needed - 1)).toThrow(UserError);
    expect(() => of(needed - 1)).toThrow(
      /the machine's own memory[\s\S]*expected: [\s\S]*process without a model: 100 MiB/,
    );
    const large = { ...plan, model: { ...plan.model, width: 512, feedForward: 2048 } };
    expect(() =>
      memoryOfRun(large, architectureOf(large.model, 300), "native-cuda", {
        machine: { processBytes: 1 << 20, attainableBytes: 0, card },
      }),
    ).toThrow(/checkpoint on its way out: 64 MiB[\s\S]*hint: end other programs/);
  });

  it("runs with 64 MiB for a checkpoint of any size, takes half of what is left for it, and says so", async () => {
    const plan = await project.plan("model.layers=12", "engine.kind=native-cuda");
    const large = { ...plan, model: { ...plan.model, width: 512, feedForward: 2048 } };
    const architecture = architectureOf(large.model, 300);
    const card = emptyCard(knownCard("h100-80gb"));
    const of = (attainableBytes: number) =>
      memoryOfRun(large, architecture, "native-cuda", { machine: { ...machine, attainableBytes, card } });
    const whole = 12 * countParameters(parameterTable(architecture));
    const free = of(Number.POSITIVE_INFINITY);
    expect(free.checkpoint).toEqual({ bytes: whole, aheadBytes: whole });
    expect(boundOfCopies(free)).toEqual([]);
    const least = totalBytes(free.onCard?.host ?? []) - whole + (64 << 20);
    const tight = of(least);
    expect(tight.checkpoint).toEqual({ bytes: whole, aheadBytes: 64 << 20 });
    expect(boundOfCopies(tight)).toEqual([
      expect.stringMatching(/^64 MiB of a checkpoint's .* the update after a save waits for the rest$/),
    ]);
    expect(() => of(least - 1)).toThrow(UserError);
    expect(of(least + 2000).checkpoint?.aheadBytes).toBe((64 << 20) + 1000);
    expect(totalBytes(of(least + 2000).onCard?.host ?? [])).toBe(least + 1000);
    const lean = { ...large, engine: { ...large.engine, optimizerMemory: "bf16" as const } };
    const machineOf = { ...machine, attainableBytes: Number.POSITIVE_INFINITY, card };
    expect(memoryOfRun(lean, architecture, "native-cuda", { machine: machineOf }).checkpoint?.bytes).toBe(whole / 2);
  });
});

describe("train", () => {
  it("refuses before the first step what does not fit, on the engine that plans its memory only", async () => {
    const overrides = ["engine.memory=1MiB"];
    const plan = await project.plan("run=short", "engine.kind=native-cpu", ...overrides);
    await expect(train(plan, fresh())).rejects.toThrow(/there is not enough memory/);
    const other = await project.plan("run=other", ...overrides);
    expect((await train(other, fresh())).status).toBe("finished");
    expect(logOf(project, "other")[0]).toMatchObject({ event: "begin", precision: "fp32", recomputation: null });
    expect(Number(logOf(project, "other")[0]?.["predictedPeakBytes"])).toBeGreaterThan(1 << 20);
  });
});
