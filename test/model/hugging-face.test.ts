import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import type { Architecture } from "../../src/model/architecture.js";
import { fromHuggingFaceConfig, modelTypeOf, toHuggingFaceConfig } from "../../src/model/hugging-face.js";
import { llama, llama31With8B, qwen2With05B, variants } from "./architectures.js";

const options = { dtype: "float32", endOfText: 0 } as const;

function written(architecture: Architecture): Record<string, unknown> {
  return JSON.parse(JSON.stringify(toHuggingFaceConfig(architecture, options))) as Record<string, unknown>;
}

function problemsOf(config: unknown): string[] {
  try {
    fromHuggingFaceConfig(config, "base/config.json");
    return [];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    for (const problem of error.problems) expect(problem.where).toBe("base/config.json");
    return error.problems.map((problem) => problem.what);
  }
}

describe("the round trip", () => {
  it.each(Object.entries({ ...variants, llama31With8B, qwen2With05B }))("keeps %s", (name, architecture) => {
    expect(fromHuggingFaceConfig(written(architecture))).toEqual(architecture);
    const type = Object.keys(variants).includes(name) ? name.split(/[ ,]/)[0] : modelTypeOf(architecture);
    expect(written(architecture)["model_type"]).toBe(type);
  });

  it("keeps any architecture that can be written", () => {
    const architectures = fc
      .record({
        kvHeads: fc.integer({ min: 1, max: 8 }),
        groups: fc.integer({ min: 1, max: 4 }),
        half: fc.integer({ min: 1, max: 64 }),
        width: fc.integer({ min: 1, max: 512 }),
        ropeTheta: fc.double({ min: 1, max: 1e7, noNaN: true }),
        normEpsilon: fc.constantFrom(1e-6, 1e-5),
        tied: fc.boolean(),
        feature: fc.constantFrom({}, { qkNorm: true }, { qkvBias: true }, { nopeLayers: [0] }, { nopeLayers: [0, 1] }),
        slidingWindow: fc.option(fc.integer({ min: 1, max: 4096 })),
      })
      .map(({ kvHeads, groups, half, feature, ...rest }) => ({
        ...llama,
        ...rest,
        ...feature,
        kvHeads,
        heads: kvHeads * groups,
        headWidth: 2 * half,
      }));
    fc.assert(
      fc.property(architectures, (architecture) => {
        expect(fromHuggingFaceConfig(written(architecture))).toEqual(architecture);
      }),
    );
  });

  it("refuses to write what no class computes", () => {
    expect(() => toHuggingFaceConfig({ ...llama, qkNorm: true, qkvBias: true }, options)).toThrow("cannot be combined");
  });
});

describe("writing", () => {
  it("names class, type of weights, and what texts begin and end with", () => {
    const config = { architectures: ["LlamaForCausalLM"], torch_dtype: "bfloat16", eos_token_id: 5 };
    expect(toHuggingFaceConfig(llama, { dtype: "bfloat16", endOfText: 5 })).toMatchObject({
      ...config,
      bos_token_id: null,
    });
    expect(toHuggingFaceConfig(llama, { dtype: "bfloat16", endOfText: 5, beginOfText: 4 })).toMatchObject({
      ...config,
      bos_token_id: 4,
    });
  });

  it("uses Mistral where Llama refuses a width that is no multiple of its heads", () => {
    expect(written({ ...llama, width: 30 })).toMatchObject({
      model_type: "mistral",
      sliding_window: null,
      head_dim: 8,
    });
  });

  it("gives the window of Qwen to all of its layers", () => {
    expect(written({ ...llama, qkvBias: true, slidingWindow: 9 })).toMatchObject({
      use_sliding_window: true,
      sliding_window: 9,
      max_window_layers: 0,
    });
  });
});

describe("reading what others wrote", () => {
  it("reads version 5's rotary fields", () => {
    const { rope_theta: _theta, rope_scaling: scaling, ...rest } = written(llama31With8B);
    const config = { ...rest, dtype: "bfloat16", rope_parameters: { ...(scaling as object), rope_theta: 500_000 } };
    expect(fromHuggingFaceConfig(config)).toEqual(llama31With8B);
    const { rope_theta: _, rope_scaling: __, ...plain } = written(llama);
    expect(fromHuggingFaceConfig({ ...plain, rope_parameters: { rope_theta: 10_000, rope_type: "default" } })).toEqual(
      llama,
    );
  });

  it("fills in the defaults of the class", () => {
    const {
      head_dim: _,
      num_key_value_heads: __,
      rope_theta: ___,
      tie_word_embeddings: ____,
      ...config
    } = written(llama);
    expect(fromHuggingFaceConfig(config)).toEqual({ ...llama, kvHeads: 4 });
  });

  it("fills in the defaults of SmolLM3, whose published files say neither", () => {
    const smollm = { ...llama, nopeLayers: [1], tied: true, ropeTheta: 2_000_000 };
    const { rope_theta: _, tie_word_embeddings: __, ...config } = written(smollm);
    expect(fromHuggingFaceConfig({ ...config, max_window_layers: 28 })).toEqual(smollm);
  });

  it("reads layer types when they are all of one kind", () => {
    const sliding = { ...llama, qkNorm: true, slidingWindow: 9 };
    const layers = (kind: string): string[] => [kind, kind];
    expect(
      fromHuggingFaceConfig({ ...written(sliding), max_window_layers: 28, layer_types: layers("sliding_attention") }),
    ).toEqual(sliding);
    const full = { ...sliding, slidingWindow: null };
    expect(fromHuggingFaceConfig({ ...written(full), layer_types: layers("full_attention") })).toEqual(full);
  });

  it("reads where SmolLM3 has no RoPE: 0 in its list, else every fourth layer", () => {
    const { no_rope_layers: _, ...config } = written({ ...llama, layers: 9, nopeLayers: [8] });
    const read = (fields: object): readonly number[] => fromHuggingFaceConfig({ ...config, ...fields }).nopeLayers;
    expect(read({})).toEqual([3, 7]);
    expect(read({ no_rope_layer_interval: 2 })).toEqual([1, 3, 5, 7]);
    expect(read({ no_rope_layers: [0, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0], no_rope_layer_interval: 2 })).toEqual([0, 5]);
    expect(read({ no_rope_layers: new Array(9).fill(1) })).toEqual([]);
  });

  it("ignores a window that Qwen has switched off", () => {
    expect(
      fromHuggingFaceConfig({ ...written({ ...llama, qkvBias: true }), sliding_window: 32_768, max_window_layers: 21 })
        .slidingWindow,
    ).toBeNull();
  });
});

