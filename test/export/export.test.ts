/** Exported folders: tensors bit for bit, the small files, proof by reading back, and nothing left when something is wrong. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { messageOf, UserError } from "../../src/base/errors.js";
import type { Engine } from "../../src/engine/engine.js";
import { createEngine } from "../../src/engine/select.js";
import { type ExportOptions, exportModel } from "../../src/export/export.js";
import { type Model, openModel } from "../../src/export/model.js";
import { fromHuggingFaceConfig } from "../../src/model/hugging-face.js";
import { AWKWARD_BITS } from "../checkpoint/content.js";
import { variants } from "../model/architectures.js";
import {
  bf16Of,
  type Dtype,
  exported,
  exportOptions,
  modelFolder,
  rawTensors,
  readJsonFile,
  SMALL,
} from "./folders.js";

/** What an export that must fail says; that nothing is left is checked. */
async function refusalOf(folder: string, changes: Partial<ExportOptions> = {}, model?: Model): Promise<string> {
  const options = exportOptions(changes);
  const error: unknown = await openModel(folder)
    .then((own) => exportModel(model ?? own, [folder], options))
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  expect(readdirSync(dirname(options.output))).toEqual(["beside"]);
  return messageOf(error);
}

const bytesOf = (values: Float32Array) =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("hex");

describe("tensors", () => {
  it.each<[Dtype, "F32" | "BF16"]>([
    ["BF16", "BF16"],
    ["F32", "F32"],
  ])("from %s to %s are byte-identical", async (from, to) => {
    const folder = modelFolder({ dtype: from });
    const { options } = await exported(folder, { dtype: to });
    expect(rawTensors(options.output)).toEqual(rawTensors(folder));
  });

  it("from F16 to F32 keep their values", async () => {
    const folder = modelFolder({ dtype: "F16" });
    const { options } = await exported(folder, { dtype: "F32", verify: "tensors" });
    const [before, after] = [rawTensors(folder), rawTensors(options.output)];
    for (const [name, { bytes }] of Object.entries(before)) {
      const halves = new Uint16Array(Uint8Array.from(Buffer.from(bytes, "hex")).buffer);
      // Patterns below 1 by the definition of binary16.
      const values = Float32Array.from(halves, (half) => {
        const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
        const size = exponent === 0 ? fraction * 2 ** -24 : 2 ** (exponent - 25) * (1024 + fraction);
        return half >> 15 === 1 ? -size : size;
      });
      expect(after[name].bytes, name).toBe(bytesOf(values));
    }
  });

  it("from F32 to BF16 are rounded, and the report says how far that moves the model", async () => {
    const given = new Map<string, Float32Array>();
    const folder = modelFolder({ values: ({ name }, values) => given.set(name, values).get(name) ?? values });
    const { options, report } = await exported(folder);
    const after = rawTensors(options.output);
    expect(Object.keys(after).sort()).toEqual([...given.keys()].sort());
    for (const [name, values] of given) {
      const upper = new Uint32Array(bf16Of(values).buffer).map((word) => word >>> 16);
      expect(after[name]).toMatchObject({ dtype: "BF16", bytes: bytesOfHalves(upper) });
    }
    expect(report).toMatchObject({ verified: "logits", engine: "tfjs-cpu", warnings: [] });
    expect(report.drift?.logit).toBeGreaterThan(0);
    expect(report.drift?.divergence).toBeGreaterThan(0);
    const again = await exported(options.output);
    expect(again.report.drift).toEqual({ logit: 0, divergence: 0 });
  });

  it("keep zeros' signs, infinities and NaNs, which the report names", async () => {
    const folder = modelFolder({
      values: ({ name }, values) => {
        if (name === "model.norm.weight") new Uint32Array(values.buffer).set(AWKWARD_BITS);
        return values;
      },
    });
    const { options, report } = await exported(folder, { dtype: "F32", verify: "tensors" });
    expect(rawTensors(options.output)).toEqual(rawTensors(folder));
    expect(report.warnings).toEqual(['tensor "model.norm.weight" has 6 values that are infinite or not numbers']);
  });

  it("that bf16 cannot hold are refused by name and place", async () => {
    const folder = modelFolder({
      values: ({ name }, values) => (name === "model.norm.weight" ? values.fill(3.4e38, 3, 4) : values),
    });
    expect(await refusalOf(folder)).toMatch(/element 3 of tensor "model.norm.weight" is too large for bf16[\s\S]*f32/);
    await exported(folder, { dtype: "F32", verify: "tensors" });
  });

  it("are spread over numbered files with an index, and read back from them", async () => {
    const folder = modelFolder({ architecture: { ...SMALL, tied: true } });
    const whole = await exported(folder, { dtype: "F32" });
    const { options, report } = await exported(folder, { dtype: "F32", maxShardBytes: 4000 });
    const files = report.files.filter((name) => name.endsWith(".safetensors"));
    expect(files.length).toBeGreaterThan(2);
    expect(files).toEqual(files.map((_, i) => `model-0000${i + 1}-of-0000${files.length}.safetensors`));
    const tensors = rawTensors(options.output);
    expect(tensors).toEqual(rawTensors(whole.options.output));
    expect(tensors).not.toHaveProperty(["lm_head.weight"]);
    const total = Object.values(tensors).reduce((sum, { bytes }) => sum + bytes.length / 2, 0);
    const index = readJsonFile(options.output, "model.safetensors.index.json");
    expect(index.metadata).toEqual({ total_size: total });
    expect(Object.keys(index.weight_map as object).sort()).toEqual(Object.keys(tensors).sort());
    const again = await exported(options.output, { dtype: "F32" });
    expect(rawTensors(again.options.output)).toEqual(tensors);
  });

  it.each(Object.entries(variants))("of %s round-trip with their configuration", async (_, architecture) => {
    const files = { "tokenizer.json": null };
    const folder = modelFolder({ architecture, dtype: "BF16", files });
    const { options, report } = await exported(folder, { verify: "tensors" });
    expect(rawTensors(options.output)).toEqual(rawTensors(folder));
    expect(fromHuggingFaceConfig(readJsonFile(options.output, "config.json"))).toEqual(architecture);
    expect(report.warnings[0]).toMatch(/has no tokenizer\.json: the export has no tokenizer/);
  });
});

