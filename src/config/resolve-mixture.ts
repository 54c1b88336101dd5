/** A mixture's parts or shares as exact fractions that sum to 1. */
import { addRational, gcd, parseRational, type Rational, rational } from "../base/rational.js";

/**
 * Largest common denominator of a mixture's shares. The order of domains repeats after that many windows and `data/mixture.ts` lays one
 * period out, whose bound this is: said here, it comes with its line. Six decimals fit.
 */
export const FINEST = 2 ** 22;

/** The shares, or why there are none. */
export type MixtureResult =
  | { readonly shares: readonly Rational[] }
  | {
      readonly shares: null;
      readonly what: string;
      readonly expected?: string;
      readonly got?: string;
      readonly hint?: string;
    };

/**
 * All whole numbers: parts of a ratio, whatever their sum. Otherwise all are shares and must sum to exactly 1.
 * @param parts as text, each a non-negative number, percentage or fraction (`schema-leaves.ts` sees to that).
 */
export function readMixture(parts: readonly string[]): MixtureResult {
  try {
    return parts.every((part) => /^\d+$/.test(part)) ? fromParts(parts.map(Number)) : fromShares(parts);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return {
      shares: null,
      what: "the mixture's numbers are too long to be added exactly",
      hint: "use at most 6 digits",
    };
  }
}

function fromParts(parts: readonly number[]): MixtureResult {
  const sum = parts.reduce((total, part) => total + part, 0);
  if (sum === 0) return { shares: null, what: "the mixture's parts add up to zero" };
  return asFine(parts.map((part) => rational(part, sum)));
}

function fromShares(parts: readonly string[]): MixtureResult {
  const shares = parts.map((part) => parseRational(part) ?? rational(0, 1));
  const sum = shares.reduce(addRational, rational(0, 1));
  if (sum.numerator === sum.denominator) return asFine(shares);
  const text =
    sum.denominator === 1
      ? String(sum.numerator)
      : `${sum.numerator / sum.denominator} (${sum.numerator}/${sum.denominator})`;
  return {
    shares: null,
    what: "the mixture's shares do not add up to exactly 1",
    got: text,
    hint: "thirds are written 1/3; parts of a ratio are all whole numbers, such as { a: 1, b: 2 }",
  };
}

function asFine(shares: readonly Rational[]): MixtureResult {
  let common = 1;
  for (const { denominator } of shares) {
    common = (common / gcd(common, denominator)) * denominator;
    if (common > FINEST)
      return {
        shares: null,
        what: "the mixture is too fine",
        expected: `shares with a common denominator of at most ${FINEST}`,
        hint: "round the shares to six decimals",
      };
  }
  return { shares };
}
