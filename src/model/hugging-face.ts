/**
 * Hugging Face's `config.json`, both ways. Five of its model classes are this decoder; the features choose which one: layers without
 * RoPE → smollm3, qk norms → qwen3, bias on q, k, v → qwen2, sliding window → mistral, none of them → llama.
 * Reading is strict: a field that is not known to be harmless is refused by name, because it may change the mathematics.
 * Field names and defaults: `transformers` (models/{llama,mistral,qwen2,qwen3,smollm3}/configuration_*.py), versions 4 and 5.
 */
import { UserError } from "../base/errors.js";
import { nopeLayersEvery } from "../config/nope-layers.js";
import { type Architecture, checkArchitecture, hasRope, LAYER_LIMIT, type RopeScaling } from "./architecture.js";
import { Fields, isRecord } from "./json-fields.js";

const CLASSES = {
  llama: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
  smollm3: "SmolLM3ForCausalLM",
} as const;

export type ModelType = keyof typeof CLASSES;

export interface HuggingFaceOptions {
  /** Type of the saved weights. */
  readonly dtype: "float32" | "bfloat16";
  /** Id of the end-of-text token. */
  readonly endOfText: number;
  /** Id of the token that texts begin with; absent or null where there is none. */
  readonly beginOfText?: number | null;
}

/** The class that computes this architecture. Llama refuses a width that its heads do not divide; Mistral without window is the same decoder. */
export function modelTypeOf(architecture: Architecture): ModelType {
  if (architecture.nopeLayers.length > 0) return "smollm3";
  if (architecture.qkNorm) return "qwen3";
  if (architecture.qkvBias) return "qwen2";
  return architecture.slidingWindow !== null || architecture.width % architecture.heads !== 0 ? "mistral" : "llama";
}

/**
 * The fields of `config.json`. Rotary fields are written in the form of version 4, which version 5 reads too.
 * @throws UserError when no Hugging Face class computes this architecture.
 */
export function toHuggingFaceConfig(architecture: Architecture, options: HuggingFaceOptions): Record<string, unknown> {
  checkArchitecture(architecture, "model");
  const type = modelTypeOf(architecture);
  return {
    architectures: [CLASSES[type]],
    model_type: type,
    vocab_size: architecture.vocabulary,
    hidden_size: architecture.width,
    intermediate_size: architecture.feedForward,
    num_hidden_layers: architecture.layers,
    num_attention_heads: architecture.heads,
    num_key_value_heads: architecture.kvHeads,
    head_dim: architecture.headWidth,
    hidden_act: "silu",
    max_position_embeddings: architecture.maxLength,
    rms_norm_eps: architecture.normEpsilon,
    rope_theta: architecture.ropeTheta,
    rope_scaling: architecture.ropeScaling === null ? null : ropeScalingFields(architecture.ropeScaling),
    tie_word_embeddings: architecture.tied,
    attention_dropout: 0,
    use_cache: true,
    bos_token_id: options.beginOfText ?? null,
    eos_token_id: options.endOfText,
    pad_token_id: null,
    torch_dtype: options.dtype,
    // Where it is missing, version 5 warns that the tokenizer may be one of Mistral's that it has to mend.
    transformers_version: "5.0.0",
    ...typeFields(type, architecture),
  };
}

function ropeScalingFields(scaling: RopeScaling): Record<string, unknown> {
  return {
    rope_type: "llama3",
    factor: scaling.factor,
    low_freq_factor: scaling.lowFrequencyFactor,
    high_freq_factor: scaling.highFrequencyFactor,
    original_max_position_embeddings: scaling.originalLength,
  };
}

function typeFields(type: ModelType, architecture: Architecture): Record<string, unknown> {
  const { slidingWindow, layers } = architecture;
  // Layers from `max_window_layers` on have the window: 0 gives it to all of them.
  const window = {
    use_sliding_window: slidingWindow !== null,
    sliding_window: slidingWindow,
    max_window_layers: slidingWindow === null ? layers : 0,
  };
  switch (type) {
    case "llama":
      return { attention_bias: false, mlp_bias: false };
    case "mistral":
      return { sliding_window: slidingWindow };
    case "qwen2":
      return window;
    case "qwen3":
      return { attention_bias: false, ...window };
    case "smollm3":
      return {
        attention_bias: false,
        mlp_bias: false,
        // 1 where the layer has RoPE, whatever the name says.
        no_rope_layers: Array.from({ length: layers }, (_, layer) => (hasRope(architecture, layer) ? 1 : 0)),
        use_sliding_window: slidingWindow !== null,
        sliding_window: slidingWindow,
        layer_types: new Array<string>(layers).fill(attentionKind(slidingWindow !== null)),
      };
  }
}

