/**
 * Minimising a function of few variables inside a box: limited-memory BFGS (Nocedal, "Updating quasi-Newton matrices with limited
 * storage", 1980) on the variables that are not held by a bound, with steps projected into the box (Bertsekas, "Projected Newton methods",
 * 1982). The line search is the bracketing one of Lewis and Overton ("Nonsmooth optimization via quasi-Newton methods", 2013), because
 * a Huber loss with a small δ is as good as not smooth.
 */

/** The value at x; writes the gradient. Infinity: x is outside where the function is defined. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

export interface Box {
  readonly lower: Float64Array;
  readonly upper: Float64Array;
}

export interface Minimum {
  readonly x: Float64Array;
  readonly value: number;
  readonly iterations: number;
}

export interface MinimiseOptions {
  readonly iterations: number;
  /** Ends when the value falls by less than this share of itself in three steps one after the other. */
  readonly tolerance: number;
}

const MEMORY = 12;
const SUFFICIENT_FALL = 1e-4;
const CURVATURE = 0.9;
const SEARCH_STEPS = 30;

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly product: number;
}

interface Place {
  readonly x: Float64Array;
  readonly gradient: Float64Array;
  readonly value: number;
}

/** A local minimum reached from `start`, which is moved into the box first. */
export function minimise(objective: Objective, start: Float64Array, box: Box, options: MinimiseOptions): Minimum {
  let place = placeAt(objective, project(start, box));
  let pairs: Pair[] = [];
  let idle = 0;
  let iterations = 0;
  for (; iterations < options.iterations && Number.isFinite(place.value) && idle < 3; iterations++) {
    const free = freeVariables(place, box);
    let direction = quasiNewton(place.gradient, pairs, free);
    if (dot(direction, place.gradient) >= 0) {
      pairs = [];
      direction = quasiNewton(place.gradient, pairs, free);
    }
    if (dot(direction, place.gradient) === 0) break;
    const next = search(objective, place, direction, box, pairs.length === 0);
    if (next === null) {
      if (pairs.length === 0) break;
      pairs = [];
      continue;
    }
    pairs = remember(pairs, place, next);
    idle = place.value - next.value <= options.tolerance * Math.abs(place.value) ? idle + 1 : 0;
    place = next;
  }
  return { x: place.x, value: place.value, iterations };
}

function placeAt(objective: Objective, x: Float64Array): Place {
  const gradient = new Float64Array(x.length);
  const value = objective(x, gradient);
  const defined = !Number.isNaN(value) && gradient.every(Number.isFinite);
  return { x, gradient, value: defined ? value : Number.POSITIVE_INFINITY };
}

function project(x: Float64Array, { lower, upper }: Box): Float64Array {
  return x.map((value, i) => Math.min(Math.max(value, lower[i]), upper[i]));
}

/** 0 for a variable that a bound holds: the function would fall beyond it. */
function freeVariables({ x, gradient }: Place, { lower, upper }: Box): Uint8Array {
  return Uint8Array.from(x, (value, i) =>
    (value <= lower[i] && gradient[i] > 0) || (value >= upper[i] && gradient[i] < 0) ? 0 : 1,
  );
}

/** The two loops of L-BFGS over the free variables: −H·gradient. */
function quasiNewton(gradient: Float64Array, pairs: readonly Pair[], free: Uint8Array): Float64Array {
  const direction = gradient.map((slope, i) => (free[i] ? -slope : 0));
  const weights: number[] = [];
  for (const pair of pairs.toReversed()) {
    const weight = dot(pair.step, direction) / pair.product;
    weights.push(weight);
    addScaled(direction, pair.change, -weight);
  }
  const newest = pairs.at(-1);
  if (newest !== undefined) scale(direction, newest.product / dot(newest.change, newest.change));
  for (const pair of pairs)
    addScaled(direction, pair.step, (weights.pop() ?? 0) - dot(pair.change, direction) / pair.product);
  for (let i = 0; i < direction.length; i++) if (!free[i]) direction[i] = 0;
  return direction;
}

/** A place along the direction that satisfies the weak Wolfe conditions, or the lowest one that falls enough, or null. */
function search(objective: Objective, from: Place, direction: Float64Array, box: Box, first: boolean): Place | null {
  const slope = dot(direction, from.gradient);
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  let length = first ? Math.min(1, 1 / Math.sqrt(dot(direction, direction))) : 1;
  let best: Place | null = null;
  for (let turn = 0; turn < SEARCH_STEPS; turn++) {
    const x = from.x.map((value, i) => value + length * direction[i]);
    const place = placeAt(objective, project(x, box));
    const moved = place.x.map((value, i) => value - from.x[i]);
    if (place.value > from.value + SUFFICIENT_FALL * dot(from.gradient, moved) || place.value >= from.value) {
      high = length;
    } else {
      if (best === null || place.value < best.value) best = place;
      const held = place.x.some((value, i) => value !== x[i]);
      if (held || dot(place.gradient, direction) >= CURVATURE * slope) return best;
      low = length;
    }
    length = Number.isFinite(high) ? (low + high) / 2 : 2 * length;
  }
  return best;
}

function remember(pairs: readonly Pair[], from: Place, to: Place): Pair[] {
  const step = to.x.map((value, i) => value - from.x[i]);
  const change = to.gradient.map((value, i) => value - from.gradient[i]);
  const product = dot(step, change);
  const curved = product > 1e-12 * Math.sqrt(dot(step, step) * dot(change, change));
  return curved ? [...pairs.slice(1 - MEMORY), { step, change, product }] : [...pairs];
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function addScaled(target: Float64Array, other: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] += factor * other[i];
}

function scale(target: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] *= factor;
}
