/** The small files of an exported folder. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exported, modelFolder, readJsonFile, SMALL, TOKENIZER } from "./folders.js";

describe("the small files", () => {
  it("keep the source's fields, with the type of the exported weights", async () => {
    const config = { ...readJsonFile(modelFolder(), "config.json"), dtype: "float16", transformers_version: "5.1.0" };
    const folder = modelFolder({ files: { "config.json": config } });
    const { options } = await exported(folder, { verify: "none" });
    const { dtype: _, torch_dtype: __, ...rest } = config as Record<string, unknown>;
    expect(readJsonFile(options.output, "config.json")).toEqual({ ...rest, torch_dtype: "bfloat16" });
  });

  it("say rotary fields in the form that every version reads", async () => {
    const { rope_theta: _, rope_scaling: __, ...config } = readJsonFile(modelFolder(), "config.json");
    const write = async (rope: Record<string, unknown>) => {
      const folder = modelFolder({ files: { "config.json": { ...config, rope_parameters: rope } } });
      const { options } = await exported(folder, { verify: "none" });
      return readJsonFile(options.output, "config.json");
    };
    expect(await write({ rope_theta: 5e5, rope_type: "default" })).toMatchObject({
      rope_theta: 5e5,
      rope_scaling: null,
    });
    const scaling = {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    };
    const scaled = await write({ rope_theta: 5e5, ...scaling });
    expect(scaled).toMatchObject({ rope_theta: 5e5, rope_scaling: scaling });
    expect(scaled).not.toHaveProperty("rope_parameters");
  });

  it("of the tokenizer are copied byte for byte", async () => {
    const files = {
      "tokenizer_config.json": '{ "eos_token":"<|endoftext|>",  "odd": 1 }',
      "special_tokens_map.json": "{}",
      "chat_template.jinja": "{{ messages }}",
      "tokenizer.model": "\u0001binary",
      "README.md": "not this",
    };
    const { options } = await exported(modelFolder({ files }), { verify: "none" });
    const { "README.md": _, ...copied } = { ...files, "tokenizer.json": JSON.stringify(TOKENIZER) };
    for (const [name, text] of Object.entries(copied))
      expect(readFileSync(join(options.output, name), "utf8")).toBe(text);
    expect(readdirSync(options.output).sort()).toEqual(
      ["config.json", "generation_config.json", "model.safetensors", ...Object.keys(copied)].sort(),
    );
  });

  it("get tokenizer settings where the source has none", async () => {
    const { options } = await exported(modelFolder({ files: { "tokenizer_config.json": null } }), { verify: "none" });
    expect(readJsonFile(options.output, "tokenizer_config.json")).toEqual({
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: null,
      eos_token: "<|endoftext|>",
      model_max_length: SMALL.maxLength,
      clean_up_tokenization_spaces: false,
    });
  });

  it.each([
    ["one end", { eos_token_id: 0 }, {}, { eos_token_id: 0 }],
    [
      "a list",
      { eos_token_id: [0, 7], bos_token_id: 3, pad_token_id: 9 },
      {},
      { bos_token_id: 3, eos_token_id: [0, 7], pad_token_id: 9 },
    ],
    [
      "a turn's end of the tokenizer's",
      { eos_token_id: 0 },
      { eos_token: { content: "!" }, bos_token: "A" },
      { bos_token_id: 33, eos_token_id: [0, 1] },
    ],
    ["none", { eos_token_id: null }, { eos_token: null }, {}],
  ])("say where generation ends: %s", async (_, ids, settings, expected) => {
    const config = { ...readJsonFile(modelFolder(), "config.json"), ...ids };
    const folder = modelFolder({
      files: { "config.json": config, "tokenizer_config.json": { eos_token: "<|endoftext|>", ...settings } },
    });
    const { options } = await exported(folder, { verify: "none" });
    expect(readJsonFile(options.output, "generation_config.json")).toEqual({ _from_model_config: true, ...expected });
  });

  it("keep the source's own generation settings", async () => {
    const generation = { temperature: 0.6, eos_token_id: [1, 2] };
    const { options } = await exported(modelFolder({ files: { "generation_config.json": generation } }), {
      verify: "none",
    });
    expect(readJsonFile(options.output, "generation_config.json")).toEqual(generation);
  });

  it("of a tokenizer that is not in tokenizer.json go along with a word about it, and so does a folder that stays behind", async () => {
    const folder = modelFolder({ files: { "tokenizer.json": null, "tokenizer.model": "binary" } });
    mkdirSync(join(folder, "additional_chat_templates"));
    const { report } = await exported(folder, { verify: "none" });
    expect(report.warnings).toEqual([
      `${folder} has no tokenizer.json; tokenizer.model goes along`,
      `${join(folder, "additional_chat_templates")} is not exported`,
    ]);
    expect(report.files).toContain("tokenizer.model");
  });
});
