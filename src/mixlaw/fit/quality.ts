/** How well predictions meet observations, in the measures that the papers report. */
import type { Law, Sample } from "./law.js";
import { huber, residualOf } from "./objective.js";

export interface Quality {
  /** Share of the observations' variance that is explained; null where they do not vary. */
  readonly r2: number | null;
  /** Mean Huber loss of the residuals. */
  readonly huber: number;
  /** Root of the mean squared difference, in losses. */
  readonly rmse: number;
  /** Mean of |predicted − observed| / |observed|; null where one observed value is 0. */
  readonly relative: number | null;
}

export function qualityOf(
  law: Law,
  samples: readonly Sample[],
  predicted: readonly number[],
  delta: number,
): { readonly quality: Quality; readonly residuals: number[] } {
  const residuals = samples.map(({ observed }, i) => residualOf(law, predicted[i], observed));
  const errors = samples.map(({ observed }, i) => predicted[i] - observed);
  const mean = average(samples.map(({ observed }) => observed));
  const variance = average(samples.map(({ observed }) => (observed - mean) ** 2));
  const squared = average(errors.map((error) => error * error));
  const quality = {
    r2: variance > 0 ? 1 - squared / variance : null,
    huber: average(residuals.map((residual) => huber(residual, delta))),
    rmse: Math.sqrt(squared),
    relative: samples.some(({ observed }) => observed === 0)
      ? null
      : average(samples.map(({ observed }, i) => Math.abs(errors[i] / observed))),
  };
  return { quality, residuals };
}

export function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Spearman's rank correlation; equal values share their mean rank. */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranksOf(a), ranksOf(b)];
  const middle = (a.length - 1) / 2;
  const product = (u: readonly number[], v: readonly number[]) =>
    u.reduce((sum, rank, i) => sum + (rank - middle) * (v[i] - middle), 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
}

function ranksOf(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((i, j) => values[i] - values[j]);
  const ranks = new Array<number>(values.length).fill(0);
  for (let first = 0; first < order.length; ) {
    let end = first + 1;
    while (end < order.length && values[order[end]] === values[order[first]]) end++;
    for (let i = first; i < end; i++) ranks[order[i]] = (first + end - 1) / 2;
    first = end;
  }
  return ranks;
}
