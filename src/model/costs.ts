/**
 * What a decoder costs: model FLOPs of a training token and bytes of a float32 training step.
 *
 * FLOPs follow PaLM's convention (Chowdhery et al., arXiv 2204.02311, appendix B): 6 per matrix weight and token (2 forward, 4 backward)
 * and the two products of attention, of which the causal half counts. Recomputation, norms, RoPE, softmax and the optimizer do not count.
 */
import { sizeOf } from "../base/dims.js";
import type { Architecture } from "./architecture.js";
import { countParameters, EMBEDDING, parameterTable } from "./parameters.js";

/** Weights that take part in a matrix product: every matrix; the embedding only when it is also the head, since looking up is free. */
export function matmulParameters(architecture: Architecture): number {
  return parameterTable(architecture)
    .filter((parameter) => parameter.shape.length === 2 && (parameter.name !== EMBEDDING || architecture.tied))
    .reduce((sum, parameter) => sum + sizeOf(parameter.shape), 0);
}

/**
 * Model FLOPs of one training token, forward and backward, in rows of `length` tokens: 6·N_matmul + 6·L·T·H·D.
 * A sliding window W < T lowers the mean number of keys from T/2 to W − W²/(2T), which is the same number at W = T.
 * Document boundaries inside a row are not deducted: the figure depends on the plan only, not on the data.
 */
export function flopsPerToken(architecture: Architecture, length: number): number {
  const { layers, heads, headWidth, slidingWindow } = architecture;
  const window = Math.min(slidingWindow ?? length, length);
  const meanKeys = window - window ** 2 / (2 * length);
  return 6 * matmulParameters(architecture) + 12 * layers * heads * headWidth * meanKeys;
}

/** B rows of T tokens each. */
export interface BatchSize {
  /** B. */
  readonly rows: number;
  /** T. */
  readonly length: number;
}

/** What memory is asked for: everything that a process computes with one model. */
export interface Workload {
  readonly architecture: Architecture;
  /** Micro-batches that are trained on; empty where nothing is trained. */
  readonly training: readonly BatchSize[];
  /** Batches whose loss alone is computed. */
  readonly evaluation: readonly BatchSize[];
  /** Whether checkpoints are saved, from copies of weights and moments. */
  readonly checkpoints: boolean;
  /** Bytes of those copies that may wait to be written; by default all. */
  readonly copyAheadBytes?: number;
  /** Tokens that wait in batches. */
  readonly tokensAhead: number;
}

/** Memory under a name for people. */
export interface MemoryPart {
  readonly name: string;
  readonly bytes: number;
}

export function totalBytes(parts: readonly MemoryPart[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Bytes of a float32 training step. `total` is their sum. */
export interface MemoryEstimate {
  readonly weights: number;
  readonly gradients: number;
  /** AdamW's two moments. */
  readonly moments: number;
  /** What the backward pass needs of the forward pass, without the attention matrices. */
  readonly activations: number;
  /** Attention probabilities and the gradient of one layer's; zero in an engine that recomputes them in tiles. */
  readonly attention: number;
  readonly total: number;
}

const FLOAT_BYTES = 4;

/**
 * Bytes that training in float32 without recomputation holds at its peak: 16 per parameter (weight, gradient, two moments) and,
 * with N = B·T,
 *
 *     activations = 4·(L·N·(4C + 2HD + 2KD + 3F) + N·(2C + 2V))
 *     attention   = 4·(L + 1)·B·H·T²
 *
 * A layer keeps its two residual inputs and their norms (4C), q and the attention's output (2HD), k and v (2KD), gate, up and their
 * product (3F). Outside the layers are the last hidden state and its norm (2C), the logits and their gradient (2V).
 * An estimate: an engine's temporaries and its allocator's waste come on top.
 */
export function memoryEstimate(architecture: Architecture, { rows, length }: BatchSize): MemoryEstimate {
  const { width, layers, heads, kvHeads, headWidth, feedForward, vocabulary } = architecture;
  const weights = FLOAT_BYTES * countParameters(parameterTable(architecture));
  const tokens = rows * length;
  const layerFloats = 4 * width + 2 * heads * headWidth + 2 * kvHeads * headWidth + 3 * feedForward;
  const activations = FLOAT_BYTES * tokens * (layers * layerFloats + 2 * width + 2 * vocabulary);
  const attention = FLOAT_BYTES * (layers + 1) * rows * heads * length ** 2;
  return {
    weights,
    gradients: weights,
    moments: 2 * weights,
    activations,
    attention,
    total: 4 * weights + activations + attention,
  };
}
