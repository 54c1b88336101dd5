/**
 * The peak that the system counted of a fresh process is within 5 % of what was predicted: steps alone, and a whole run with checkpoints.
 * The sizes are such that the parts of the prediction, and not Node, make most of it: leaving one out would show.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { makeProject } from "../end-to-end/project.js";
import { describeKernels } from "../engine/native/cpu/kernel-devices.js";

const TOLERANCE = 0.05;
const LIMIT = { timeout: 300_000 };

async function output(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", ...args], { maxBuffer: 1 << 26 });
  return stdout;
}

async function benched(shape: string, ...options: readonly string[]) {
  const args = ["--shape", shape, "--engine", "native-cpu", "--steps", "1", "--json", ...options];
  const { memory } = JSON.parse(await output("src/cli.ts", "bench", ...args));
  const bytesOf = (name: string): number =>
    memory.parts.find((part: { name: string; bytes: number }) => part.name === name).bytes;
  return { memory, bytesOf };
}

describeKernels("peak memory", () => {
  it("of steps is as predicted: activations make most of it", LIMIT, async () => {
    const { memory, bytesOf } = await benched("width=128,layers=6,heads=4,ff=344,vocab=2048,batch=24,length=256");
    expect(memory).toMatchObject({ predictedBy: "engine", choice: { recomputation: "none", fits: true } });
    expect(bytesOf("activations")).toBeGreaterThan(2 * TOLERANCE * memory.total);
    expect(Math.abs(memory.ratio - 1)).toBeLessThan(TOLERANCE);
  });

  it("of steps is as predicted: what attention keeps for itself makes a good part of it", LIMIT, async () => {
    const shape = "width=128,layers=2,heads=8,kv=1,ff=128,vocab=256,batch=1,length=8192";
    const { memory, bytesOf } = await benched(shape, "--recomputation", "layer");
    expect(memory.choice).toMatchObject({ recomputation: "layer", fits: true });
    expect(bytesOf("partial sums")).toBeGreaterThan(2 * TOLERANCE * memory.total);
    expect(Math.abs(memory.ratio - 1)).toBeLessThan(TOLERANCE);
  });

  it("of a run is as `plan` predicts, checkpoints and all", LIMIT, async () => {
    await using project = await makeProject();
    const sizes = { width: 384, layers: 6, heads: 6, kvHeads: 3, feedForward: 1024 };
    const overrides = [
      ...Object.entries(sizes).map(([name, value]) => `model.${name}=${value}`),
      "engine={ kind: native-cpu, microBatchRows: 4 }",
      "stages[0].steps=4",
      "stages[1].steps=2",
      "stages[0].schedule.warmup=1",
      "stages[0].schedule.decay.length=1",
      "checkpoint.everySteps=2",
    ];
    const paths = [`checkpointFolder=${project.folder}/checkpoints`, `data.folder=${project.folder}/data`];
    const set = [...overrides, ...paths].flatMap((each) => ["--set", each]);
    const args = ["--config", project.config, ...set];
    const planned = JSON.parse(await output("src/cli.ts", "plan", ...args, "--json"));
    const { code, peakBytes } = JSON.parse((await output("test/bench/peak-of-run.ts", "train", ...args)).trim());
    expect(code).toBe(0);
    expect(planned.memory.predictedBy).toBe("engine");
    const copies = planned.memory.parts.find(({ name }: { name: string }) => name === "checkpoint on its way out");
    expect(copies.bytes).toBeGreaterThan(2 * TOLERANCE * planned.memory.total);
    // How much of the copy waits for the disk is the disk's affair: between none of it and all.
    const { total } = planned.memory;
    expect(peakBytes).toBeLessThan((1 + TOLERANCE) * total);
    expect(peakBytes).toBeGreaterThan((1 - TOLERANCE) * (total - copies.bytes));
  });
});
