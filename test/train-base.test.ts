/** Plans that name the model they continue: its numbers, its weights, its tokenizer, and tokens that it gets. */
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCheckpoint } from "../src/checkpoint/load.js";
import { writeSafetensors } from "../src/checkpoint/safetensors.js";
import { evaluate } from "../src/commands/eval.js";
import { generate } from "../src/commands/generate.js";
import { plan } from "../src/commands/plan.js";
import { prepare } from "../src/commands/prepare.js";
import { loadTokenizer } from "../src/data/tokenizer/tokenizer.js";
import { architectureOf } from "../src/model/architecture.js";
import { toHuggingFaceConfig } from "../src/model/hugging-face.js";
import { EMBEDDING, HEAD, parameterTable } from "../src/model/parameters.js";
import { loadModel } from "../src/train/load-model.js";
import { type TrainOutcome, train } from "../src/train.js";
import { wholeTensors } from "./checkpoint/content.js";
import { captured, makeProject, type Project } from "./end-to-end/project.js";
import { bits, losses } from "./end-to-end/runs.js";
import { weightsOf } from "./engine/cases.js";
import { oneRow } from "./engine/one-row.js";
import { snapshot } from "./engine/snapshot.js";

const MARKERS = ["<tool_call>", "</tool_call>", "агент"];
const SHORT = ["stages[0].steps=3", "stages[0].schedule={ kind: constant, peak: 1e-2 }", "stages[1].steps=2"];

let project: Project;
let base: string;

/** A folder as Hugging Face has them: untied, 304 rows for the 300 tokens of its tokenizer. */
async function writeBase(name: string, seed: number): Promise<string> {
  const folder = join(project.folder, name);
  mkdirSync(folder);
  const { model } = await project.plan("model.padVocabularyTo=16", "model.tied=false");
  const architecture = architectureOf(model, 300);
  const config = toHuggingFaceConfig(architecture, { dtype: "float32", endOfText: 0 });
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, transformers_version: "5.18.0" }));
  const tensors = weightsOf(parameterTable(architecture), seed);
  const parts: Uint8Array[] = [];
  const arrays = tensors.map(({ data }) => data);
  await writeSafetensors(async (bytes) => void parts.push(Uint8Array.from(bytes)), tensors, arrays);
  writeFileSync(join(folder, "model.safetensors"), Buffer.concat(parts));
  copyFileSync(join(project.folder, "data", "tokenizer.json"), join(folder, "tokenizer.json"));
  return folder;
}

function from(folder: string, ...overrides: string[]): string[] {
  return [`model={ from: ${folder} }`, "data.tokenizer=", ...SHORT, ...overrides];
}

function extended(initial = "pieces", ...overrides: string[]): string[] {
  const tokenizer = `data.tokenizer={ add: { tokens: ${JSON.stringify(MARKERS)}, initial: ${initial} } }`;
  return [...from(base), tokenizer, "data.folder=more", ...overrides];
}

const run = async (...overrides: string[]): Promise<TrainOutcome> =>
  train(await project.plan(...overrides), { resume: null, stop: { requested: false }, progress: captured() });

beforeAll(async () => {
  project = await makeProject();
  base = await writeBase("base", 1);
}, 120_000);
afterAll(async () => project[Symbol.asyncDispose]());