function attentionKind(sliding: boolean): string {
  return sliding ? "sliding_attention" : "full_attention";
}

/** Fields that say nothing about the mathematics of training. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...["architectures", "_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache"],
  ...["bos_token_id", "eos_token_id", "pad_token_id", "initializer_range", "pretraining_tp", "is_llama_config"],
  // Of the class that all configurations have in common, and of other programs.
  ...["output_hidden_states", "output_attentions", "return_dict", "chunk_size_feed_forward", "transformers.js_config"],
  ...["id2label", "label2id", "problem_type", "max_sequence_length", "unsloth_fixed"],
]);

/** Fields that this decoder has no choice about; absent means the same. */
const FIXED: Readonly<Record<string, unknown>> = {
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
  attention_dropout: 0,
  partial_rotary_factor: 1,
  rope_interleaved: false,
  use_mrope: false,
  is_encoder_decoder: false,
};

const READ: ReadonlySet<string> = new Set([
  ...["model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"],
  ...["head_dim", "num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings"],
  ...["rope_theta", "rope_scaling", "rope_parameters"],
]);

/** Fields that only some classes have. */
const READ_BY_TYPE: Readonly<Record<ModelType, readonly string[]>> = {
  llama: [],
  mistral: ["sliding_window"],
  qwen2: ["sliding_window", "use_sliding_window", "max_window_layers", "layer_types"],
  qwen3: ["sliding_window", "use_sliding_window", "max_window_layers", "layer_types"],
  // The class has no `max_window_layers`; the published models' files do.
  smollm3: [
    ...["sliding_window", "use_sliding_window", "max_window_layers", "layer_types"],
    ...["no_rope_layers", "no_rope_layer_interval"],
  ],
};

const DEFAULT_ROPE_THETA = 10_000;
const SMOLLM3_ROPE_THETA = 2_000_000;
const QWEN3_HEAD_WIDTH = 128;
const SMOLLM3_NOPE_INTERVAL = 4;

/**
 * The architecture that a parsed `config.json` describes.
 * @param where its path, for messages.
 * @throws UserError with every field that is missing, impossible, or changes the mathematics in a way this decoder does not have.
 */
export function fromHuggingFaceConfig(config: unknown, where = "config.json"): Architecture {
  if (!isRecord(config)) throw new UserError({ what: "this is not a JSON object", where, got: JSON.stringify(config) });
  const type = config["model_type"];
  if (!isModelType(type))
    throw new UserError({
      what: "this model type is not supported",
      where,
      got: JSON.stringify(type) ?? "none",
      expected: Object.keys(CLASSES).join(", "),
    });
  const fields = new Fields(config, where);
  refuseForeign(fields, type);
  const architecture = readArchitecture(fields, type);
  if (fields.problems.length > 0) throw new UserError(fields.problems);
  return checkArchitecture(architecture, where);
}

/** Fields of a `config.json` that `fromHuggingFaceConfig` takes no notice of. */
export function ignoredFields(config: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(config).filter((name) => HARMLESS.has(name) && config[name] !== null);
}

function readArchitecture(fields: Fields, type: ModelType): Architecture {
  const heads = fields.count("num_attention_heads");
  const width = fields.count("hidden_size");
  const maxLength = fields.count("max_position_embeddings");
  const layers = fields.count("num_hidden_layers");
  const headWidth = fields.count("head_dim", type === "qwen3" ? QWEN3_HEAD_WIDTH : Math.floor(width / heads));
  return {
    width,
    layers,
    heads,
    kvHeads: type === "llama" ? fields.count("num_key_value_heads", heads) : fields.count("num_key_value_heads"),
    headWidth,
    feedForward: fields.count("intermediate_size"),
    vocabulary: fields.count("vocab_size"),
    maxLength,
    ...ropeOf(fields, type === "smollm3" ? SMOLLM3_ROPE_THETA : DEFAULT_ROPE_THETA),
    nopeLayers: type === "smollm3" ? nopeLayersOf(fields, layers) : [],
    normEpsilon: fields.number("rms_norm_eps"),
    tied: fields.flag("tie_word_embeddings", type === "smollm3"),
    qkvBias: type === "qwen2",
    qkNorm: type === "qwen3",
    slidingWindow: windowOf(fields, type),
  };
}

