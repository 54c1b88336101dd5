/**
 * DoReMi's weights: domains on which a proxy is furthest behind a reference gain weight (Xie et al., arXiv 2305.10429, algorithm 1;
 * group DRO of Sagawa et al. 2020). A pure state: the run that feeds it belongs to its caller.
 */

export interface DoReMiState {
  /** Number of updates so far. */
  readonly step: number;
  /** α_t, which sum to 1. */
  readonly weights: readonly number[];
  /** Mean of the weights over the updates: what the method returns. */
  readonly average: readonly number[];
}

export interface DoReMiOptions {
  /** Step size η of the exponentiated gradient. */
  readonly rate: number;
  /** Share c of the uniform mixture, which keeps every domain alive. */
  readonly smoothing: number;
}

export const DOREMI_DEFAULTS: DoReMiOptions = { rate: 1, smoothing: 1e-3 };

/** @param weights α₀, not negative; the paper's are uniform. */
export function startDoReMi(weights: readonly number[]): DoReMiState {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0) || weights.some((weight) => !(weight >= 0)))
    throw new RangeError("weights are not negative and not all 0");
  const normal = weights.map((weight) => weight / total);
  return { step: 0, weights: normal, average: normal };
}

/**
 * One update: λ_i = max(proxy loss − reference loss, 0); α ∝ α·exp(η·λ); α = (1 − c)·α + c/k.
 * @param excess proxy loss minus reference loss of each domain, in nats a token. The paper clips each token's excess at 0 before it averages
 * a domain's; a caller with sums a domain only clips here.
 * @throws RangeError when a number is missing or not finite: one would spread to all weights.
 */
export function updateDoReMi(
  state: DoReMiState,
  excess: readonly number[],
  { rate, smoothing }: DoReMiOptions = DOREMI_DEFAULTS,
): DoReMiState {
  if (excess.length !== state.weights.length)
    throw new RangeError(`${state.weights.length} domains, ${excess.length} excess losses`);
  if (!excess.every(Number.isFinite)) throw new RangeError(`excess losses must be finite: ${excess.join(", ")}`);
  const clipped = excess.map((value) => rate * Math.max(value, 0));
  const most = Math.max(...clipped);
  const raised = state.weights.map((weight, i) => weight * Math.exp(clipped[i] - most));
  const total = raised.reduce((sum, weight) => sum + weight, 0);
  const weights = raised.map((weight) => (1 - smoothing) * (weight / total) + smoothing / raised.length);
  const step = state.step + 1;
  const average = weights.map((weight, i) =>
    step === 1 ? weight : state.average[i] + (weight - state.average[i]) / step,
  );
  return { step, weights, average };
}
