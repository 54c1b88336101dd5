/**
 * The one decoder that everything here trains: RMSNorm, RoPE, causal grouped-query attention, SwiGLU.
 *
 * Llama 2/3, Mistral, Qwen2, Qwen3 and SmolLM differ only in the values below. For one row of T tokens, with `x` of shape [T, C]:
 *
 *     x = embed[ids]
 *     each layer:
 *       h = rmsnorm(x) * inputNorm
 *       q, k, v = h Wqᵀ (+ bq), h Wkᵀ (+ bk), h Wvᵀ (+ bv)             [T, H, D], [T, K, D], [T, K, D]
 *       q, k = rmsnorm(q) * qNorm, rmsnorm(k) * kNorm                  only with qkNorm, over D
 *       q, k = rope(q), rope(k)                                        halves rotated (not interleaved), as in Hugging Face
 *       x = x + attention(q, k, v) Woᵀ                                 scale 1/√D; head h reads key/value head floor(h / (H/K))
 *       h = rmsnorm(x) * postNorm
 *       x = x + (silu(h Wgᵀ) * (h Wuᵀ)) Wdᵀ
 *     logits = (rmsnorm(x) * finalNorm) Whᵀ                            Wh is the embedding when tied
 */

/** Llama 3.1's frequency scaling of RoPE (Hugging Face `rope_type: llama3`). */
export interface RopeScaling {
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  /** Context length of the original training, in tokens. */
  readonly originalLength: number;
}

/** Every number that fixes the shape and the mathematics of a decoder. */
export interface Architecture {
  /** C. */
  readonly width: number;
  /** L. */
  readonly layers: number;
  /** H. */
  readonly heads: number;
  /** K; divides H. */
  readonly kvHeads: number;
  /** D; even. */
  readonly headWidth: number;
  /** F. */
  readonly feedForward: number;
  /** V. */
  readonly vocabulary: number;
  /** Longest row the model is meant for, in tokens (`max_position_embeddings`). */
  readonly maxLength: number;
  readonly ropeTheta: number;
  readonly ropeScaling: RopeScaling | null;
  readonly normEpsilon: number;
  /** The output head is the embedding matrix. */
  readonly tied: boolean;
  /** Bias on q, k, v (Qwen2). */
  readonly qkvBias: boolean;
  /** RMSNorm over D on q and k before RoPE (Qwen3). */
  readonly qkNorm: boolean;
  /** A token sees itself and the `slidingWindow − 1` tokens before it; null sees all (Mistral). */
  readonly slidingWindow: number | null;
}
