/**
 * Against `transformers`: the config.json that we write builds a model with exactly our parameters, and what `transformers` writes from
 * it reads back as the same architecture. Needs torch and transformers in the interpreter that HEPHAESTUS_PYTHON names (default: python3).
 */
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { fromHuggingFaceConfig, toHuggingFaceConfig } from "../../src/model/hugging-face.js";
import { parameterTable } from "../../src/model/parameters.js";
import { llama31With8B, qwen2With05B, variants } from "../model/architectures.js";

const python = process.env["HEPHAESTUS_PYTHON"] ?? "python3";
const probe = spawnSync(python, ["-c", "import torch, transformers"], { encoding: "utf8" });
const missing = probe.status === 0 ? null : `${python} cannot import torch and transformers (set HEPHAESTUS_PYTHON)`;

/** Builds every model without memory (meta device); tied tensors are listed once, as `named_parameters` does. */
const BUILD = `
import json, os, sys, tempfile
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from transformers import AutoConfig, AutoModelForCausalLM
found = {}
for name, fields in json.load(sys.stdin).items():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "config.json"), "w") as file: json.dump(fields, file)
        config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"): model = AutoModelForCausalLM.from_config(config)
    kinds = getattr(config, "layer_types", None)
    found[name] = {
        "class": type(model).__name__,
        "parameters": {key: list(value.shape) for key, value in model.named_parameters()},
        "window": getattr(config, "sliding_window", None),
        "kinds": None if kinds is None else sorted(set(kinds)),
        "epsilon": model.model.norm.variance_epsilon,
        "config": json.loads(config.to_json_string()),
    }
print(json.dumps(found))
`;

interface Built {
  readonly class: string;
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly window: number | null;
  readonly kinds: readonly string[] | null;
  readonly epsilon: number;
  readonly config: unknown;
}

const architectures = { ...variants, "Llama-3.1-8B": llama31With8B, "Qwen2-0.5B": qwen2With05B };

describe.skipIf(missing !== null)(missing ?? "transformers", () => {
  const configs = Object.fromEntries(
    Object.entries(architectures).map(([name, it]) => [
      name,
      toHuggingFaceConfig(it, { dtype: "float32", endOfText: 0 }),
    ]),
  );
  const { stdout, stderr } =
    missing === null
      ? spawnSync(python, ["-c", BUILD], { input: JSON.stringify(configs), encoding: "utf8", maxBuffer: 1 << 26 })
      : { stdout: "{}", stderr: "" };
  const built = (stdout === "" ? {} : JSON.parse(stdout)) as Record<string, Built>;

  it.each(Object.entries(architectures))("%s", (name, architecture) => {
    const model = built[name];
    if (model === undefined) throw new Error(stderr);
    const ours = Object.fromEntries(parameterTable(architecture).map((parameter) => [parameter.name, parameter.shape]));
    expect(model.parameters).toEqual(ours);
    expect([model.class]).toEqual(configs[name]?.["architectures"]);
    expect(model.window).toBe(architecture.slidingWindow);
    if (model.kinds !== null)
      expect(model.kinds).toEqual([architecture.slidingWindow === null ? "full_attention" : "sliding_attention"]);
    expect(model.epsilon).toBe(architecture.normEpsilon);
    expect(fromHuggingFaceConfig(model.config)).toEqual(architecture);
  });
});
