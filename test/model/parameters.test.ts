import { describe, expect, it } from "vitest";
import { countParameters, type Parameter, parameterTable } from "../../src/model/parameters.js";
import { llama, llama31With8B, qwen2With05B, variants } from "./architectures.js";

function find(table: readonly Parameter[], name: string): Parameter {
  const found = table.find((parameter) => parameter.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

describe("parameterTable", () => {
  it("lists a llama in the order of computation with Hugging Face's names and shapes", () => {
    const layer = (index: number): [string, number[]][] => [
      [`model.layers.${index}.input_layernorm.weight`, [32]],
      [`model.layers.${index}.self_attn.q_proj.weight`, [32, 32]],
      [`model.layers.${index}.self_attn.k_proj.weight`, [16, 32]],
      [`model.layers.${index}.self_attn.v_proj.weight`, [16, 32]],
      [`model.layers.${index}.self_attn.o_proj.weight`, [32, 32]],
      [`model.layers.${index}.post_attention_layernorm.weight`, [32]],
      [`model.layers.${index}.mlp.gate_proj.weight`, [48, 32]],
      [`model.layers.${index}.mlp.up_proj.weight`, [48, 32]],
      [`model.layers.${index}.mlp.down_proj.weight`, [32, 48]],
    ];
    expect(parameterTable(llama).map(({ name, shape }) => [name, shape])).toEqual([
      ["model.embed_tokens.weight", [64, 32]],
      ...layer(0),
      ...layer(1),
      ["model.norm.weight", [32]],
      ["lm_head.weight", [64, 32]],
    ]);
  });

  it("has biases after their matrices, norms of q and k before the output, no head when tied", () => {
    const names = (key: string): string[] => parameterTable(variants[key] ?? llama).map((parameter) => parameter.name);
    const attention = (key: string): string[] =>
      names(key).flatMap((name) => /^model\.layers\.0\.self_attn\.(.*)$/.exec(name)?.[1] ?? []);
    expect(attention("qwen2")).toEqual([
      ...[
        "q_proj.weight",
        "q_proj.bias",
        "k_proj.weight",
        "k_proj.bias",
        "v_proj.weight",
        "v_proj.bias",
        "o_proj.weight",
      ],
    ]);
    expect(attention("qwen3")).toEqual([
      ...["q_proj.weight", "k_proj.weight", "v_proj.weight", "q_norm.weight", "k_norm.weight", "o_proj.weight"],
    ]);
    expect(names("llama")).toContain("lm_head.weight");
    expect(names("llama, tied")).not.toContain("lm_head.weight");
  });

  it("follows a head width that is not width / heads", () => {
    const table = parameterTable({ ...llama, qkNorm: true, headWidth: 12 });
    expect(find(table, "model.layers.1.self_attn.q_proj.weight").shape).toEqual([48, 32]);
    expect(find(table, "model.layers.1.self_attn.k_proj.weight").shape).toEqual([24, 32]);
    expect(find(table, "model.layers.1.self_attn.o_proj.weight").shape).toEqual([32, 48]);
    expect(find(table, "model.layers.1.self_attn.k_norm.weight").shape).toEqual([12]);
  });

  it.each(Object.entries(variants))("has unique names and decays exactly the matrices: %s", (_name, architecture) => {
    const table = parameterTable(architecture);
    expect(new Set(table.map((parameter) => parameter.name)).size).toBe(table.length);
    for (const { shape, decays, name } of table) expect([name, decays]).toEqual([name, shape.length === 2]);
  });

  it("starts norms at one, biases at zero, residual outputs at deviation/√(2L)", () => {
    const table = parameterTable({ ...llama, qkvBias: true, layers: 8 }, 0.04);
    const layer = "model.layers.7";
    expect(find(table, "model.norm.weight").initial).toEqual({ kind: "ones" });
    expect(find(table, `${layer}.self_attn.k_proj.bias`).initial).toEqual({ kind: "zeros" });
    for (const name of ["model.embed_tokens.weight", "lm_head.weight", `${layer}.mlp.up_proj.weight`])
      expect(find(table, name).initial).toEqual({ kind: "normal", deviation: 0.04 });
    for (const name of [`${layer}.self_attn.o_proj.weight`, `${layer}.mlp.down_proj.weight`])
      expect(find(table, name).initial).toEqual({ kind: "normal", deviation: 0.01 });
  });
});

describe("countParameters", () => {
  it("gives the published sizes of real models", () => {
    // The counts that `transformers` reports for these two models.
    expect(countParameters(parameterTable(llama31With8B))).toBe(8_030_261_248);
    expect(countParameters(parameterTable(qwen2With05B))).toBe(494_032_768);
  });
});
