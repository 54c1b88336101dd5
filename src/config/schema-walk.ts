/** Walks over the schema itself: which keys a place has, which defaults, and where else a key belongs. */
import { z } from "zod";
import type { PlanPath } from "./plan-path.js";

/** The schema under its default and null wrappers. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodNullable)
    return unwrap(schema.unwrap());
  return schema;
}

/** The value that an absent key takes, as a user would write it; `required` where there is none. */
export function defaultOf(schema: z.core.$ZodType): { readonly required: boolean; readonly value?: unknown } {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return { required: false, value: schema.def.defaultValue };
  return { required: true };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** The member of a union by `kind` that a value names; null when it names none. */
export function memberOf(union: z.ZodDiscriminatedUnion, value: unknown): z.ZodObject | null {
  if (!isRecord(value)) return null;
  return members(union).find((member) => kindOf(member) === value["kind"]) ?? null;
}

export function members(union: z.ZodDiscriminatedUnion): z.ZodObject[] {
  return union.options.filter((option) => option instanceof z.ZodObject);
}

export function kindOf(member: z.ZodObject): unknown {
  const kind: unknown = member.shape["kind"];
  return kind instanceof z.ZodLiteral ? kind.value : null;
}

/** The schema of a place in a value; null when the schema has no such place. */
export function schemaAt(schema: z.core.$ZodType, path: PlanPath, value: unknown): z.core.$ZodType | null {
  const [first, ...rest] = path;
  const inner = unwrap(schema);
  if (first === undefined) return inner;
  const child = childOf(inner, first, value);
  if (child === null) return null;
  const childValue = value !== null && typeof value === "object" ? Reflect.get(value, first) : undefined;
  return schemaAt(child, rest, childValue);
}

function childOf(schema: z.core.$ZodType, key: string | number, value: unknown): z.core.$ZodType | null {
  if (schema instanceof z.ZodArray) return typeof key === "number" ? schema.element : null;
  if (schema instanceof z.ZodRecord) return schema.valueType;
  const object = schema instanceof z.ZodDiscriminatedUnion ? memberOf(schema, value) : schema;
  return object instanceof z.ZodObject && Object.hasOwn(object.shape, key) ? object.shape[key] : null;
}

export interface SchemaKey {
  /** Such as `stages[].schedule.peak`; names chosen by the user are `<name>`. */
  readonly path: string;
  readonly required: boolean;
  /** As a user would write it; absent when required. */
  readonly defaultValue?: unknown;
}

/** Every key of a schema in reading order; keys of several kinds of a union are listed once. */
export function schemaKeys(schema: z.core.$ZodType, prefix = ""): SchemaKey[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) return schemaKeys(inner.element, `${prefix}[]`);
  if (inner instanceof z.ZodRecord)
    return [...entry(inner.valueType, `${prefix}.<name>`), ...schemaKeys(inner.valueType, `${prefix}.<name>`)];
  const objects =
    inner instanceof z.ZodDiscriminatedUnion ? members(inner) : inner instanceof z.ZodObject ? [inner] : [];
  const found = new Map<string, SchemaKey>();
  for (const object of objects)
    for (const [key, child] of Object.entries(object.shape)) {
      const path = prefix === "" ? key : `${prefix}.${key}`;
      for (const each of [...entry(child, path), ...schemaKeys(child, path)])
        if (!found.has(each.path)) found.set(each.path, each);
    }
  return [...found.values()];
}

function entry(schema: z.core.$ZodType, path: string): SchemaKey[] {
  const { required, value } = defaultOf(schema);
  return [required ? { path, required } : { path, required, defaultValue: value }];
}
