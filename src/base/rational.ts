/** Exact fractions of safe integers: mixture shares must add up to exactly 1, which binary floating point cannot promise. */

export interface Rational {
  readonly numerator: number;
  /** Positive; the fraction is in lowest terms. */
  readonly denominator: number;
}

/** Greatest common divisor of two non-negative integers. */
export function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** The fraction in lowest terms. @throws RangeError when a part is not a safe integer or the denominator is not positive. */
export function rational(numerator: number, denominator: number): Rational {
  if (!Number.isSafeInteger(numerator) || !Number.isSafeInteger(denominator) || denominator <= 0)
    throw new RangeError(`not a fraction of safe integers: ${numerator}/${denominator}`);
  const divisor = gcd(Math.abs(numerator), denominator);
  return { numerator: numerator / divisor, denominator: denominator / divisor };
}

/** Reads `1`, `0.36`, `1e-3`, `36%` or `1/3` exactly as written; null when the text is none of these or needs more than 15 digits. */
export function parseRational(text: string): Rational | null {
  const fraction = /^\s*(-?\d{1,15})\s*\/\s*([1-9]\d{0,14})\s*$/.exec(text);
  if (fraction) return rational(Number(fraction[1]), Number(fraction[2]));
  const decimal = /^\s*(-?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,2}))?\s*(%?)\s*$/i.exec(text);
  if (!decimal) return null;
  const [, sign = "", whole = "", part = "", exponent = "0", percent = ""] = decimal;
  if (whole + part === "") return null;
  const power = part.length - Number(exponent) + (percent === "%" ? 2 : 0);
  const numerator = Number(sign + whole + part) * (power < 0 ? 10 ** -power : 1);
  const denominator = power > 0 ? 10 ** power : 1;
  return Number.isSafeInteger(numerator) && Number.isSafeInteger(denominator)
    ? rational(numerator === 0 ? 0 : numerator, denominator)
    : null;
}

/** a + b. @throws RangeError when the sum in lowest terms needs integers beyond 2^53. */
export function addRational(a: Rational, b: Rational): Rational {
  // Big integers, since products beyond 2^53 would be rounded and could still cancel to a sum that looks exact.
  const [aBottom, bBottom] = [BigInt(a.denominator), BigInt(b.denominator)];
  const top = BigInt(a.numerator) * bBottom + BigInt(b.numerator) * aBottom;
  const bottom = aBottom * bBottom;
  const divisor = bigGcd(top < 0n ? -top : top, bottom);
  return rational(Number(top / divisor), Number(bottom / divisor));
}

function bigGcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : bigGcd(b, a % b);
}

/** The nearest floating-point number. */
export function toNumber(value: Rational): number {
  return value.numerator / value.denominator;
}
