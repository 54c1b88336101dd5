/** Runs whose weights and moments are kept in bf16: what their checkpoints are, and that they go on from them. On the emulated card. */
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SafetensorsFile } from "../../src/checkpoint/safetensors.js";
import { train } from "../../src/train.js";
import { captured, makeProject, type Project } from "../end-to-end/project.js";
import { bits, losses } from "../end-to-end/runs.js";
import { emulatedPlaces, missing } from "../engine/native/cuda/small-card.js";

let project: Project;
beforeAll(async () => {
  project = await makeProject();
});
afterAll(async () => project[Symbol.asyncDispose]());

describe.skipIf(missing !== null)(`a checkpoint of a run in bf16${missing === null ? "" : ` (${missing})`}`, () => {
  const run = async (name: string, resume: string | null, ...overrides: string[]) => {
    const sizes = ["stages[0].steps=4", "stages[1].steps=2", "checkpoint.everySteps=2", "evaluation.everySteps=null"];
    const schedules = ["stages[0].schedule.warmup=1", "stages[0].schedule.decay.length=1"];
    const engine = "engine={ kind: native-cuda, optimizerMemory: bf16, microBatchRows: 2 }";
    const plan = await project.plan(`run=${name}`, ...sizes, ...schedules, engine, ...overrides);
    return train(plan, { resume, stop: { requested: false }, progress: captured(), places: emulatedPlaces() });
  };

  it("is of bf16 numbers, says so to Hugging Face, and a run goes on from it bit for bit", async () => {
    const { checkpoint } = await run("lean", null);
    for (const file of ["model", "optimizer"]) {
      const { tensors } = SafetensorsFile.open(join(checkpoint ?? "", `${file}.safetensors`));
      expect(new Set(tensors.map(({ dtype }) => dtype))).toEqual(new Set(["BF16"]));
    }
    expect(JSON.parse(readFileSync(join(checkpoint ?? "", "config.json"), "utf8")).torch_dtype).toBe("bfloat16");
    const middle = join(project.folder, "checkpoints", "lean", "step-00000002");
    const folder = join(project.folder, "checkpoints", "again", "step-00000002");
    cpSync(middle, folder, { recursive: true });
    const again = await run("again", "auto");
    expect(bits(again.checkpoint)).toEqual(bits(checkpoint));
    expect(losses(project, "again").get(5)).toBe(losses(project, "lean").get(5));
  });

  it("is of float32 numbers where there is a float32 master", async () => {
    const { checkpoint } = await run("master", null, "engine.optimizerMemory=fp32", "stages[0].steps=2");
    const { tensors } = SafetensorsFile.open(join(checkpoint ?? "", "model.safetensors"));
    expect(new Set(tensors.map(({ dtype }) => dtype))).toEqual(new Set(["F32"]));
    expect(JSON.parse(readFileSync(join(checkpoint ?? "", "config.json"), "utf8")).torch_dtype).toBe("float32");
  });
});
