/**
 * JSON Schema, as OpenAPI, Google's discovery documents and tool lists write it, as types of tools. References are followed when a type's fields are
 * asked for, so that schemas may contain themselves; what is not understood is `any`.
 */
import { plainProse } from "../render/prose.js";
import type { ToolField, ToolType } from "../render/tool.js";

export type Schema = Readonly<Record<string, unknown>>;

/** The schema behind a `$ref`, or null where there is none. */
export type Resolve = (reference: string) => unknown;

/** References in a row, unions in unions: deeper than this a type is left open. */
const MAX_DEPTH = 12;
const MAX_FIELDS = 500;
const MAX_ENUM = 200;
/** Schemas that one is made of by `allOf`. */
const MAX_PARTS = 100;

const PLAIN: Readonly<Record<string, ToolType>> = {
  string: { kind: "string" },
  str: { kind: "string" },
  integer: { kind: "integer" },
  int: { kind: "integer" },
  number: { kind: "number" },
  float: { kind: "number" },
  double: { kind: "number" },
  boolean: { kind: "boolean" },
  bool: { kind: "boolean" },
};
const FORMATS: Readonly<Record<string, ToolType>> = {
  "date-time": { kind: "timestamp" },
  "google-datetime": { kind: "timestamp" },
  byte: { kind: "binary" },
  binary: { kind: "binary" },
};

export function isSchema(value: unknown): value is Schema {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Own members only: a schema called `constructor` is no function. */
export function memberOf(value: unknown, key: string): unknown {
  return isSchema(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

export function textMember(value: unknown, key: string): string {
  const text = memberOf(value, key);
  return typeof text === "string" ? text : "";
}

export class SchemaReader {
  constructor(private readonly resolve: Resolve) {}

  type(schema: unknown, depth = 0): ToolType {
    const { followed, name } = this.follow(schema, depth);
    if (followed === null) return { kind: "any" };
    const { values, item, properties, additional } = this.parts(followed);
    if (values !== null) return { kind: "enum", values };
    const kind = typeName(followed);
    if (item !== undefined || kind === "array" || kind === "tuple" || kind === "list")
      return { kind: "list", item: this.type(item, depth + 1) };
    if (properties) return { kind: "structure", name, fields: () => this.fields(followed) };
    if (isSchema(additional)) return { kind: "map", item: this.type(additional, depth + 1) };
    if (kind === "object" || kind === "dict") return { kind: "map", item: { kind: "any" } };
    return (kind === "string" ? FORMATS[textMember(followed, "format")] : undefined) ?? PLAIN[kind] ?? { kind: "any" };
  }

  /** The properties of a schema, those of its `allOf` first. */
  fields(schema: unknown): readonly ToolField[] {
    const { followed } = this.follow(schema, 0);
    const parts = followed === null ? [] : this.allOf(followed);
    const required = new Set(parts.flatMap((part) => listOf(part, "required")));
    const fields = new Map<string, ToolField>();
    for (const part of parts) {
      const properties = memberOf(part, "properties");
      for (const [name, property] of Object.entries(isSchema(properties) ? properties : {}).slice(0, MAX_FIELDS))
        fields.set(name, this.field(name, property, required.has(name)));
    }
    return [...fields.values()];
  }

  /** A schema and all that it is made of, the inner ones first; each once, however they lead back to one another. */
  private allOf(schema: Schema): readonly Schema[] {
    const seen = new Set<Schema>([schema]);
    const parts: Schema[] = [];
    const waiting: Schema[] = [schema];
    for (let next = waiting.pop(); next !== undefined && parts.length < MAX_PARTS; next = waiting.pop()) {
      parts.unshift(next);
      for (const each of listOf(next, "allOf")) {
        const { followed } = this.follow(each, 0);
        if (followed === null || seen.has(followed)) continue;
        seen.add(followed);
        waiting.push(followed);
      }
    }
    return parts;
  }

  field(name: string, schema: unknown, required: boolean): ToolField {
    // What stands beside a reference says more than what it leads to.
    const prose = textMember(schema, "description") || textMember(this.follow(schema, 0).followed, "description");
    return {
      name,
      type: this.type(schema),
      required: required || memberOf(schema, "required") === true,
      prose: plainProse(prose),
    };
  }

  /** Through references, and into the first alternative that is not null; the name is what the last reference says. */
  private follow(schema: unknown, depth: number): { readonly followed: Schema | null; readonly name: string | null } {
    let current: unknown = schema;
    let name: string | null = null;
    for (let step = depth; step <= MAX_DEPTH && isSchema(current); step++) {
      const reference = textMember(current, "$ref");
      const alternatives = [...listOf(current, "oneOf"), ...listOf(current, "anyOf")].filter(
        (each) => textMember(each, "type") !== "null",
      );
      if (reference !== "") {
        name = nameOf(reference);
        current = this.resolve(reference);
      } else if (alternatives.length === 0 || isSchema(memberOf(current, "properties")))
        return { followed: current, name: name ?? nameOf(textMember(current, "title")) };
      else current = alternatives[0];
    }
    return { followed: null, name: null };
  }

  private parts(schema: Schema) {
    const given = listOf(schema, "enum");
    const values =
      given.length > 0 && given.length <= MAX_ENUM && given.every((value) => typeof value === "string")
        ? (given as string[])
        : null;
    const properties = this.allOf(schema).some((part) => isSchema(memberOf(part, "properties")));
    return {
      values,
      item: memberOf(schema, "items"),
      properties,
      additional: memberOf(schema, "additionalProperties"),
    };
  }
}

function typeName(schema: Schema): string {
  const type = memberOf(schema, "type");
  const names: readonly unknown[] = Array.isArray(type) ? type : [type];
  const name = names.find((each) => typeof each === "string" && each !== "null");
  return typeof name === "string" ? name : "";
}

/** The end of a reference is the type's name: `#/components/schemas/Pet`. */
function nameOf(reference: string): string | null {
  const name = reference.split("/").at(-1) ?? "";
  return /^[\w.$-]{1,80}$/.test(name) ? name : null;
}

export function listOf(value: unknown, key: string): readonly unknown[] {
  const list = memberOf(value, key);
  return Array.isArray(list) ? list : [];
}