function refuseForeign(fields: Fields, type: ModelType): void {
  for (const [name, value] of Object.entries(fields.record)) {
    if (value === null || HARMLESS.has(name) || READ.has(name) || READ_BY_TYPE[type].includes(name)) continue;
    if (name === "quantization_config")
      fields.report(name, "says that the weights are quantised, which cannot be trained", "the model as it was before");
    else if (!Object.hasOwn(FIXED, name))
      fields.report(name, "is not known for this model type and may change the mathematics");
    else if (value !== FIXED[name])
      fields.report(name, "has a value that this decoder does not have", JSON.stringify(FIXED[name]));
  }
}

/** Version 5 keeps everything in `rope_parameters`; version 4 has `rope_theta` beside `rope_scaling`, which wins where both are. */
function ropeOf(fields: Fields, defaultTheta: number): Pick<Architecture, "ropeTheta" | "ropeScaling"> {
  const name = fields.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  const rope = fields.nested(name);
  const ropeTheta = rope.has("rope_theta") ? rope.number("rope_theta") : fields.number("rope_theta", defaultTheta);
  const type = rope.record["rope_type"] ?? rope.record["type"] ?? "default";
  if (type !== "llama3") {
    if (type !== "default")
      fields.report(`${name}.rope_type`, "is not supported", "default or llama3", JSON.stringify(type));
    rope.refuseOthers(["rope_theta", "rope_type", "type"]);
    return { ropeTheta, ropeScaling: null };
  }
  const ropeScaling: RopeScaling = {
    factor: rope.number("factor"),
    lowFrequencyFactor: rope.number("low_freq_factor"),
    highFrequencyFactor: rope.number("high_freq_factor"),
    originalLength: rope.count("original_max_position_embeddings"),
  };
  const scaling = Object.keys(ropeScalingFields(ropeScaling));
  rope.refuseOthers(["rope_theta", "type", ...scaling]);
  return { ropeTheta, ropeScaling };
}

/** A list with 1 (or true) for every layer that has RoPE; without one, every so many layers one has none. Entries beyond the last layer mean nothing. */
function nopeLayersOf(fields: Fields, layers: number): number[] {
  const interval = fields.count("no_rope_layer_interval", SMOLLM3_NOPE_INTERVAL);
  if (!(layers <= LAYER_LIMIT)) return [];
  const list = fields.record["no_rope_layers"] ?? null;
  if (list === null) return interval >= 1 ? nopeLayersEvery(interval, layers) : [];
  const known = new Set<unknown>([0, 1, false, true]);
  if (!Array.isArray(list) || list.length < layers || !list.every((entry) => known.has(entry))) {
    fields.report("no_rope_layers", "must be a list of 0 and 1, one for each layer");
    return [];
  }
  return list.slice(0, layers).flatMap((rotates, layer) => (rotates ? [] : [layer]));
}

/** One window for all layers, or none: alternating layers are refused. */
function windowOf(fields: Fields, type: ModelType): number | null {
  if (type === "llama") return null;
  if (type === "mistral") {
    // The class's own default is 4096, so that absent and null differ.
    if (!Object.hasOwn(fields.record, "sliding_window"))
      fields.report("sliding_window", "is missing", "tokens, or null");
    return fields.has("sliding_window") ? fields.count("sliding_window") : null;
  }
  const sliding = fields.flag("use_sliding_window") && fields.has("sliding_window");
  const wanted = attentionKind(sliding);
  const layerTypes = fields.record["layer_types"] ?? null;
  if (layerTypes === null && sliding && type === "smollm3")
    fields.report("layer_types", "is missing, so that layers with RoPE have no window", `${wanted} in every layer`);
  else if (layerTypes === null && sliding && fields.record["max_window_layers"] !== 0)
    fields.report("max_window_layers", "leaves some layers without the sliding window", "0");
  if (layerTypes !== null && !(Array.isArray(layerTypes) && layerTypes.every((layer) => layer === wanted)))
    fields.report("layer_types", "mixes kinds of attention", `${wanted} in every layer`);
  return sliding ? fields.count("sliding_window") : null;
}

function isModelType(value: unknown): value is ModelType {
  return typeof value === "string" && Object.hasOwn(CLASSES, value);
}
