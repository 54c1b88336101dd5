/** The mixtures that a sweep tries, as exact shares: a grid of one domain's shares, a list, or draws from a Dirichlet distribution. */

import { streamOf } from "../../base/random.js";
import { type Rational, rational, toNumber } from "../../base/rational.js";
import { readMixture } from "../../config/resolve-mixture.js";
import type { MixturesSource } from "../../config/schema-sweep.js";
import { drawShares } from "../dirichlet.js";

export interface SweptMixture {
  /** Part of a run's name, unique in the sweep. */
  readonly label: string;
  /** By domain; they sum to exactly 1, and none is 0. */
  readonly shares: Readonly<Record<string, Rational>>;
}

/** Drawn shares are whole multiples of 1/10,000, so that their common denominator stays small. */
const FINENESS = 10_000;

/** @param domain whose share a grid varies. */
export function mixturesOf(source: MixturesSource, domain: string): SweptMixture[] {
  switch (source.kind) {
    case "grid":
      return source.shares.map((share) => ({
        label: `${domain}-${shareLabel(share)}`,
        shares: withShare(domain, share, source.rest),
      }));
    case "list":
      return source.mixtures.map((mixture, index) => ({
        label: `mix-${numbered(index, source.mixtures.length)}`,
        shares: withoutZeros(sharesOf(mixture)),
      }));
    case "dirichlet":
      return Array.from({ length: source.count }, (_, index) => ({
        label: `mix-${numbered(index, source.count)}`,
        shares: drawn(source.concentration, source.seed, index),
      }));
  }
}

/** Exact shares of parts that the sweep's file was checked for. */
export function sharesOf(parts: Readonly<Record<string, string>>): Record<string, Rational> {
  const { shares } = readMixture(Object.values(parts));
  if (shares === null) throw new Error("the mixture was not checked");
  return Object.fromEntries(Object.keys(parts).map((name, index) => [name, shares[index]]));
}

/** A share of one domain, and what it leaves in the proportions of `rest`. */
export function withShare(
  domain: string,
  share: Rational,
  rest: Readonly<Record<string, string>>,
): Record<string, Rational> {
  return withoutZeros({ [domain]: share, ...scaled(sharesOf(rest), share) });
}

/** The nearest exact shares of weights that sum to 1; a weight below half a ten-thousandth may leave none. */
export function sharesOfWeights(weights: Readonly<Record<string, number>>): Record<string, Rational> {
  const parts = rounded(Object.values(weights).map((weight) => weight * FINENESS));
  return withoutZeros(Object.fromEntries(Object.keys(weights).map((name, i) => [name, rational(parts[i], FINENESS)])));
}

/** A share as a part of a file name: 0.36, at most six digits. */
export function shareLabel(share: Rational): string {
  return String(Number(toNumber(share).toFixed(6)));
}

function numbered(index: number, count: number): string {
  return String(index + 1).padStart(String(count).length, "0");
}

/** What `share` leaves, in given proportions. */
function scaled(rest: Readonly<Record<string, Rational>>, share: Rational): Record<string, Rational> {
  const left = rational(share.denominator - share.numerator, share.denominator);
  return Object.fromEntries(
    Object.entries(rest).map(([name, part]) => [
      name,
      rational(part.numerator * left.numerator, part.denominator * left.denominator),
    ]),
  );
}

function drawn(concentration: Readonly<Record<string, number>>, seed: number, index: number): Record<string, Rational> {
  const names = Object.keys(concentration);
  const shares = drawShares(Object.values(concentration), seed, streamOf("mixtures of a sweep"), index);
  return sharesOfWeights(Object.fromEntries(names.map((name, i) => [name, shares[i]])));
}

/** Whole numbers of the same sum: the largest remainders are rounded up (Hamilton's method). */
function rounded(values: readonly number[]): number[] {
  const parts = values.map(Math.floor);
  const missing = FINENESS - parts.reduce((sum, part) => sum + part, 0);
  const byRemainder = values.map((_, i) => i).sort((a, b) => values[b] - parts[b] - (values[a] - parts[a]) || a - b);
  for (const i of byRemainder.slice(0, missing)) parts[i]++;
  return parts;
}

function withoutZeros(shares: Readonly<Record<string, Rational>>): Record<string, Rational> {
  return Object.fromEntries(Object.entries(shares).filter(([, { numerator }]) => numerator > 0));
}
