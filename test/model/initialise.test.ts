import { describe, expect, it } from "vitest";
import { sizeOf } from "../../src/base/dims.js";
import { streamOf } from "../../src/base/random.js";
import { type InitialTensor, initialWeights } from "../../src/model/initialise.js";
import { type Parameter, parameterTable } from "../../src/model/parameters.js";
import { llama, llama31With8B } from "./architectures.js";

const table = parameterTable({ ...llama, qkvBias: true });

function byName(tensors: Iterable<InitialTensor>): Map<string, Float32Array> {
  return new Map([...tensors].map((tensor) => [tensor.name, valuesOf(tensor)]));
}

function valuesOf({ shape, pieces }: InitialTensor): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  let at = 0;
  for (const piece of pieces()) {
    values.set(piece, at);
    at += piece.length;
  }
  expect(at).toBe(values.length);
  return values;
}

describe("initialWeights", () => {
  const weights = byName(initialWeights(table, 7));

  it("gives every parameter once, in the table's order and shape", () => {
    const tensors = [...initialWeights(table, 7)];
    expect(tensors.map(({ name, kind, shape }) => ({ name, kind, shape }))).toEqual(
      table.map(({ name, shape }) => ({ name, kind: "weight", shape })),
    );
    for (const tensor of tensors) expect(valuesOf(tensor).length).toBe(sizeOf(tensor.shape));
  });

  it("is the same for the same seed and differs for another", () => {
    expect(byName(initialWeights(table, 7))).toEqual(weights);
    const other = byName(initialWeights(table, 8));
    expect(other.get("lm_head.weight")).not.toEqual(weights.get("lm_head.weight"));
  });

  it("depends on the name, not on the other parameters", () => {
    const alone = table.filter((parameter) => parameter.name === "model.layers.1.mlp.up_proj.weight");
    expect(valuesOf(initialWeights(alone, 7)[0])).toEqual(weights.get("model.layers.1.mlp.up_proj.weight"));
    expect(weights.get("model.layers.0.mlp.up_proj.weight")).not.toEqual(
      weights.get("model.layers.1.mlp.up_proj.weight"),
    );
  });

  it("depends on the index, not on the extent: a padded vocabulary keeps the rows it had", () => {
    const padded = byName(initialWeights(parameterTable({ ...llama, vocabulary: 128 }), 7));
    const name = "model.embed_tokens.weight";
    const before = weights.get(name) ?? new Float32Array();
    expect(padded.get(name)?.subarray(0, before.length)).toEqual(before);
  });

  it("starts norms at one and biases at zero", () => {
    expect(weights.get("model.norm.weight")?.every((value) => value === 1)).toBe(true);
    expect(weights.get("model.layers.0.self_attn.q_proj.bias")?.every((value) => value === 0)).toBe(true);
  });

  it.each([1, 0.02])("has mean 0 and deviation %d", (deviation) => {
    const size = 90_000;
    const parameter: Parameter = { name: "x", shape: [300, 300], decays: true, initial: { kind: "normal", deviation } };
    const data = valuesOf(initialWeights([parameter], 3)[0]);
    const mean = data.reduce((sum, x) => sum + x, 0) / size;
    const variance = data.reduce((sum, x) => sum + x * x, 0) / size;
    // Five deviations of the two estimates: σ/√n and σ²·√(2/n).
    expect(Math.abs(mean)).toBeLessThan((5 * deviation) / Math.sqrt(size));
    expect(Math.abs(variance - deviation ** 2)).toBeLessThan(5 * deviation ** 2 * Math.sqrt(2 / size));
  });

  it("has no two parameters of a real model on one stream", () => {
    const names = parameterTable({ ...llama31With8B, layers: 128 }).map((parameter) => `initial ${parameter.name}`);
    expect(new Set(names.map(streamOf)).size).toBe(names.length);
  });
});
