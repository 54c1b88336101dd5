/** Types of operation members, from declaration expressions: as words for people, and as JSON Schema for tool definitions. */
import { clipProse, type Member, type ShapeDeclaration } from "./aws-declarations.js";

export type Shapes = ReadonlyMap<string, ShapeDeclaration>;

/** A type expression, resolved by following names to what they stand for. */
export type ResolvedType =
  | { readonly kind: "string" | "number" | "boolean" | "binary" | "timestamp" | "any" }
  | { readonly kind: "enum"; readonly values: readonly string[] }
  | { readonly kind: "list" | "map"; readonly item: ResolvedType }
  | { readonly kind: "structure"; readonly name: string; readonly members: readonly Member[] };

/** Names may lead back to themselves (a filter of filters); deeper than this the type is left open. */
const MAX_RESOLVE = 8;
const MAX_ENUM_VALUES = 16;

export function resolveType(expression: string, shapes: Shapes, depth = 0): ResolvedType {
  if (depth > MAX_RESOLVE) return { kind: "any" };
  const list = /^(.*)\[\]$/.exec(expression)?.[1];
  if (list !== undefined) return { kind: "list", item: resolveType(list, shapes, depth + 1) };
  const value = /^\{\[key: string\]: (.*)\}$/.exec(expression)?.[1];
  if (value !== undefined) return { kind: "map", item: resolveType(value, shapes, depth + 1) };
  if (/^"/.test(expression))
    return { kind: "enum", values: [...expression.matchAll(/"([^"]*)"/g)].map(([, literal = ""]) => literal) };
  if (expression.startsWith("Buffer|")) return { kind: "binary" };
  if (expression === "Date") return { kind: "timestamp" };
  if (expression === "string" || expression === "number" || expression === "boolean") return { kind: expression };
  const shape = shapes.get(expression);
  if (shape === undefined) return { kind: "any" };
  return "members" in shape
    ? { kind: "structure", name: expression, members: shape.members }
    : resolveType(shape.alias, shapes, depth + 1);
}

/** The type in a few words: `list of Tag objects`, `string, one of A, B`. */
export function typeInWords(type: ResolvedType): string {
  switch (type.kind) {
    case "list":
      return `list of ${plural(typeInWords(type.item))}`;
    case "map":
      return `map from string to ${typeInWords(type.item)}`;
    case "structure":
      return `${type.name} object`;
    case "enum":
      return `string, one of ${shownValues(type.values).join(", ")}${type.values.length > MAX_ENUM_VALUES ? " and others" : ""}`;
    case "any":
      return "any value";
    default:
      return type.kind;
  }
}

function plural(words: string): string {
  return words
    .replace(/^(string|number|boolean|timestamp|any value|\w+ object)\b/, "$1s")
    .replace(/^any values/, "any values");
}

function shownValues(values: readonly string[]): readonly string[] {
  return values.slice(0, MAX_ENUM_VALUES);
}

/** JSON Schema of a type; structures are opened down to `depth` levels. */
export function typeAsSchema(type: ResolvedType, shapes: Shapes, depth: number): Record<string, unknown> {
  switch (type.kind) {
    case "list":
      return { type: "array", items: typeAsSchema(type.item, shapes, depth) };
    case "map":
      return { type: "object", additionalProperties: typeAsSchema(type.item, shapes, depth) };
    case "structure":
      return depth > 0 ? structureAsSchema(type.members, shapes, depth) : { type: "object" };
    case "enum":
      return type.values.length > MAX_ENUM_VALUES ? { type: "string" } : { type: "string", enum: type.values };
    case "binary":
      return { type: "string", contentEncoding: "base64" };
    case "timestamp":
      return { type: "string", format: "date-time" };
    case "any":
      return {};
    default:
      return { type: type.kind };
  }
}

const MAX_SCHEMA_MEMBERS = 24;
const MAX_SCHEMA_PROSE = 240;

/** Required members first, as many as a tool definition should have; prose in one line each. */
export function structureAsSchema(members: readonly Member[], shapes: Shapes, depth: number): Record<string, unknown> {
  const shown = requiredFirst(members).slice(0, MAX_SCHEMA_MEMBERS);
  const properties = shown.map(({ name, type, prose }) => {
    const description = clipProse(prose, MAX_SCHEMA_PROSE).replaceAll("\n", " ");
    const schema = typeAsSchema(resolveType(type, shapes), shapes, depth - 1);
    return [name, description === "" ? schema : { ...schema, description }];
  });
  const required = shown.filter((member) => member.required).map(({ name }) => name);
  return { type: "object", properties: Object.fromEntries(properties), ...(required.length > 0 ? { required } : {}) };
}

export function requiredFirst(members: readonly Member[]): Member[] {
  return [...members.filter(({ required }) => required), ...members.filter(({ required }) => !required)];
}

/** The members of a named structure; none where the name is null or stands for something else. */
export function membersOf(name: string | null, shapes: Shapes): readonly Member[] {
  const shape = name === null ? undefined : shapes.get(name);
  return shape !== undefined && "members" in shape ? shape.members : [];
}
