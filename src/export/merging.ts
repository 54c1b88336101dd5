/**
 * The arithmetic of merging, on equally long runs of values. Terms are multiplied and added in float64 in the order given and rounded once to
 * float32, so that a result is the exact one to within half a unit of float32 and what float64 loses.
 */

/**
 * Σ wᵢxᵢ / Σ wᵢ. Equal values give themselves.
 * @param weights one for each of `values`, of a positive sum. With equal weights: weight averaging as in Izmailov et al. (arXiv 1803.05407),
 * and of checkpoints in Llama 3 (arXiv 2407.21783, section 3.4.3).
 */
export function average(values: readonly Float32Array[], weights: readonly number[], out: Float32Array): void {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const [first, ...others] = values;
  for (let i = 0; i < out.length; i++) {
    // Begins with the first term and not with 0, to which −0 would be lost.
    let sum = weights[0] * first[i];
    for (let k = 0; k < others.length; k++) sum += weights[k + 1] * others[k][i];
    out[i] = sum / total;
  }
}

/**
 * (1 − α)·base + α·tuned: WiSE-FT (Wortsman et al., arXiv 2109.01903). α = 0 and α = 1 give base and tuned bit for bit, and equal values
 * themselves.
 */
export function interpolate(base: Float32Array, tuned: Float32Array, alpha: number, out: Float32Array): void {
  if (alpha === 0) out.set(base);
  else if (alpha === 1) out.set(tuned);
  else for (let i = 0; i < out.length; i++) out[i] = (1 - alpha) * base[i] + alpha * tuned[i];
}

/**
 * other + scale·(tuned − base): a difference applied to another model, the sum of task arithmetic (Ilharco et al., arXiv 2212.04089).
 * Where tuned and base are equal, other is unchanged.
 */
export function addDifference(
  [base, tuned, other]: readonly [Float32Array, Float32Array, Float32Array],
  scale: number,
  out: Float32Array,
): void {
  for (let i = 0; i < out.length; i++) {
    const difference = tuned[i] - base[i];
    // −0 + 0 would be 0.
    out[i] = difference === 0 ? other[i] : other[i] + scale * difference;
  }
}