describe("refusals", () => {
  const mistral = { ...llama, slidingWindow: 16 };
  const smollm = { ...llama, nopeLayers: [1] };
  const qwen = { ...llama, qkNorm: true, slidingWindow: 16 };

  it.each<[string, Record<string, unknown>, string]>([
    ["another activation", { ...written(llama), hidden_act: "gelu" }, "hidden_act has a value"],
    ["a bias on the attention output", { ...written(llama), attention_bias: true }, "attention_bias has a value"],
    ["a bias in the feed-forward part", { ...written(llama), mlp_bias: true }, "mlp_bias has a value"],
    ["dropout", { ...written(llama), attention_dropout: 0.1 }, "attention_dropout has a value"],
    [
      "quantised weights",
      { ...written(llama), quantization_config: { bits: 4 } },
      "quantization_config says that the weights are quantised",
    ],
    ["a window in a llama", { ...written(llama), sliding_window: 16 }, "sliding_window is not known"],
    [
      "another rope",
      { ...written(llama), rope_scaling: { type: "yarn", factor: 4 } },
      "rope_scaling.rope_type is not supported",
    ],
    [
      "half-known rope",
      { ...written(llama), rope_scaling: { rope_type: "llama3", factor: 8 } },
      "rope_scaling.low_freq_factor is missing",
    ],
    [
      "partial rope",
      { ...written(llama), rope_parameters: { rope_type: "default", partial_rotary_factor: 0.5 } },
      "rope_parameters.partial_rotary_factor is not known",
    ],
    ["rope that is a list", { ...written(llama), rope_scaling: [] }, "rope_scaling must be an object"],
    ["windows in some layers", { ...written(qwen), max_window_layers: 1 }, "max_window_layers leaves some layers"],
    ["mixed layers", { ...written(qwen), layer_types: ["full_attention", "sliding_attention"] }, "layer_types mixes"],
    ["too few entries", { ...written(smollm), no_rope_layers: [1] }, "no_rope_layers must be a list"],
    ["entries of another kind", { ...written(smollm), no_rope_layers: [1, 2] }, "no_rope_layers must be a list"],
    ["an interval of none", { ...written(smollm), no_rope_layer_interval: 0 }, "no_rope_layer_interval must be"],
    [
      "a window for layers without RoPE only",
      { ...written(smollm), use_sliding_window: true, sliding_window: 9, layer_types: null },
      "layer_types is missing",
    ],
    [
      "a depth beyond reason, with an interval",
      { ...written(smollm), no_rope_layers: null, num_hidden_layers: 1e12 },
      "layers is beyond",
    ],
    ["a number as text", { ...written(llama), hidden_size: "32" }, "hidden_size must be a number"],
    [
      "a broken count",
      { ...written(llama), num_hidden_layers: 2.5 },
      "num_hidden_layers must be a positive whole number",
    ],
    ["a flag as number", { ...written(llama), tie_word_embeddings: 1 }, "tie_word_embeddings must be true or false"],
    ["impossible numbers", { ...written(llama), num_key_value_heads: 3 }, "kvHeads must divide heads"],
    ["a size beyond memory", { ...written(llama), vocab_size: 2 ** 40 }, "too large to hold"],
    ["a depth beyond reason", { ...written(llama), num_hidden_layers: 1e12 }, "layers is beyond"],
  ])("%s", (_name, config, words) => {
    expect(problemsOf(config)).toContainEqual(expect.stringContaining(words));
  });

  it("a mistral that leaves its window to the class's default", () => {
    const { sliding_window: _, ...config } = written(mistral);
    expect(problemsOf(config)).toEqual(["sliding_window is missing"]);
  });

  it.each([null, [], "text", 7, {}, { model_type: "mixtral" }, { model_type: ["llama"] }, { model_type: "toString" }])(
    "%j",
    (config) => {
      expect(problemsOf(config)).toHaveLength(1);
    },
  );

  it("names everything that is wrong at once", () => {
    const { hidden_size: _, ...config } = written(llama);
    expect(problemsOf({ ...config, hidden_act: "relu", router_jitter: 0.1 })).toHaveLength(3);
  });

  it("never crashes: any JSON with a known type gives an architecture or a UserError", () => {
    const names = Object.keys({ ...written(qwen), ...written(smollm) });
    const changes = fc.dictionary(fc.constantFrom(...names, "rope_parameters", "layer_types", "x"), fc.jsonValue());
    fc.assert(
      fc.property(fc.constantFrom(llama, mistral, qwen, smollm), changes, (architecture, change) => {
        problemsOf({ ...written(architecture), ...change });
      }),
      { numRuns: 500 },
    );
  });
});
