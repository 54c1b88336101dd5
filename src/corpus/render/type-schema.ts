/** Types as JSON Schema, as tool definitions have them. */
import { clipProse, oneLine } from "./prose.js";
import type { ToolField, ToolType } from "./tool.js";
import { fewValues, requiredFirst } from "./type-words.js";

const MAX_MEMBERS = 24;
const MAX_PROSE = 240;

/** JSON Schema of a type; structures are opened down to `depth` levels, lists and maps to twice that. */
export function typeAsSchema(type: ToolType, depth: number): Record<string, unknown> {
  switch (type.kind) {
    case "list":
      return { type: "array", ...(depth > 0 ? { items: typeAsSchema(type.item, depth - 0.5) } : {}) };
    case "map":
      return { type: "object", ...(depth > 0 ? { additionalProperties: typeAsSchema(type.item, depth - 0.5) } : {}) };
    case "structure":
      return depth > 0 ? structureAsSchema(type.fields(), depth) : { type: "object" };
    case "enum":
      return fewValues(type.values).length > 0 ? { type: "string", enum: type.values } : { type: "string" };
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

/** Required members first, as many as a tool definition should have; prose in one line each. */
export function structureAsSchema(fields: readonly ToolField[], depth: number): Record<string, unknown> {
  const shown = requiredFirst(fields).slice(0, MAX_MEMBERS);
  const properties = shown.map(({ name, type, prose }) => {
    const description = oneLine(clipProse(prose, MAX_PROSE));
    const schema = typeAsSchema(type, depth - 1);
    return [name, description === "" ? schema : { ...schema, description }];
  });
  const required = shown.filter((field) => field.required).map(({ name }) => name);
  return { type: "object", properties: Object.fromEntries(properties), ...(required.length > 0 ? { required } : {}) };
}
