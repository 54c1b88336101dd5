/** What a few disturbed measurements are summed up in: medians with their range, means with their deviation. */

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

/** The arithmetic mean of at least one value. */
export function meanOf(values: readonly number[]): number {
  if (values.length === 0) throw new Error("no values have no mean");
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The sample standard deviation (n − 1 in the denominator); null where there are fewer than two values. */
export function deviationOf(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
