/**
 * How far an engine may be from the exact result: twice as far as plain float32 loops are (the rule of FlashAttention's tests).
 * Distances are Euclidean over a whole tensor. One ill-conditioned value early in a model can rule all errors after it, so one run of
 * loops says little about the error to expect: the worst of a correctly rounded and several loose ones (`reference/arithmetic.ts`) counts.
 */
import { expect } from "vitest";
import { type Arithmetic, EXACT, FLOAT32, looseFloat32 } from "../reference/arithmetic.js";

const LOOSE_RUNS = 4;

/** Named results of one computation, such as every parameter's gradient. */
export type Results = ReadonlyMap<string, ArrayLike<number>>;

export interface Expectation {
  readonly exact: Results;
  /** Largest distance allowed, by name. */
  readonly allowed: ReadonlyMap<string, number>;
}

/**
 * Runs a reference computation in every arithmetic.
 * @param looseRuns how many loose ones; two do for rows of hundreds of tokens, whose sums are too long for luck.
 */
export function expectationOf(compute: (arithmetic: Arithmetic) => Results, looseRuns = LOOSE_RUNS): Expectation {
  const exact = compute(EXACT);
  const loose = Array.from({ length: looseRuns }, (_, run) => looseFloat32(run + 1));
  const plain = [FLOAT32, ...loose].map(compute);
  const allowed = new Map(
    [...exact].map(([name, values]) => [
      name,
      2 * Math.max(...plain.map((results) => distance(results.get(name) ?? [], values))),
    ]),
  );
  return { exact, allowed };
}

/** Checks that `actual` has every expected tensor and that none is too far off. */
export function expectClose(actual: Results, { exact, allowed }: Expectation): void {
  const report = [...exact].map(([name, values]) => {
    const found = actual.get(name);
    expect(found, `${name} is missing`).toBeDefined();
    return { name, distance: distance(found ?? [], values), limit: allowed.get(name) ?? 0 };
  });
  const beyond = report.filter((entry) => !(entry.distance <= entry.limit));
  expect(beyond, "further from float64 than twice the plain float32 loops").toEqual([]);
}

/** Euclidean distance; infinite when the lengths differ. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let squares = 0;
  for (let index = 0; index < a.length; index++) squares += ((a[index] as number) - (b[index] as number)) ** 2;
  return Math.sqrt(squares);
}
