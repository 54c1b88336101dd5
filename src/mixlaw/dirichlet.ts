/** Random mixtures: shares drawn around given ones, by counter. */
import { randomNormal, randomUniform } from "../base/random.js";

/**
 * A draw from the Dirichlet distribution: gamma variates of Marsaglia and Tsang ("A simple method for generating gamma variables", 2000)
 * over their sum. `index` counts draws within `stream`.
 * @param concentrations one a domain, above 0: shares scatter around concentrations / sum, the less the larger the sum is.
 */
export function drawShares(concentrations: readonly number[], seed: number, stream: number, index: number): number[] {
  const logs = concentrations.map((shape, domain) =>
    logGamma(shape, seed, stream, (index * concentrations.length + domain) * TURNS),
  );
  // In logarithms: with a concentration far below 1 every variate may be smaller than the least positive number.
  const most = Math.max(...logs);
  const weights = logs.map((log) => Math.exp(log - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** More rejections in a row than this have a probability below 0.05^64. */
const TURNS = 64;

function logGamma(shape: number, seed: number, stream: number, first: number): number {
  // A shape below 1 is drawn one higher and multiplied by a uniform number to the power 1/shape.
  const boost = shape < 1 ? Math.log(1 - randomUniform(seed, stream + 1, first)) / shape : 0;
  const d = (shape < 1 ? shape + 1 : shape) - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (let turn = 0; turn < TURNS; turn++) {
    const normal = randomNormal(seed, stream + 2, first + turn);
    const v = (1 + c * normal) ** 3;
    if (v <= 0) continue;
    const uniform = 1 - randomUniform(seed, stream + 3, first + turn);
    if (Math.log(uniform) < 0.5 * normal * normal + d - d * v + d * Math.log(v)) return Math.log(d * v) + boost;
  }
  return Math.log(d) + boost;
}

/**
 * RegMix's concentrations (Liu et al., arXiv 2407.01492): the token distribution times a strength, which is drawn for each mixture between
 * 0.1 (corners) and 5 (the distribution itself), evenly in its logarithm.
 */
export function drawAround(shares: readonly number[], seed: number, stream: number, index: number): number[] {
  const strength = 0.1 * 50 ** randomUniform(seed, stream, index);
  return drawShares(
    // Domains without any share stay without.
    shares.map((share) => Math.max(strength * share, 1e-12)),
    seed,
    stream + 10,
    index,
  );
}
