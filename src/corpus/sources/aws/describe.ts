/** An operation of an AWS service as a tool's description. */

import type { ToolDescription, ToolField, ToolType } from "../../render/tool.js";
import { objectResult } from "../../render/tool-result.js";
import type { Member, ShapeDeclaration } from "./declarations.js";
import type { Service, ServiceOperation } from "./service.js";

/** Names may lead back to themselves (a filter of filters); deeper than this the type is left open. */
const MAX_RESOLVE = 8;

/** Name a caller uses for an operation: `EKS.createCluster`. */
export function toolName({ id }: Service, { name }: ServiceOperation): string {
  return `${id}.${name}`;
}

export function describeOperation(service: Service, operation: ServiceOperation): ToolDescription {
  const { input, output, title, prose, http, examples } = operation;
  return {
    host: service.host,
    operation: title,
    name: toolName(service, operation),
    api: service.fullName,
    prose,
    http,
    parameters: fieldsOf(input, service.shapes),
    result: objectResult(fieldsOf(output, service.shapes)),
    examples,
  };
}

type Shapes = ReadonlyMap<string, ShapeDeclaration>;

/** The members of a named structure; none where the name is null or stands for something else. */
function fieldsOf(name: string | null, shapes: Shapes): readonly ToolField[] {
  const shape = name === null ? undefined : shapes.get(name);
  return shape !== undefined && "members" in shape ? shape.members.map((member) => fieldOf(member, shapes)) : [];
}

function fieldOf({ name, type, required, prose }: Member, shapes: Shapes): ToolField {
  return { name, type: resolveType(type, shapes), required, prose };
}

/** A type expression, resolved by following names to what they stand for. */
export function resolveType(expression: string, shapes: Shapes, depth = 0): ToolType {
  if (depth > MAX_RESOLVE) return { kind: "any" };
  if (expression.endsWith("[]")) return { kind: "list", item: resolveType(expression.slice(0, -2), shapes, depth + 1) };
  const value = /^\{\[key: string\]: (.*)\}$/.exec(expression)?.[1];
  if (value !== undefined) return { kind: "map", item: resolveType(value, shapes, depth + 1) };
  if (expression.startsWith('"'))
    return { kind: "enum", values: [...expression.matchAll(/"([^"]*)"/g)].map(([, literal = ""]) => literal) };
  if (expression.startsWith("Buffer|")) return { kind: "binary" };
  if (expression === "Date") return { kind: "timestamp" };
  if (expression === "string" || expression === "number" || expression === "boolean") return { kind: expression };
  const shape = shapes.get(expression);
  if (shape === undefined) return { kind: "any" };
  return "members" in shape
    ? { kind: "structure", name: expression, fields: () => fieldsOf(expression, shapes) }
    : resolveType(shape.alias, shapes, depth + 1);
}
