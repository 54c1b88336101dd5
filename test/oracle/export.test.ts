/**
 * Against `transformers`: what we export loads there, model and tokenizer, with our logits; what it saves exports to the same bytes; and a merge
 * is what torch computes. Needs torch and transformers in the interpreter that HEPHAESTUS_PYTHON names (default: python3).
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exportModel } from "../../src/export/export.js";
import { mergedModel } from "../../src/export/merge.js";
import { openModel } from "../../src/export/model.js";
import { probeLogits, probeRows } from "../../src/export/probe.js";
import { newFolder } from "../checkpoint/content.js";
import { exportOptions, modelFolder, rawTensors, SMALL } from "../export/folders.js";
import { variants } from "../model/architectures.js";

const python = process.env["HEPHAESTUS_PYTHON"] ?? "python3";
const probe = spawnSync(python, ["-c", "import torch, transformers"], { encoding: "utf8" });
const missing = probe.status === 0 ? null : `${python} cannot import torch and transformers (set HEPHAESTUS_PYTHON)`;

function ask<Answer>(script: string, ...args: string[]): Answer {
  const env = { ...process.env, HF_HUB_OFFLINE: "1" };
  const { stdout, stderr } = spawnSync(python, ["-c", script, ...args], { encoding: "utf8", env, maxBuffer: 2 ** 28 });
  expect(stdout, stderr).toMatch(/^\{/m);
  return JSON.parse(stdout.slice(stdout.search(/^\{/m)));
}

/** Loads a folder and prints the logits after the rows in float32 and float64, the type it keeps by itself, ids of a text, and the ends. */
const LOAD = `
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
folder, rows, text = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
tokenizer = AutoTokenizer.from_pretrained(folder)
answer = {"ids": tokenizer(text, add_special_tokens=False)["input_ids"], "text": None, "eos": tokenizer.eos_token_id}
answer["text"] = tokenizer.decode(answer["ids"])
answer["generation"] = GenerationConfig.from_pretrained(folder).eos_token_id
answer["dtype"] = str(AutoModelForCausalLM.from_pretrained(folder).dtype)
for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
    model, loading = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", output_loading_info=True)
    answer["missing"] = sorted(map(str, loading["missing_keys"])) + sorted(map(str, loading["unexpected_keys"]))
    with torch.no_grad():
        answer[name] = [model.eval()(torch.tensor([row])).logits[0, -1].double().tolist() for row in rows]
print(json.dumps(answer))
`;

interface Loaded {
  readonly ids: readonly number[];
  readonly text: string;
  readonly eos: number;
  readonly generation: number;
  readonly dtype: string;
  readonly missing: readonly string[];
  readonly float32: readonly (readonly number[])[];
  readonly float64: readonly (readonly number[])[];
}

const KINDS = ["llama", "llama, tied", "llama, scaled rope", "mistral", "qwen2", "qwen3"].map((kind) => {
  const { vocabulary } = SMALL;
  return [kind, { ...variants[kind], vocabulary }] as const;
});

describe.skipIf(missing !== null)(missing ?? "exported folders in transformers", () => {
  it.each(KINDS)("%s: loads in bf16 with our logits, tokenizer and ends", async (_, architecture) => {
    const folder = modelFolder({ architecture, files: { "tokenizer_config.json": null } });
    const options = exportOptions({ maxShardBytes: 20_000 });
    await exportModel(await openModel(folder), [folder], options);
    const rows = probeRows(architecture);
    const theirs = ask<Loaded>(LOAD, options.output, JSON.stringify(rows), "the end of the test");
    expect(theirs).toMatchObject({
      missing: [],
      dtype: "torch.bfloat16",
      eos: 0,
      generation: 0,
      text: "the end of the test",
    });

    using engine = await options.openEngine(architecture);
    const ours = await probeLogits(engine, await openModel(options.output));
    for (const [row, exact] of theirs.float64.entries()) {
      const error = (values: ArrayLike<number>) => Math.max(...exact.map((value, id) => Math.abs(values[id] - value)));
      // Float32 may round as it likes, but not worse than twice what transformers itself loses in float32.
      expect(error(ours[row]), `row ${row}`).toBeLessThanOrEqual(2 * error(theirs.float32[row]));
    }
  });
});

/** Saves a random model of a folder's configuration in a type, and in small files. */
const SAVE = `
import json, sys, torch
from transformers import AutoConfig, AutoModelForCausalLM
config, folder, dtype = sys.argv[1:]
torch.manual_seed(1)
model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(config)).to(getattr(torch, dtype))
model.save_pretrained(folder, max_shard_size="20KB")
print("{}")
`;

describe.skipIf(missing !== null)(missing ?? "folders of transformers", () => {
  it.each(KINDS)("%s: bf16 in files of any number export to the same bytes", async (_, architecture) => {
    const saved = join(newFolder(), "saved");
    mkdirSync(saved);
    ask(SAVE, modelFolder({ architecture }), saved, "bfloat16");
    const options = exportOptions({ verify: "tensors" });
    await exportModel(await openModel(saved), [saved], options);
    const { "lm_head.weight": head, ...tensors } = rawTensors(saved);
    expect(rawTensors(options.output)).toEqual(architecture.tied ? tensors : { ...tensors, "lm_head.weight": head });
  });
});

/** Prints the largest difference of an interpolated folder from torch's, in units of its own float32 rounding. */
const INTERPOLATED = `
import json, sys, torch
from safetensors.torch import load_file
base, tuned, found = (load_file(f"{folder}/model.safetensors") for folder in sys.argv[1:4])
alpha = float(sys.argv[4])
exact = {name: torch.lerp(base[name].double(), tuned[name].double(), alpha) for name in found}
print(json.dumps({"names": sorted(found) == sorted(base), "wrong": [
    name for name in found if not torch.equal(found[name], exact[name].float())]}))
`;

describe.skipIf(missing !== null)(missing ?? "merged folders in torch", () => {
  it("interpolate as torch does in float64", async () => {
    const [base, tuned] = [1, 2].map((seed) => modelFolder({ seed }));
    const options = exportOptions({ dtype: "F32", verify: "tensors" });
    const model = mergedModel([await openModel(base), await openModel(tuned)], { kind: "interpolate", alpha: 0.25 });
    await exportModel(model, [base, tuned], options);
    // A quarter and three quarters of float32 numbers, and their sums, are exact in float64: nothing but the last rounding is left.
    expect(ask(INTERPOLATED, base, tuned, options.output, "0.25")).toEqual({ names: true, wrong: [] });
  });
});
