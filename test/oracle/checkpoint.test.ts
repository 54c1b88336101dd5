/**
 * Against `transformers`: a checkpoint of a trained run is a Hugging Face folder as it is. Model and tokenizer load from it, the ids agree and
 * so do the logits. Needs torch and transformers in the interpreter that HEPHAESTUS_PYTHON names (default: python3).
 */

import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadTokenizer } from "../../src/data/tokenizer/tokenizer.js";
import { loadModel } from "../../src/train/load-model.js";
import { train } from "../../src/train.js";
import { captured, makeProject, type Project } from "../end-to-end/project.js";
import { oneRow } from "../engine/one-row.js";

const python = process.env["HEPHAESTUS_PYTHON"] ?? "python3";
const probe = spawnSync(python, ["-c", "import torch, transformers"], { encoding: "utf8" });
const missing = probe.status === 0 ? null : `${python} cannot import torch and transformers (set HEPHAESTUS_PYTHON)`;

const TEXT = "agent 12: call get put the bucket with a token.";

/** Loads the folder twice, in float32 and float64, and prints ids, end of text and the logits after the last token. */
const LOAD = `
import json, os, sys
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, text = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
ids = tokenizer(text, add_special_tokens=False)["input_ids"]
logits = {}
for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()
    with torch.no_grad(): logits[name] = model(torch.tensor([ids])).logits[0, -1].double().tolist()
print(json.dumps({"ids": ids, "end": tokenizer.eos_token_id, **logits}))
`;

interface Loaded {
  readonly ids: readonly number[];
  readonly end: number;
  readonly float32: readonly number[];
  readonly float64: readonly number[];
}

describe.skipIf(missing !== null)(missing ?? "a trained checkpoint in transformers", () => {
  let project: Project;
  beforeAll(async () => {
    project = await makeProject();
  });
  afterAll(async () => project[Symbol.asyncDispose]());

  it.each([
    ["Llama", []],
    ["Qwen2, biases on q, k, v", ["model.qkvBias=true"]],
    ["Qwen3, normalised heads, untied", ["model.qkNorm=true", "model.tied=false"]],
    ["Mistral, sliding window", ["model.slidingWindow=8"]],
    ["SmolLM3, a layer without RoPE", ["model.rope.nopeInterval=2"]],
  ])("%s: same ids, same logits to float32", async (name, overrides) => {
    const plan = await project.plan(`run=run-${name.split(",")[0]}`, ...overrides);
    const { checkpoint } = await train(plan, { resume: null, stop: { requested: false }, progress: captured() });
    const { stdout, stderr } = spawnSync(python, ["-c", LOAD, checkpoint ?? "", TEXT], { encoding: "utf8" });
    expect(stdout, stderr).toMatch(/^\{/m);
    const theirs: Loaded = JSON.parse(stdout.slice(stdout.indexOf("{")));

    const tokenizer = await loadTokenizer(plan.data.tokenizer.path);
    const ids = [...tokenizer.encode(TEXT)];
    expect(theirs.ids).toEqual(ids);
    expect(theirs.end).toBe(tokenizer.endOfText);

    const model = await loadModel(plan, checkpoint);
    using engine = model.engine;
    using session = oneRow(engine, ids.length);
    const ours = await session.feed(ids);
    const error = (values: ArrayLike<number>) =>
      Math.max(...theirs.float64.map((exact, id) => Math.abs(values[id] - exact)));
    // Float32 may round as it likes, but not worse than twice what transformers itself loses in float32.
    expect(ours.length).toBe(theirs.float64.length);
    expect(error(ours)).toBeLessThanOrEqual(2 * error(theirs.float32));
  });
});
