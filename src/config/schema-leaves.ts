/**
 * The leaves of the plan's schema. Each says in words what it expects; those words are the `expected` of every message about it.
 * Three ways for a key to be: required, `withDefault` (the default as a user would write it), `optional` (null when absent).
 */
import { z } from "zod";
import type { Rational } from "../base/rational.js";
import {
  type Duration,
  decimalText,
  parseBytes,
  parseCount,
  parseDuration,
  parseNumber,
  parseShare,
  parseWhole,
} from "./quantities.js";

/** A leaf that `read` turns into its value, or into null where the value is wrong. */
export function leaf<T>(expected: string, read: (value: unknown) => T | null) {
  // `unknown` would let a missing key pass; the check makes its absence a problem.
  return z
    .custom<unknown>((value) => value !== undefined, expected)
    .transform((value, context): T => {
      const result = read(value);
      if (result !== null) return result;
      context.issues.push({ code: "custom", message: expected, input: value });
      return z.NEVER;
    });
}

/** A key that may be absent or null; its value is then null and `resolve` finds what fits. */
export function optional<S extends z.ZodType>(schema: S) {
  return schema.nullable().default(null as z.output<z.ZodNullable<S>> & z.core.util.NoUndefined<z.output<S> | null>);
}

/** A strict section; `title` names it in messages. */
export function section<S extends z.ZodRawShape>(title: string, shape: S) {
  return z.strictObject(shape, `${title}: keys and values`);
}

const within =
  <T extends number>(low: number, high: number) =>
  (value: T | null): T | null =>
    value !== null && value >= low && value <= high ? value : null;

/** A whole number from `low` to `high`. */
export function whole(low: number, high: number = Number.MAX_SAFE_INTEGER) {
  const range = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`;
  return leaf(`a whole number ${range}`, (value) => within(low, high)(parseWhole(value)));
}

/** A count of at least one `unit`s, with k, M, B, T. */
export function count(unit: "tokens" | "bytes") {
  return leaf(`a number of ${unit}, such as 300k, 2M, 1.5B or 8_000`, (value) =>
    within(1, Number.MAX_SAFE_INTEGER)(parseCount(value)),
  );
}

/** A size of at least one byte, binary or decimal. */
export const size = leaf<number>("a size, such as 20GiB or 16GB", (value) =>
  within(1, Number.MAX_SAFE_INTEGER)(parseBytes(value)),
);

/** A number for which `holds`; `expected` says so in words. */
export function number(expected: string, holds: (value: number) => boolean) {
  return leaf(expected, (value) => {
    const parsed = parseNumber(value);
    return parsed !== null && holds(parsed) ? parsed : null;
  });
}

export const positive = number("a number above 0", (value) => value > 0);
export const fraction = number("a number from 0 up to but not including 1", (value) => value >= 0 && value < 1);
export const flag = z.boolean("true or false");

/** A learning rate; AdamW moves every weight by about this much a step, so that more than 1 is a slip of the pen. */
export function rate(lowest: "positive" | "zero") {
  const words = lowest === "zero" ? "a learning rate from 0 to 1" : "a learning rate above 0, at most 1";
  return number(`${words}, such as 3e-4`, (value) => (lowest === "zero" ? value >= 0 : value > 0) && value <= 1);
}

/** A learning rate, or `previous`: the rate that the stage before ends with. */
export function rateOrPrevious(lowest: "positive" | "zero") {
  const words = lowest === "zero" ? "a learning rate from 0 to 1" : "a learning rate above 0, at most 1";
  return leaf<number | "previous">(`${words}, such as 3e-4, or \`previous\``, (value) => {
    if (value === "previous") return value;
    const parsed = parseNumber(value);
    return parsed !== null && parsed <= 1 && (lowest === "zero" ? parsed >= 0 : parsed > 0) ? parsed : null;
  });
}

