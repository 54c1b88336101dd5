/** Medians with their range: what a few disturbed measurements are summed up in. */

/** All in the unit of the values. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The spread of at least one value; the median of an even number is the mean of the middle two. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error("no values have no median");
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return { median: (low + high) / 2, min: sorted[0], max: sorted[sorted.length - 1] };
}

/** Index of the value that is the median, or the lower of the middle two. */
export function middleOf(values: readonly number[]): number {
  const order = values.map((_, index) => index).sort((a, b) => values[a] - values[b]);
  if (order.length === 0) throw new Error("no values have no median");
  return order[(order.length - 1) >> 1];
}
