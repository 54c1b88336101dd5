/**
 * The arithmetic that the reference loops compute in: exact (float64) or plain float32, where every single result is rounded.
 *
 * The float32 ones set the tolerance for engines: nobody has to guess an epsilon, an engine may be twice as far from float64 as plain
 * loops are. Sums can run in either order, because one order alone can be lucky.
 */
export interface Arithmetic {
  readonly round: (value: number) => number;
  readonly order: "up" | "down";
}

export const EXACT: Arithmetic = { round: (value) => value, order: "up" };
export const FLOAT32_UP: Arithmetic = { round: Math.fround, order: "up" };
export const FLOAT32_DOWN: Arithmetic = { round: Math.fround, order: "down" };

/** term(0) + … + term(count − 1), rounded after every addition. */
export function sum({ round, order }: Arithmetic, count: number, term: (index: number) => number): number {
  let total = 0;
  if (order === "up") for (let index = 0; index < count; index++) total = round(total + term(index));
  else for (let index = count - 1; index >= 0; index--) total = round(total + term(index));
  return total;
}

/** Values of a tensor; always float64 storage, float32 values when the arithmetic is float32. */
export type Values = Float64Array;

/** Fills a tensor of `count` values, each rounded. */
export function fill({ round }: Arithmetic, count: number, value: (index: number) => number): Values {
  const values = new Float64Array(count);
  for (let index = 0; index < count; index++) values[index] = round(value(index));
  return values;
}

/** a + b, element by element. */
export function add(arithmetic: Arithmetic, a: Values, b: Values): Values {
  return fill(arithmetic, a.length, (index) => at(a, index) + at(b, index));
}

export function at(values: Values, index: number): number {
  return values[index] as number;
}
