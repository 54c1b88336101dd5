/**
 * The one decoder that everything here trains: RMSNorm, RoPE, causal grouped-query attention, SwiGLU.
 *
 * Llama 2/3, Mistral, Qwen2, Qwen3 and SmolLM 1 to 3 differ only in the values below. For one row of T tokens, with `x` of shape [T, C]:
 *
 *     x = embed[ids]
 *     each layer:
 *       h = rmsnorm(x) * inputNorm
 *       q, k, v = h Wqᵀ (+ bq), h Wkᵀ (+ bk), h Wvᵀ (+ bv)             [T, H, D], [T, K, D], [T, K, D]
 *       q, k = rmsnorm(q) * qNorm, rmsnorm(k) * kNorm                  only with qkNorm, over D
 *       q, k = rope(q), rope(k)                                        halves rotated (not interleaved), as in Hugging Face;
 *                                                                      not in the layers of nopeLayers
 *       x = x + attention(q, k, v) Woᵀ                                 scale 1/√D; head h reads key/value head floor(h / (H/K))
 *       h = rmsnorm(x) * postNorm
 *       x = x + (silu(h Wgᵀ) * (h Wuᵀ)) Wdᵀ
 *     logits = (rmsnorm(x) * finalNorm) Whᵀ                            Wh is the embedding when tied
 */
import { type Problem, UserError } from "../base/errors.js";
import type { ModelPlan } from "../config/plan.js";

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
  /** Layers that see no positions, counted from 0, in ascending order; usually none (SmolLM3: every fourth; arXiv 2501.18795). */
  readonly nopeLayers: readonly number[];
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

/** What a Llama without extras has besides its sizes. */
export const PLAIN_LLAMA = {
  ropeTheta: 10_000,
  ropeScaling: null,
  nopeLayers: [],
  normEpsilon: 1e-5,
  qkvBias: false,
  qkNorm: false,
  slidingWindow: null,
} as const satisfies Partial<Architecture>;

/** More layers than any decoder has; a file that claims more is damaged. */
export const LAYER_LIMIT = 4096;
/** Longest typed array that every supported Node can hold (2^32 − 1 elements). */
const TENSOR_LIMIT = 2 ** 32 - 1;

/** Whether a layer's queries and keys turn with their positions. */
export function hasRope({ nopeLayers }: Pick<Architecture, "nopeLayers">, layer: number): boolean {
  return !nopeLayers.includes(layer);
}

/**
 * The architecture of a plan for a tokenizer of `vocabulary` entries, padded up to a multiple of `padVocabularyTo`. A model that is continued
 * keeps its rows as long as they are enough: beyond its tokenizer it may have padding of its own.
 * @throws UserError when the numbers cannot make a decoder.
 */
export function architectureOf(model: ModelPlan, vocabulary: number): Architecture {
  const { initialDeviation: _, padVocabularyTo, from, ...shape } = model;
  const enough = from !== null && vocabulary <= from.vocabulary;
  const padded = enough ? from.vocabulary : Math.ceil(vocabulary / padVocabularyTo) * padVocabularyTo;
  return checkArchitecture({ ...shape, vocabulary: padded }, "model");
}

/**
 * Returns its argument when it describes a decoder that can be built and written as a Hugging Face folder.
 * @param where what the reader can open: `model`, or the path of a `config.json`.
 * @throws UserError with every impossible value.
 */
export function checkArchitecture(architecture: Architecture, where: string): Architecture {
  const problems = [
    ...sizeProblems(architecture, where),
    ...relationProblems(architecture, where),
    ...ropeProblems(architecture, where),
  ];
  if (problems.length > 0) throw new UserError(problems);
  return architecture;
}

const SIZES = ["width", "layers", "heads", "kvHeads", "headWidth", "feedForward", "vocabulary", "maxLength"] as const;

function sizeProblems(architecture: Architecture, where: string): Problem[] {
  const problems: Problem[] = [];
  for (const name of SIZES)
    if (!isCount(architecture[name]))
      problems.push({ what: `${name} must be a positive whole number`, where, got: String(architecture[name]) });
  if (architecture.layers > LAYER_LIMIT)
    problems.push({ what: `layers is beyond ${LAYER_LIMIT}`, where, got: String(architecture.layers) });
  if (architecture.slidingWindow !== null && !isCount(architecture.slidingWindow))
    problems.push({
      what: "slidingWindow must be a positive whole number of tokens, or absent",
      where,
      got: String(architecture.slidingWindow),
    });
  if (!isPositive(architecture.normEpsilon))
    problems.push({ what: "normEpsilon must be positive", where, got: String(architecture.normEpsilon) });
  const { width, heads, headWidth, feedForward, vocabulary } = architecture;
  const largest = width * Math.max(heads * headWidth, feedForward, vocabulary);
  if (largest > TENSOR_LIMIT)
    problems.push({
      what: "the largest matrix is too large to hold",
      where,
      expected: `at most ${TENSOR_LIMIT} elements`,
      got: String(largest),
    });
  return problems;
}

function relationProblems(architecture: Architecture, where: string): Problem[] {
  const { heads, kvHeads, headWidth, qkNorm, qkvBias, nopeLayers } = architecture;
  const problems: Problem[] = [];
  if (heads % kvHeads !== 0)
    problems.push({
      what: "kvHeads must divide heads",
      where,
      got: `heads ${heads}, kvHeads ${kvHeads}`,
      hint: "every key/value head serves heads/kvHeads query heads",
    });
  if (headWidth % 2 !== 0)
    problems.push({ what: "headWidth must be even, because RoPE turns pairs", where, got: String(headWidth) });
  if (qkNorm && qkvBias)
    problems.push({
      what: "qkNorm and qkvBias cannot be combined",
      where,
      hint: "no Hugging Face class has both without a bias on the attention output; switch one off",
    });
  if (nopeLayers.length > 0 && (qkNorm || qkvBias))
    problems.push({
      what: "nopeLayers cannot be combined with qkNorm or qkvBias",
      where,
      hint: "SmolLM3, the one Hugging Face class with layers without RoPE, has neither",
    });
  return problems;
}

function ropeProblems(architecture: Architecture, where: string): Problem[] {
  const { ropeTheta, ropeScaling, nopeLayers, layers } = architecture;
  const problems: Problem[] = [];
  if (!nopeLayers.every((layer, at) => isCount(layer + 1) && layer < layers && layer > (nopeLayers[at - 1] ?? -1)))
    problems.push({
      what: "nopeLayers must be numbers of layers in ascending order",
      where,
      expected: `from 0 to ${layers - 1}`,
      got: nopeLayers.join(", "),
    });
  if (!isPositive(ropeTheta)) problems.push({ what: "ropeTheta must be positive", where, got: String(ropeTheta) });
  if (ropeScaling === null) return problems;
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalLength } = ropeScaling;
  if (!(Number.isFinite(factor) && factor >= 1))
    problems.push({ what: "ropeScaling.factor must be at least 1", where, got: String(factor) });
  if (!(isPositive(lowFrequencyFactor) && isPositive(highFrequencyFactor) && lowFrequencyFactor < highFrequencyFactor))
    problems.push({
      what: "ropeScaling needs 0 < lowFrequencyFactor < highFrequencyFactor",
      where,
      got: `${lowFrequencyFactor}, ${highFrequencyFactor}`,
    });
  if (!isCount(originalLength))
    problems.push({
      what: "ropeScaling.originalLength must be a positive whole number of tokens",
      where,
      got: String(originalLength),
    });
  return problems;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function isPositive(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}
