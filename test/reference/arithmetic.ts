/**
 * The arithmetic that the reference loops compute in: exact (float64), or plain float32, where every single result is rounded.
 *
 * The float32 ones set the tolerance for engines: nobody has to guess an epsilon, an engine may be twice as far from float64 as plain
 * loops are. One run of loops can be lucky, above all where a correctly rounded function is exact, like 1/1 in a softmax over one
 * token. So there is a second float32 whose functions are good to one unit in the last place instead of half a unit, as in
 * TensorFlow, XNNPACK and CUDA ("Monte Carlo arithmetic", Parker 1997).
 */
export interface Arithmetic {
  readonly round: (value: number) => number;
}

export const EXACT: Arithmetic = { round: (value) => value };

/** Every result correctly rounded to float32. */
export const FLOAT32: Arithmetic = { round: Math.fround };

/** Every result moved by up to half a unit in the last place, then rounded; by the same amounts for the same positive seed. */
export function looseFloat32(seed: number): Arithmetic {
  let state = seed;
  const round = (value: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(value + value * (state / 2 ** 31 - 1) * 2 ** -24);
  };
  return { round };
}

/** term(0) + … + term(count − 1), rounded after every addition. */
export function sum({ round }: Arithmetic, count: number, term: (index: number) => number): number {
  let total = 0;
  for (let index = 0; index < count; index++) total = round(total + term(index));
  return total;
}

/** Numbers that lie `stride` apart in a tensor, from `start`. */
export interface Line {
  readonly values: Values;
  readonly start: number;
  readonly stride: number;
}

/** Σ a[i] b[i] over `count` numbers: `sum` of products, apart because nearly all time is spent here. */
export function dot({ round }: Arithmetic, count: number, a: Line, b: Line): number {
  let total = 0;
  for (let index = 0; index < count; index++) {
    const product = at(a.values, a.start + index * a.stride) * at(b.values, b.start + index * b.stride);
    total = round(total + round(product));
  }
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