/** A learning rate, or a share of the schedule's peak, kept as a fraction until the peak is known. */
export function rateOrShareOfPeak(lowest: "positive" | "zero") {
  const words = lowest === "zero" ? "a learning rate from 0 to 1" : "a learning rate above 0, at most 1";
  return leaf<number | Rational>(`${words}, such as 3e-5, or a share of the peak, such as 10% of peak`, (value) => {
    const share = typeof value === "string" ? /^(.*\S)\s+of\s+peak\s*$/.exec(value)?.[1] : undefined;
    const parsed = share === undefined ? parseNumber(value) : parseShare(share);
    if (parsed === null) return null;
    const size = typeof parsed === "number" ? parsed : parsed.numerator / parsed.denominator;
    return size <= 1 && (lowest === "zero" ? size >= 0 : size > 0) ? parsed : null;
  });
}

export const duration = leaf<Duration>(
  "a length in steps (100), in tokens (2M tokens) or as a share of the stage (5%)",
  parseDuration,
);

export const share = leaf<Rational>("a share from 0 to 100%, such as 36%, 0.36 or 1/3", parseShare);

/** Share of the documents; 100 % would leave nothing to train on. */
export const heldOutShare = leaf<Rational>("a share from 0 up to but not including 100%, such as 1%", (value) => {
  const share = parseShare(value);
  return share !== null && share.numerator < share.denominator ? share : null;
});

/** A share of something, all of it included. */
export const shareOfAll = leaf<Rational>("a share above 0, such as 20% or 1/3", (value) => {
  const share = parseShare(value);
  return share !== null && share.numerator > 0 ? share : null;
});

/** One domain's part of a mixture, kept as text until all parts are known: whether 1 is a part or the whole depends on the others. */
export const mixturePart = leaf<string>("a part (1), or a share (36%, 0.36, 1/3)", (value) => {
  const text = decimalText(value);
  if (text === null) return null;
  return parseShare(text) !== null || /^\d+$/.test(text.replaceAll("_", "")) ? text.replaceAll("_", "") : null;
});

/** A name that is safe as a folder. */
export const runName = leaf<string>(
  "a name of letters, digits, `.`, `_` and `-` that starts with a letter or digit (at most 100)",
  (value) => {
    const text = decimalText(value);
    return text !== null && /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(text) ? text : null;
  },
);

const DOMAIN_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;

export const domainName = leaf<string>(
  "a name of lower-case letters, digits, `_` and `-` that starts with a letter or digit (at most 64)",
  (value) => (typeof value === "string" && DOMAIN_NAME.test(value) ? value : null),
);

export const domainNames = leaf<readonly string[]>("a list of names of domains, none of them twice", (value) =>
  Array.isArray(value) &&
  value.every((each) => typeof each === "string" && DOMAIN_NAME.test(each)) &&
  new Set(value).size === value.length
    ? value
    : null,
);

/** A column, or a role, as records name it. */
export const columnName = leaf<string>("a name of at most 100 characters", (value) =>
  typeof value === "string" && /^\P{Cc}{1,100}$/u.test(value) ? value : null,
);

/** A path as written; `~` is the shell's and would become a folder of that name. */
export const path = leaf<string>("a path, without `~`", (value) => (isPath(value) ? value : null));

export const paths = leaf<readonly string[]>("a path or a list of paths, without `~`", (value) => {
  const list = Array.isArray(value) ? value : [value];
  return list.length > 0 && list.every(isPath) ? list : null;
});

/** A text that says something, or a list of such texts. */
export const words = leaf<readonly string[]>("a text or a list of texts, none of them empty", (value) => {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.length > 0 && list.every((each) => typeof each === "string" && each.trim() !== "")
    ? (list as string[])
    : null;
});

/** A text that says something, on one line. */
export const line = leaf<string>("a text on one line", (value) =>
  typeof value === "string" && /^\P{Cc}*\S\P{Cc}*$/u.test(value) ? value : null,
);

/** New tokens: any text that is not empty. */
export const texts = leaf<readonly string[]>("a list of texts, none of them empty or there twice", (value) =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((each) => typeof each === "string" && each.trim() !== "") &&
  new Set(value).size === value.length
    ? value
    : null,
);

function isPath(value: unknown): value is string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return typeof value === "string" && /^(?!~)[^\u0000-\u001f]*\S[^\u0000-\u001f]*$/.test(value);
}

/** One of a few words. */
export function word<const W extends readonly [string, ...string[]]>(words: W) {
  return z.enum(words, `one of ${words.map((each) => `\`${each}\``).join(", ")}`);
}
