/** `export` and `merge` as commands: a run's newest checkpoint, what is said, what is refused. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportFolder, mergeFolders, type WriteOptions } from "../../src/commands/export.js";
import { generate } from "../../src/commands/generate.js";
import { train } from "../../src/train.js";
import { newFolder } from "../checkpoint/content.js";
import { captured, makeProject, type Project } from "../end-to-end/project.js";
import { modelFolder, rawTensors, readJsonFile } from "../export/folders.js";

function options(changes: Partial<WriteOptions> = {}) {
  const [out, err] = [captured(), captured()];
  const given: WriteOptions = {
    ...{
      output: join(newFolder(), "out"),
      dtype: "F32",
      maxShardBytes: 5e9,
      verify: "logits",
      force: false,
      json: false,
    },
    ...{ engine: { kind: "tfjs-cpu" }, progress: err, write: (text) => out.write(text) },
    ...changes,
  };
  return { given, out, err };
}

describe("a run", () => {
  let project: Project;
  beforeAll(async () => {
    project = await makeProject();
  });
  afterAll(async () => project[Symbol.asyncDispose]());

  it("is exported from its newest checkpoint, and generates the same text from there", async () => {
    const plan = await project.plan();
    await expect(exportFolder(plan, options().given)).rejects.toThrow(/no whole checkpoint/);
    let asked = 0;
    const stop = {
      get requested() {
        return asked++ > 2;
      },
    };
    const { checkpoint } = await train(plan, { resume: null, stop, progress: captured() });
    const { given, out, err } = options();
    await exportFolder(plan, given);
    expect(out.text).toMatch(
      /^.*out: [\d.]+k parameters as f32, 5 files, [\d.]+ KiB\nverified: every tensor [^\n]*\nverified: [^\n]* on tfjs-cpu\n$/,
    );
    expect(err.text).toBe("");
    expect(rawTensors(given.output)).toEqual(
      Object.fromEntries(Object.entries(rawTensors(checkpoint ?? "")).filter(([name]) => !/moment/.test(name))),
    );
    expect(readJsonFile(given.output, "generation_config.json")).toEqual({ _from_model_config: true, eos_token_id: 0 });
    const sampling = { temperature: 0, topK: null, topP: null, seed: 0, tokens: 5, stops: [] };
    const said = { prompts: ["agent"], promptsFile: null, messagesFile: null, chat: false, template: null };
    const shown = { json: false, write: () => {}, progress: captured() };
    const texts = [null, given.output].map((checkpoint) =>
      generate({ model: { plan, checkpoint }, ...sampling, ...said, ...shown }),
    );
    const [own, other] = await Promise.all(texts);
    expect(other.completions).toEqual(own.completions);
  });
});

describe("merge", () => {
  it("reports as JSON, and warns beside it", async () => {
    const folders: [string, string] = [1, 2].map((seed) =>
      modelFolder({ seed, files: { "tokenizer.json": null } }),
    ) as [string, string];
    const { given, out, err } = options({ json: true, verify: "tensors", dtype: "BF16" });
    await mergeFolders(folders, { kind: "average", weights: [1, 1] }, given);
    expect(JSON.parse(out.text)).toMatchObject({ dtype: "BF16", verified: "tensors", engine: null, drift: null });
    expect(err.text).toMatch(/^warning: .* no tokenizer/);
  });

  it.each([
    [{ kind: "average", weights: [1] }, /one number for each folder\n {2}expected: 2\n {2}got: 1/],
    [{ kind: "average", weights: [1, -1] }, /not be negative, nor all zero/],
    [{ kind: "average", weights: [0, 0] }, /not be negative, nor all zero/],
    [{ kind: "interpolate", alpha: 1.5 }, /--alpha must be from 0[\s\S]*add-difference/],
  ] as const)("refuses %j", async (merge, message) => {
    await expect(mergeFolders(["absent", "absent"], merge, options().given)).rejects.toThrow(message);
  });
});