describe("folders that transformers wrote (golden, made by scripts/golden)", () => {
  const golden = join(import.meta.dirname, "../golden/families");
  const families = readdirSync(golden).filter((name) => existsSync(join(golden, name, "model.safetensors")));

  it.each(families)("%s: every tensor keeps its bytes, and the architecture what it is", async (family) => {
    const folder = join(golden, family);
    const { "lm_head.weight": head, ...tensors } = rawTensors(folder);
    const dtypes = new Set(Object.values(tensors).map(({ dtype }) => dtype));
    expect([...dtypes]).toEqual([expect.stringMatching(/^(BF16|F32)$/)]);
    const { options } = await exported(folder, { dtype: dtypes.has("BF16") ? "BF16" : "F32", verify: "tensors" });
    const { architecture } = await openModel(folder);
    expect(rawTensors(options.output)).toEqual(architecture.tied ? tensors : { ...tensors, "lm_head.weight": head });
    expect((await openModel(options.output)).architecture).toEqual(architecture);
  });
});

function bytesOfHalves(halves: Uint32Array): string {
  return Buffer.from(Uint16Array.from(halves).buffer).toString("hex");
}

describe("proof", () => {
  /** A model whose values change when a tensor is read for the `time`-th time. */
  function changing(model: Model, time: number): Model {
    let reads = 0;
    const tensors = model.tensors.map((tensor) => ({
      ...tensor,
      async *values() {
        const altered = tensor.name === "model.norm.weight" && ++reads === time;
        for await (const piece of tensor.values()) yield altered ? piece.with(5, 8) : piece;
      },
    }));
    return { ...model, tensors };
  }

  it("names the tensor and the element that do not read back, and leaves nothing", async () => {
    const folder = modelFolder({ dtype: "BF16" });
    const model = await openModel(folder);
    const refusal = await refusalOf(folder, {}, changing(model, 2));
    expect(refusal).toMatch(
      /tensor "model.norm.weight" is not read back as it was written, from element 5 on[\s\S]*expected: 8\n/,
    );
    await exported(folder, { verify: "none" });
  });

  it("names the logit that the files do not give, and leaves nothing", async () => {
    const folder = modelFolder();
    const refusal = await refusalOf(folder, {}, changing(await openModel(folder), 3));
    expect(refusal).toMatch(/other logits, first that of token 0 after probe row 0/);
  });

  it("sees a change in the last row of the head alone", async () => {
    const refusal = await refusalOf(modelFolder(), {
      openEngine: async (architecture) => {
        const { engine } = await createEngine(architecture, undefined, { kind: "tfjs-cpu" });
        let loads = 0;
        const load: Engine["load"] = (tensors) => {
          const altered = ++loads === 2;
          const given = [...tensors].map((each) =>
            altered && each.name === "lm_head.weight" && "data" in each
              ? { ...each, data: each.data.with(-1, 9) }
              : each,
          );
          return engine.load(given);
        };
        return new Proxy(engine, {
          get: (target, key) => {
            const value: unknown = key === "load" ? load : Reflect.get(target, key);
            return typeof value === "function" ? value.bind(target) : value;
          },
        });
      },
    });
    expect(refusal).toMatch(new RegExp(`first that of token ${SMALL.vocabulary - 1} after`));
  });
});

