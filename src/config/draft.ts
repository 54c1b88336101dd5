/**
 * A plan of which parts may be wrong. Every leaf that is valid is there; every other is undefined, its problem already told. So a rule
 * about two keys can be checked although a third is wrong, and all problems come at once.
 */
import { z } from "zod";
import type { Rational } from "../base/rational.js";
import { type PlanPath, pathText } from "./plan-path.js";
import type { Duration } from "./quantities.js";
import { isRecord, memberOf, unwrap } from "./schema-walk.js";

type Leaf = string | number | boolean | null | Duration | Rational | readonly string[];

/** T with any part possibly undefined, which means wrong: what is absent is null or has its default. */
export type Draft<T> =
  | (T extends Leaf
      ? T
      : T extends readonly (infer Item)[]
        ? readonly Draft<Item>[]
        : { readonly [Key in keyof T]?: Draft<T[Key]> })
  | undefined;

/**
 * Reads what is valid of a value; unknown keys are left out.
 * @param meant places, as text, of absent keys that a mistyped one probably meant: they count as wrong, not as absent.
 */
export function draftOf<S extends z.core.$ZodType>(
  schema: S,
  value: unknown,
  meant: ReadonlySet<string> = new Set(),
): Draft<z.output<S>> {
  return readDraft(schema, value, [], meant) as Draft<z.output<S>>;
}

function readDraft(schema: z.core.$ZodType, value: unknown, path: PlanPath, meant: ReadonlySet<string>): unknown {
  if (value === undefined && meant.has(pathText(path))) return undefined;
  const whole = z.safeParse(schema, value);
  if (whole.success) return whole.data;
  const inner = unwrap(schema);
  const read = (child: z.core.$ZodType, item: unknown, step: string | number): unknown =>
    readDraft(child, item, [...path, step], meant);
  if (inner instanceof z.ZodArray)
    return Array.isArray(value) ? value.map((item, i) => read(inner.element, item, i)) : undefined;
  if (!isRecord(value)) return undefined;
  if (inner instanceof z.ZodRecord)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, read(inner.valueType, item, key)]));
  const section = inner instanceof z.ZodDiscriminatedUnion ? memberOf(inner, value) : inner;
  if (!(section instanceof z.ZodObject)) return undefined;
  return Object.fromEntries(Object.entries(section.shape).map(([key, child]) => [key, read(child, value[key], key)]));
}

/** The whole of a draft that has no wrong part; null otherwise. */
export function complete<T>(draft: Draft<T>): T | null {
  const value: unknown = draft;
  return hasHole(value) ? null : (value as T);
}

function hasHole(value: unknown): boolean {
  if (value === undefined) return true;
  return value !== null && typeof value === "object" && Object.values(value).some(hasHole);
}
