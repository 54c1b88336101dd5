/** Fields that published models' `config.json` have, with the values that matter: every family is read as what it is. */
import { describe, expect, it } from "vitest";
import type { Architecture } from "../../src/model/architecture.js";
import { fromHuggingFaceConfig, ignoredFields } from "../../src/model/hugging-face.js";

const shared = {
  attention_dropout: 0.0,
  hidden_act: "silu",
  initializer_range: 0.02,
  torch_dtype: "bfloat16",
  transformers_version: "4.40.0",
  use_cache: true,
};
const llama = { ...shared, architectures: ["LlamaForCausalLM"], model_type: "llama", pretraining_tp: 1 };
const mistral = {
  ...shared,
  ...{ architectures: ["MistralForCausalLM"], model_type: "mistral", bos_token_id: 1, eos_token_id: 2 },
  ...{ hidden_size: 4096, intermediate_size: 14_336, max_position_embeddings: 32_768, num_attention_heads: 32 },
  ...{ num_hidden_layers: 32, num_key_value_heads: 8, rms_norm_eps: 1e-5, tie_word_embeddings: false },
};
const llama3Scaling = (factor: number) => ({
  ...{ factor, high_freq_factor: 4.0, low_freq_factor: 1.0, original_max_position_embeddings: 8192 },
  rope_type: "llama3",
});

const PUBLISHED: Readonly<Record<string, [config: Record<string, unknown>, expected: Partial<Architecture>]>> = {
  "Llama-2-7b": [
    {
      ...llama,
      ...{ _name_or_path: "meta-llama/Llama-2-7b-hf", bos_token_id: 1, eos_token_id: 2, torch_dtype: "float16" },
      ...{ hidden_size: 4096, intermediate_size: 11_008, max_position_embeddings: 4096, num_attention_heads: 32 },
      ...{ num_hidden_layers: 32, num_key_value_heads: 32, rms_norm_eps: 1e-5, rope_scaling: null },
      ...{ tie_word_embeddings: false, vocab_size: 32_000 },
    },
    { vocabulary: 32_000, kvHeads: 32, ropeTheta: 10_000, ropeScaling: null, tied: false, maxLength: 4096 },
  ],
  "Llama-3.1-8B": [
    {
      ...llama,
      ...{ attention_bias: false, bos_token_id: 128_000, eos_token_id: 128_001, mlp_bias: false },
      ...{ hidden_size: 4096, intermediate_size: 14_336, max_position_embeddings: 131_072, num_attention_heads: 32 },
      ...{ num_hidden_layers: 32, num_key_value_heads: 8, rms_norm_eps: 1e-5, rope_theta: 500_000.0 },
      ...{ rope_scaling: llama3Scaling(8.0), tie_word_embeddings: false, vocab_size: 128_256 },
    },
    { kvHeads: 8, headWidth: 128, ropeTheta: 500_000, ropeScaling: scaling(8), tied: false },
  ],
  "Llama-3.2-1B": [
    {
      ...llama,
      ...{ attention_bias: false, bos_token_id: 128_000, eos_token_id: [128_001, 128_008, 128_009], mlp_bias: false },
      ...{ head_dim: 64, hidden_size: 2048, intermediate_size: 8192, max_position_embeddings: 131_072 },
      ...{ num_attention_heads: 32, num_hidden_layers: 16, num_key_value_heads: 8, rms_norm_eps: 1e-5 },
      ...{ rope_theta: 500_000.0, rope_scaling: llama3Scaling(32.0), tie_word_embeddings: true, vocab_size: 128_256 },
    },
    { width: 2048, headWidth: 64, ropeScaling: scaling(32), tied: true },
  ],
  "Mistral-7B-v0.1": [
    { ...mistral, sliding_window: 4096, rope_theta: 10_000.0, vocab_size: 32_000 },
    { slidingWindow: 4096, ropeTheta: 10_000, vocabulary: 32_000 },
  ],
  "Mistral-7B-v0.3": [
    { ...mistral, sliding_window: null, rope_theta: 1_000_000.0, vocab_size: 32_768 },
    { slidingWindow: null, ropeTheta: 1_000_000, vocabulary: 32_768 },
  ],
  "Qwen2-0.5B": [
    {
      ...shared,
      ...{ architectures: ["Qwen2ForCausalLM"], model_type: "qwen2", bos_token_id: 151_643, eos_token_id: 151_643 },
      ...{ hidden_size: 896, intermediate_size: 4864, max_position_embeddings: 131_072, max_window_layers: 24 },
      ...{ num_attention_heads: 14, num_hidden_layers: 24, num_key_value_heads: 2, rms_norm_eps: 1e-6 },
      ...{ rope_theta: 1_000_000.0, sliding_window: 131_072, tie_word_embeddings: true, use_sliding_window: false },
      vocab_size: 151_936,
    },
    { qkvBias: true, slidingWindow: null, tied: true, headWidth: 64, vocabulary: 151_936 },
  ],
  "Qwen2.5-1.5B": [
    {
      ...shared,
      ...{ architectures: ["Qwen2ForCausalLM"], model_type: "qwen2", bos_token_id: 151_643, eos_token_id: 151_643 },
      ...{ hidden_size: 1536, intermediate_size: 8960, max_position_embeddings: 131_072, max_window_layers: 28 },
      ...{ num_attention_heads: 12, num_hidden_layers: 28, num_key_value_heads: 2, rms_norm_eps: 1e-6 },
      ...{ rope_theta: 1_000_000.0, sliding_window: 131_072, tie_word_embeddings: true, use_mrope: false },
      ...{ use_sliding_window: false, vocab_size: 151_936 },
    },
    { qkvBias: true, slidingWindow: null, tied: true, width: 1536 },
  ],
  "Qwen3-0.6B": [
    {
      ...shared,
      ...{ architectures: ["Qwen3ForCausalLM"], model_type: "qwen3", bos_token_id: 151_643, eos_token_id: 151_645 },
      ...{ attention_bias: false, head_dim: 128, hidden_size: 1024, intermediate_size: 3072 },
      ...{ max_position_embeddings: 40_960, max_window_layers: 28, num_attention_heads: 16, num_hidden_layers: 28 },
      ...{
        num_key_value_heads: 8,
        rms_norm_eps: 1e-6,
        rope_scaling: null,
        rope_theta: 1_000_000,
        sliding_window: null,
      },
      ...{ tie_word_embeddings: true, use_sliding_window: false, vocab_size: 151_936 },
    },
    { qkNorm: true, qkvBias: false, headWidth: 128, tied: true },
  ],
  "SmolLM2-135M": [
    {
      ...llama,
      ...{ attention_bias: false, bos_token_id: 0, eos_token_id: 0, initializer_range: 0.041666666666666664 },
      ...{ hidden_size: 576, intermediate_size: 1536, is_llama_config: true, max_position_embeddings: 8192 },
      ...{ mlp_bias: false, num_attention_heads: 9, num_hidden_layers: 30, num_key_value_heads: 3 },
      ...{ rms_norm_eps: 1e-5, rope_interleaved: false, rope_scaling: null, rope_theta: 100_000 },
      ...{ tie_word_embeddings: true, vocab_size: 49_152 },
    },
    { width: 576, kvHeads: 3, headWidth: 64, ropeTheta: 100_000, tied: true },
  ],
};

