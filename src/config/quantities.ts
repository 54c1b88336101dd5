/**
 * Quantities as people write them: `300k`, `1.5B`, `8_000`, `5%`, `2M tokens`. Thousands are decimal, for bytes too: 6M is 6,000,000.
 * Everything is read from the decimal text, never multiplied in floating point: 1.1M is exactly 1,100,000.
 */
import { parseRational, type Rational } from "../base/rational.js";

/** A length of training; shares are of the stage's steps, from 0 to 1. */
export type Duration =
  | { readonly unit: "steps"; readonly steps: number }
  | { readonly unit: "tokens"; readonly tokens: number }
  | { readonly unit: "share"; readonly share: Rational };

const POWERS: Readonly<Record<string, number>> = { k: 3, K: 3, M: 6, B: 9, G: 9, T: 12 };

/** A count from 0 to 2^53 − 1: a whole number, or text such as `300k`, `1.5B`, `8_000`. Null for anything else. */
export function parseCount(value: unknown): number | null {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? value : null;
  if (typeof value !== "string") return null;
  const parts = /^\s*(\d+(?:_\d+)*(?:\.\d+)?)\s?([kKMBGT]?)\s*$/.exec(value);
  if (parts === null) return null;
  const [, digits = "", unit = ""] = parts;
  const exact = parseRational(`${digits.replaceAll("_", "")}e${POWERS[unit] ?? 0}`);
  return exact !== null && exact.denominator === 1 ? exact.numerator : null;
}

const BINARY: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };

/**
 * Bytes, from 0 to 2^53 − 1: as `parseCount`, or with a unit: `20GiB`, `1.5 GiB` (binary), `16GB` (decimal). Null for anything else.
 * A part of a byte that a binary unit leaves is dropped.
 */
export function parseBytes(value: unknown): number | null {
  const parts = typeof value === "string" ? /^\s*([\d_.]+)\s?([KMGT]i|[kMGT]?)B\s*$/.exec(value) : null;
  if (parts === null) return parseCount(value);
  const [, digits = "", unit = ""] = parts;
  const scale = BINARY[unit];
  if (scale === undefined) return parseCount(`${digits}${unit}`);
  const exact = /^\d+(?:_\d+)*(?:\.\d+)?$/.test(digits) ? parseRational(digits.replaceAll("_", "")) : null;
  const bytes = exact === null ? null : Math.floor((exact.numerator * scale) / exact.denominator);
  return bytes !== null && Number.isSafeInteger(bytes) ? bytes : null;
}

/** A whole number, or its digits as text, underscores allowed; no `k` or `M`, because 4k is not 4096. Null for anything else. */
export function parseWhole(value: unknown): number | null {
  return typeof value === "string" && !/^\s*[\d_]+\s*$/.test(value) ? null : parseCount(value);
}

/** A finite number, or its decimal text. Null for anything else. */
export function parseNumber(value: unknown): number | null {
  if (typeof value === "string" && !/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(value)) return null;
  if (typeof value !== "number" && typeof value !== "string") return null;
  return Number.isFinite(Number(value)) ? Number(value) : null;
}

/** An exact share from 0 to 1: `3%`, `0.03`, `1/3`. Null for anything else. */
export function parseShare(value: unknown): Rational | null {
  const text = decimalText(value);
  const share = text === null ? null : parseRational(text);
  return share !== null && share.numerator >= 0 && share.numerator <= share.denominator ? share : null;
}

/**
 * The decimal text of a number or of text; null for anything else. JavaScript prints the shortest decimal that reads back as the same
 * number, so up to 15 digits this is what the user wrote: 0.1 is "0.1", not its binary neighbour.
 */
export function decimalText(value: unknown): string | null {
  if (typeof value === "string") return value.trim();
  return typeof value === "number" && Number.isFinite(value) ? String(value) : null;
}

/** `100` or `100 steps`, `2M tokens`, `5%`. Null for anything else; 0.05 is refused, since it could be either. */
export function parseDuration(value: unknown): Duration | null {
  const [, amount = "", unit = ""] = /^\s*(.*?)\s*(%|tokens?|steps?)?\s*$/.exec(decimalText(value) ?? "") ?? [];
  if (unit === "%") {
    const share = parseShare(`${amount}%`);
    return share && { unit: "share", share };
  }
  const count = parseCount(amount);
  if (count === null) return null;
  return unit.startsWith("token") ? { unit: "tokens", tokens: count } : { unit: "steps", steps: count };
}
