/** Small decoders that between them use every feature, and the published sizes of real ones. */
import type { ModelPlan } from "../../src/config/plan.js";
import type { Architecture } from "../../src/model/architecture.js";

export const llama: Architecture = {
  width: 32,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headWidth: 8,
  feedForward: 48,
  vocabulary: 64,
  maxLength: 128,
  ropeTheta: 10_000,
  ropeScaling: null,
  nopeLayers: [],
  normEpsilon: 1e-5,
  tied: false,
  qkvBias: false,
  qkNorm: false,
  slidingWindow: null,
};

const scaling = { factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalLength: 8192 };

/** One of each Hugging Face class, with the features that choose it. */
export const variants: Readonly<Record<string, Architecture>> = {
  llama,
  "llama, tied": { ...llama, tied: true },
  "llama, scaled rope": { ...llama, ropeTheta: 500_000, ropeScaling: scaling },
  mistral: { ...llama, slidingWindow: 16, headWidth: 16 },
  "mistral without window": { ...llama, width: 30, heads: 4, kvHeads: 4 },
  qwen2: { ...llama, qkvBias: true, tied: true },
  "qwen2, window": { ...llama, qkvBias: true, slidingWindow: 24 },
  qwen3: { ...llama, qkNorm: true, headWidth: 12 },
  "qwen3, window": { ...llama, qkNorm: true, slidingWindow: 24, tied: true },
  smollm3: { ...llama, layers: 4, nopeLayers: [3], tied: true },
  "smollm3, window": { ...llama, layers: 3, nopeLayers: [0, 1], slidingWindow: 24, headWidth: 12 },
};

/** meta-llama/Llama-3.1-8B. */
export const llama31With8B: Architecture = {
  ...llama,
  width: 4096,
  layers: 32,
  heads: 32,
  kvHeads: 8,
  headWidth: 128,
  feedForward: 14_336,
  vocabulary: 128_256,
  maxLength: 131_072,
  ropeTheta: 500_000,
  ropeScaling: scaling,
};

/** Qwen/Qwen2-0.5B. */
export const qwen2With05B: Architecture = {
  ...llama,
  width: 896,
  layers: 24,
  heads: 14,
  kvHeads: 2,
  headWidth: 64,
  feedForward: 4864,
  vocabulary: 151_936,
  maxLength: 131_072,
  ropeTheta: 1e6,
  normEpsilon: 1e-6,
  tied: true,
  qkvBias: true,
};

/** A plan's model section that gives `llama` for a vocabulary of 61. */
export function planOf(architecture: Architecture): ModelPlan {
  const { vocabulary: _, ...shape } = architecture;
  return { ...shape, initialDeviation: 0.02, padVocabularyTo: 64 };
}
