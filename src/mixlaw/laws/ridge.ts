/** Linear regression with a penalty on the slopes, in closed form: RegMix's first regressor. */

export interface Ridge {
  readonly offset: number;
  readonly slopes: readonly number[];
}

/**
 * The slopes w and the offset that make Σ(y − offset − w·x)² + penalty·|w|² least: (XᵀX + penalty·1)·w = Xᵀy about the means.
 * @param penalty above 0: shares sum to 1, so that XᵀX alone has no inverse.
 */
export function fitRidge(rows: readonly (readonly number[])[], targets: readonly number[], penalty = 1e-3): Ridge {
  const width = rows[0].length;
  const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const means = Array.from({ length: width }, (_, i) => meanOf(rows.map((row) => row[i])));
  const mean = meanOf(targets);
  const centred = rows.map((row) => row.map((value, i) => value - means[i]));
  const matrix = means.map((_, i) =>
    means.map((__, j) => centred.reduce((sum, row) => sum + row[i] * row[j], i === j ? penalty : 0)),
  );
  const right = means.map((_, i) => centred.reduce((sum, row, n) => sum + row[i] * (targets[n] - mean), 0));
  const slopes = solve(matrix, right);
  return { slopes, offset: mean - slopes.reduce((sum, slope, i) => sum + slope * means[i], 0) };
}

export function predictRidge({ offset, slopes }: Ridge, row: readonly number[]): number {
  return slopes.reduce((sum, slope, i) => sum + slope * row[i], offset);
}

/** Cholesky's factor of a positive definite matrix, and the two triangular systems. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const n = right.length;
  const lower = matrix.map(() => new Float64Array(n));
  const upTo = (a: Float64Array, b: Float64Array, end: number) => {
    let sum = 0;
    for (let k = 0; k < end; k++) sum += a[k] * b[k];
    return sum;
  };
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) lower[i][j] = (matrix[i][j] - upTo(lower[i], lower[j], j)) / lower[j][j];
    lower[i][i] = Math.sqrt(matrix[i][i] - upTo(lower[i], lower[i], i));
  }
  const x = new Float64Array(n);
  for (let i = 0; i < n; i++) x[i] = (right[i] - upTo(lower[i], x, i)) / lower[i][i];
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i];
    for (let k = i + 1; k < n; k++) sum -= lower[k][i] * x[k];
    x[i] = sum / lower[i][i];
  }
  return [...x];
}