describe("refusals, which leave nothing", () => {
  it("of a damaged or foreign source", async () => {
    const cut = modelFolder();
    const weights = readFileSync(join(cut, "model.safetensors"));
    for (const end of [0, 7, 100, weights.length / 2, weights.length - 1]) {
      writeFileSync(join(cut, "model.safetensors"), weights.subarray(0, end));
      expect(await refusalOf(cut)).toMatch(/too short|header|shorter/);
    }
    const grown = modelFolder();
    const config = { ...readJsonFile(grown, "config.json"), vocab_size: 300, num_hidden_layers: 3 };
    writeFileSync(join(grown, "config.json"), JSON.stringify(config));
    expect(await refusalOf(grown)).toMatch(
      /embed_tokens.weight" has another shape[\s\S]*\[300, 16\][\s\S]*layers.2.input_layernorm.weight" is missing/,
    );
    expect(await refusalOf(modelFolder({ files: { "tokenizer.json": "{}" } }))).toMatch(/no tokenizer model/);
    expect(await refusalOf(modelFolder({ files: { "tokenizer_config.json": "[]" } }))).toMatch(/JSON object/);
    expect(await refusalOf(modelFolder({ files: { "generation_config.json": "{" } }))).toMatch(/not valid JSON/);
    expect(await refusalOf(modelFolder({ files: { "config.json": null } }))).toMatch(/missing|cannot read/);
  });

  it("of a tokenizer with more ids than the model has rows", async () => {
    const folder = modelFolder({ architecture: { ...SMALL, vocabulary: 256 } });
    expect(await refusalOf(folder)).toMatch(/ids that the model has no embedding for[\s\S]*below 256[\s\S]*up to \d+/);
  });

  it("of an output that is there, unless it is an exported folder and --force is given", async () => {
    const folder = modelFolder();
    const { options } = await exported(folder, { verify: "none" });
    const model = await openModel(folder);
    const write = (changes: Partial<ExportOptions>) => exportModel(model, [folder], { ...options, ...changes });
    await expect(write({})).rejects.toThrow(/this is there already[\s\S]*--force/);
    writeFileSync(join(options.output, "stale.txt"), "");
    await write({ force: true, dtype: "F32" });
    expect(existsSync(join(options.output, "stale.txt"))).toBe(false);
    expect(readJsonFile(options.output, "config.json")).toMatchObject({ torch_dtype: "float32" });
    expect(readdirSync(dirname(options.output)).sort()).toEqual(["beside", "out"]);

    await expect(write({ force: true, output: folder })).rejects.toThrow(/it is read to make the new one/);
    writeFileSync(join(options.output, "manifest.json"), "{}");
    await expect(write({ force: true })).rejects.toThrow(/checkpoint of a run/);
    const beside = join(dirname(options.output), "beside");
    await expect(write({ force: true, output: beside })).rejects.toThrow(/no config\.json/);
    mkdirSync(join(beside, "deeper"));
    await expect(write({ force: true, output: beside })).rejects.toThrow(/not a plain file/);
    const file = join(beside, "file");
    writeFileSync(file, "");
    await expect(write({ force: true, output: file })).rejects.toThrow(/not a folder/);
    await expect(write({ output: join(file, "out") })).rejects.toThrow(/cannot be looked at|file is where/);
  });

  it("takes back the folders that it made on the way", async () => {
    const folder = modelFolder({
      values: ({ name }, values) => (name === "model.norm.weight" ? values.fill(3.4e38) : values),
    });
    const options = exportOptions();
    const output = join(dirname(options.output), "new", "deep", "out");
    await expect(exportModel(await openModel(folder), [folder], { ...options, output })).rejects.toThrow(/too large/);
    expect(existsSync(join(dirname(options.output), "new"))).toBe(false);
  });
});