describe("model.from", () => {
  it("is the same run as one that writes the numbers, the weights and the tokenizer", async () => {
    const short = await run("run=from", ...from(base));
    const long = await run(
      "run=written",
      ...["model.padVocabularyTo=16", "model.tied=false", ...SHORT],
      `begin={ mode: weights, from: ${base} }`,
      `data.tokenizer={ file: ${base}/tokenizer.json }`,
    );
    expect(bits(short.checkpoint)).toEqual(bits(long.checkpoint));
    const { trainer, config } = await openCheckpoint(short.checkpoint ?? "");
    expect(trainer.base).toEqual({ folder: base, fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(trainer.plan).toMatchObject({ model: { width: 16, from: { folder: base, modelType: "llama" } } });
    expect(config).toMatchObject({ vocab_size: 304, tie_word_embeddings: false });
  });

  it("is shown by `plan`: folder, family, fields that mean nothing here", async () => {
    const out = captured();
    const options = { json: false, measure: false, write: (text: string) => out.write(text) };
    const summary = await plan(await project.plan(...from(base)), options);
    expect(summary.architecture.vocabulary).toBe(304);
    expect(out.text).toContain(`begins     weights of ${base}`);
    expect(out.text).toContain(`from       ${base}, a llama of 304 rows`);
    expect(out.text).toMatch(/without meaning here, in its config.json: .*transformers_version/);
  });

  it("gives only the shape where the plan begins with random weights", async () => {
    const { begin, model } = await project.plan(...from(base, "begin={ mode: scratch }"));
    expect(begin).toEqual({ mode: "scratch" });
    expect(model.width).toBe(16);
  });

  it("is what `eval` and `generate` use, and say so, before the run has a checkpoint", async () => {
    const resolved = await project.plan("run=not-yet", ...from(base));
    const out = captured();
    const options = { tokens: null, json: false, progress: captured(), write: (text: string) => out.write(text) };
    const report = await evaluate(resolved, { ...options, checkpoint: null });
    expect(report).toMatchObject({ checkpoint: base, isBase: true, step: null });
    expect(out.text).toContain("the model that the run begins with: it has no checkpoint yet");
    const told = await evaluate(resolved, { ...options, checkpoint: base });
    expect(told.isBase).toBe(false);
    expect(told.domains).toEqual(report.domains);
  });

  it("may lie elsewhere when the run is resumed, but not be another model", async () => {
    const twin = await writeBase("twin", 1);
    const options = { resume: "auto", stop: { requested: false }, progress: captured() };
    await train(await project.plan("run=moved", ...from(twin)), {
      ...options,
      stop: { requested: true },
      resume: null,
    });
    const stopped = { ...options, stop: { requested: true } };
    const { checkpoint } = await run("run=moves", ...from(twin));
    expect(checkpoint).not.toBeNull();
    renameSync(twin, `${twin}-2`);
    await expect(train(await project.plan("run=moves", ...from(`${twin}-2`)), stopped)).resolves.toMatchObject({
      status: "finished",
    });
    const other = await writeBase("other", 1);
    const config = JSON.parse(readFileSync(join(other, "config.json"), "utf8"));
    writeFileSync(join(other, "config.json"), JSON.stringify({ ...config, bos_token_id: 7 }));
    await expect(train(await project.plan("run=moves", ...from(other)), stopped)).rejects.toThrow(
      /begins with another model than this run did/,
    );
  });

  it("is refused with its line: no folder, another family, keys that it says, rows that are too long", async () => {
    await expect(project.plan("model={ from: nowhere }")).rejects.toThrow(
      /--set model=\{ from: nowhere \} model\.from: .*nowhere\/config\.json: this file is missing/,
    );
    await expect(project.plan(...from(base, "model.width=16", "model.tied=true"))).rejects.toThrow(
      /`width` does not go with `from`[\s\S]*`tied` does not go with `from`/,
    );
    await expect(project.plan(...from(base, "stages[0].sequenceLength=128"))).rejects.toThrow(
      /stages\[0\]\.sequenceLength=128: rows are longer than those that the model[\s\S]*128 tokens, maxLength 64/,
    );
    await expect(project.plan("data.tokenizer=")).rejects.toThrow(/`tokenizer` is missing[\s\S]*model\.from/);
    await expect(project.plan("begin={ mode: weights }")).rejects.toThrow(/begin\.from: `from` is missing/);
  });
});

describe("new tokens", () => {
  beforeAll(async () => {
    const quiet = { workers: 1, skipInvalid: 0, force: false, write: () => {} };
    await prepare(await project.plan(...extended()), quiet);
  }, 120_000);

  it("are in the tokenizer that `prepare` writes, after the old ones, which keep their ids", async () => {
    const before = await loadTokenizer(join(base, "tokenizer.json"));
    for (const encoder of ["auto", "library"] as const) {
      const after = await loadTokenizer(join(project.folder, "more", "tokenizer.json"), { encoder });
      expect(after.vocabulary).toBe(303);
      expect(MARKERS.map((_, index) => after.tokenText(300 + index))).toEqual(MARKERS);
      const text = `plain ${MARKERS[0]}call${MARKERS[1]} text ${MARKERS[2]}`;
      const ids = [...after.encode(text, { specialTokens: "parse" })];
      const parts = ["plain ", "call", " text "].map((part) => [...before.encode(part)]);
      expect(ids).toEqual([...parts[0], 300, ...parts[1], 301, ...parts[2], 302]);
      expect(after.decode(ids)).toBe(text);
      expect([...after.encode("nothing new")]).toEqual([...before.encode("nothing new")]);
    }
  });

  it("begin in the base's padding; old tokens' logits keep their bits, new rows are means of their pieces", async () => {
    const oldTokenizer = await loadTokenizer(join(base, "tokenizer.json"));
    const before = await loadModel(await project.plan("run=none", ...from(base)), null);
    using engineBefore = before.engine;
    // 300 used rows and 4 of padding: three tokens fit.
    const after = await loadModel(await project.plan("run=none", ...extended()), null);
    using engineAfter = after.engine;
    const prompt = [...oldTokenizer.encode("call the object")];
    using one = oneRow(engineBefore, 32);
    using other = oneRow(engineAfter, 32);
    const [logits, grown] = [await one.feed(prompt), await other.feed(prompt)];
    expect(grown.length).toBe(304);
    expect([...grown.subarray(0, 300)]).toEqual([...logits.subarray(0, 300)]);
    const [weights, old] = [await snapshot(engineAfter, "weight"), await snapshot(engineBefore, "weight")];
    for (const name of [EMBEDDING, HEAD]) {
      const [now, then] = [weights, old].map((tensors) => tensors.find((tensor) => tensor.name === name)?.data ?? []);
      for (const [index, marker] of MARKERS.entries()) {
        const ids = [...oldTokenizer.encode(marker)];
        const mean = Array.from({ length: 16 }, (_, at) =>
          Math.fround(ids.reduce((sum, id) => sum + then[16 * id + at], 0) / ids.length),
        );
        expect([...now.slice(16 * (300 + index), 16 * (301 + index))]).toEqual(mean);
      }
      expect([...now.slice(16 * 303)]).toEqual([...then.slice(16 * 303)]);
    }
  });

  it("beyond the base's padding make its matrices grow, to a multiple of `padVocabularyTo`", async () => {
    const tokens = JSON.stringify(["<1>", "<2>", "<3>", "<4>", "<5>"]);
    const overrides = extended("mean", "data.folder=five", `data.tokenizer.add.tokens=${tokens}`);
    const quiet = { workers: 1, skipInvalid: 0, force: false, write: () => {} };
    const resolved = await project.plan(...overrides);
    await prepare(resolved, quiet);
    const { engine } = await loadModel(resolved, null);
    using owned = engine;
    const weights = await snapshot(owned, "weight");
    for (const name of [EMBEDDING, HEAD]) {
      const { shape, data } = weights.find((tensor) => tensor.name === name) ?? { shape: [], data: new Float32Array() };
      expect(shape).toEqual([312, 16]);
      const rows = Array.from({ length: 312 }, (_, row) => [...data.subarray(16 * row, 16 * row + 16)]);
      const sums = rows.slice(0, 300).reduce((sum, row) => sum.map((value, at) => value + row[at]));
      for (const row of rows.slice(300)) expect(row).toEqual(sums.map((sum) => Math.fround(sum / 300)));
    }
  });

  it("train, are saved with their tokenizer, and are there in a run that begins with the checkpoint", async () => {
    const outcome = await run("run=extended", ...extended());
    const folder = outcome.checkpoint ?? "";
    expect((await loadTokenizer(join(folder, "tokenizer.json"))).vocabulary).toBe(303);
    const resolved = await project.plan("run=next", ...from(folder), "data.folder=more");
    expect(resolved.data.tokenizer).toEqual({ kind: "file", path: join(folder, "tokenizer.json"), vocabulary: null });
    const next = await train(resolved, { resume: null, stop: { requested: false }, progress: captured() });
    expect(next.evaluations[0].domains).toEqual(outcome.evaluations.at(-1)?.domains);
    expect(losses(project, "next").size).toBe(5);
    const saved = await wholeTensors((await openCheckpoint(folder)).weights());
    expect(saved.find(({ name }) => name === HEAD)?.shape).toEqual([304, 16]);
    const { completions } = await generate({
      model: { plan: resolved, checkpoint: folder },
      ...{
        prompts: ["call"],
        promptsFile: null,
        messagesFile: null,
        chat: false,
        template: null,
        stops: [],
        tokens: 3,
      },
      ...{ temperature: 0, topK: null, topP: null, seed: 0, json: false, write: () => {}, progress: captured() },
    });
    expect(completions).toHaveLength(1);
  });

  it("are refused: there already, before `prepare`, with a tokenizer that is trained, with moments", async () => {
    const quiet = { workers: 1, skipInvalid: 0, force: false, write: () => {} };
    const again = 'data.tokenizer.add.tokens=["<|endoftext|>"]';
    await expect(prepare(await project.plan(...extended("mean", "data.folder=third", again)), quiet)).rejects.toThrow(
      /the tokenizer has the token "<\|endoftext\|>" already[\s\S]*got: id/,
    );
    await expect(run("run=early", ...extended("mean", 'data.tokenizer.add.tokens=["<x>"]'))).rejects.toThrow(
      /does not have the new tokens of the plan/,
    );
    await expect(project.plan("data.tokenizer.add={ tokens: [x] }")).rejects.toThrow(/`add` goes with a tokenizer/);
    await expect(
      run(
        "run=moments",
        ...extended(),
        `begin={ mode: continue, from: ${project.folder}/checkpoints/from/step-00000005 }`,
      ),
    ).rejects.toThrow(/new tokens have no moments/);
  });
});