function scaling(factor: number): Architecture["ropeScaling"] {
  return { factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalLength: 8192 };
}

describe("a published config.json is read", () => {
  it.each(Object.entries(PUBLISHED))("%s", (_name, [config, expected]) => {
    expect(fromHuggingFaceConfig(config)).toMatchObject(expected);
  });

  it("and what of it has no meaning here is known", () => {
    const [config] = PUBLISHED["SmolLM2-135M"];
    expect(ignoredFields(config)).toEqual([
      ...["initializer_range", "torch_dtype", "transformers_version", "use_cache", "architectures", "pretraining_tp"],
      ...["bos_token_id", "eos_token_id", "is_llama_config"],
    ]);
  });
});

describe("what changes the mathematics is refused by name", () => {
  const [base] = PUBLISHED["Llama-3.1-8B"];
  it.each<[string, unknown, RegExp]>([
    ["rope_scaling", { type: "linear", factor: 2.0 }, /rope_scaling\.rope_type is not supported[\s\S]*got: "linear"/],
    ["rope_scaling", { type: "dynamic", factor: 2.0 }, /rope_scaling\.rope_type is not supported[\s\S]*got: "dynamic"/],
    ["rope_scaling", { rope_type: "yarn", factor: 4.0 }, /rope_scaling\.rope_type is not supported[\s\S]*got: "yarn"/],
    ["attention_bias", true, /attention_bias has a value that this decoder does not have/],
    [
      "quantization_config",
      { quant_method: "gptq", bits: 4 },
      /quantization_config says that the weights are quantised/,
    ],
    ["auto_map", { AutoModelForCausalLM: "modeling_x.X" }, /auto_map is not known for this model type/],
    ["final_logit_softcapping", 30.0, /final_logit_softcapping is not known/],
  ])("%s: %j", (field, value, says) => {
    expect(() => fromHuggingFaceConfig({ ...base, [field]: value })).toThrow(says);
  });
});
