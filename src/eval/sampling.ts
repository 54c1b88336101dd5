/** Drawing the next token from logits: temperature, top-k, top-p, with counter-based random numbers. */
import { randomUniform, streamOf } from "../base/random.js";

export interface SamplingOptions {
  /** 0 takes the most likely token. */
  readonly temperature: number;
  /** Keep this many of the most likely tokens; null keeps all. */
  readonly topK: number | null;
  /** Keep the fewest tokens whose probabilities reach this sum (Holtzman et al., arXiv 1904.09751); null keeps all. */
  readonly topP: number | null;
  readonly seed: number;
}

const STREAM = streamOf("sampling");

/** The token drawn at `position`, the same for the same logits, seed and position. Ties go to the lower id. */
export function sampleToken(logits_V: Float32Array, options: SamplingOptions, position: number): number {
  if (options.temperature === 0) return mostLikely(logits_V);
  const order = Array.from(logits_V.keys()).sort((a, b) => logits_V[b] - logits_V[a] || a - b);
  const kept = order.slice(0, options.topK ?? order.length);
  const top = logits_V[kept[0]];
  const weights = kept.map((id) => Math.exp((logits_V[id] - top) / options.temperature));
  const nucleus = nucleusSize(weights, options.topP ?? 1);
  const total = sum(weights.slice(0, nucleus));
  let left = randomUniform(options.seed, STREAM, position) * total;
  for (let i = 0; i < nucleus; i++) {
    left -= weights[i];
    if (left < 0) return kept[i];
  }
  return kept[nucleus - 1];
}

function mostLikely(logits_V: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits_V.length; id++) if (logits_V[id] > logits_V[best]) best = id;
  return best;
}

/** How many of the descending weights it takes to reach the share `topP` of their sum; at least one. */
function nucleusSize(weights: readonly number[], topP: number): number {
  const wanted = topP * sum(weights);
  let reached = 0;
  for (let i = 0; i < weights.length; i++) {
    reached += weights[i];
    if (reached >= wanted) return i + 1;
  }
  return weights.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
