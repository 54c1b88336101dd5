/**
 * The parameter table: every trained tensor of a decoder in the order of computation, under Hugging Face's name.
 * Initialisation, optimizer groups, checkpoints and engines all walk this one list.
 * Matrices are stored [out, in], so that y = x Wᵀ. Residual outputs start smaller by √(2L), since 2L of them add up in the residual
 * stream (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, section 2.3).
 */
import { type Shape, sizeOf } from "../base/dims.js";
import type { Architecture } from "./architecture.js";

export type Initial =
  | { readonly kind: "normal"; readonly deviation: number }
  | { readonly kind: "ones" }
  | { readonly kind: "zeros" };

export interface Parameter {
  /** Hugging Face's name, such as `model.layers.0.self_attn.q_proj.weight`. */
  readonly name: string;
  /** Matrices [out, in], vectors [out]. */
  readonly shape: Shape;
  /** Weight decay falls on matrices (the embedding is one), not on norms and biases. */
  readonly decays: boolean;
  readonly initial: Initial;
}

/** Standard deviation of GPT-2 and Llama: what a plan that names none gets. */
export const DEFAULT_DEVIATION = 0.02;

/** The embedding's name, which is also the output head's when they are tied. */
export const EMBEDDING = "model.embed_tokens.weight";

/** The output head's name where it is a matrix of its own. */
export const HEAD = "lm_head.weight";

/**
 * Every parameter in the order of computation.
 * @param deviation standard deviation of the initial matrices (`model.initialDeviation` of the plan).
 */
export function parameterTable(architecture: Architecture, deviation = DEFAULT_DEVIATION): readonly Parameter[] {
  const { width, layers, vocabulary, tied } = architecture;
  return [
    matrix(EMBEDDING, vocabulary, width, deviation),
    ...Array.from({ length: layers }, (_, layer) => layerTable(architecture, layer, deviation)).flat(),
    norm("model.norm", width),
    ...(tied ? [] : [matrix(HEAD, vocabulary, width, deviation)]),
  ];
}

/** Number of trained scalars. A tied head counts once. */
export function countParameters(table: readonly Parameter[]): number {
  return table.reduce((sum, parameter) => sum + sizeOf(parameter.shape), 0);
}

function layerTable(architecture: Architecture, layer: number, deviation: number): Parameter[] {
  const { width, feedForward, layers } = architecture;
  const prefix = `model.layers.${layer}`;
  const residualDeviation = deviation / Math.sqrt(2 * layers);
  return [
    norm(`${prefix}.input_layernorm`, width),
    ...attentionTable(architecture, `${prefix}.self_attn`, deviation, residualDeviation),
    norm(`${prefix}.post_attention_layernorm`, width),
    matrix(`${prefix}.mlp.gate_proj.weight`, feedForward, width, deviation),
    matrix(`${prefix}.mlp.up_proj.weight`, feedForward, width, deviation),
    matrix(`${prefix}.mlp.down_proj.weight`, width, feedForward, residualDeviation),
  ];
}

function attentionTable(
  architecture: Architecture,
  prefix: string,
  deviation: number,
  residualDeviation: number,
): Parameter[] {
  const { width, heads, kvHeads, headWidth, qkvBias, qkNorm } = architecture;
  const projection = (name: string, out: number): Parameter[] => [
    matrix(`${prefix}.${name}.weight`, out, width, deviation),
    ...(qkvBias ? [bias(`${prefix}.${name}.bias`, out)] : []),
  ];
  return [
    ...projection("q_proj", heads * headWidth),
    ...projection("k_proj", kvHeads * headWidth),
    ...projection("v_proj", kvHeads * headWidth),
    ...(qkNorm ? [norm(`${prefix}.q_norm`, headWidth), norm(`${prefix}.k_norm`, headWidth)] : []),
    matrix(`${prefix}.o_proj.weight`, width, heads * headWidth, residualDeviation),
  ];
}

function matrix(name: string, out: number, into: number, deviation: number): Parameter {
  return { name, shape: [out, into], decays: true, initial: { kind: "normal", deviation } };
}

function norm(name: string, extent: number): Parameter {
  return { name: `${name}.weight`, shape: [extent], decays: false, initial: { kind: "ones" } };
}

function bias(name: string, extent: number): Parameter {
  return { name, shape: [extent], decays: false, initial: { kind: "zeros" } };
}
