/** Results of tools from what sources say of them. */
import type { ToolField, ToolResult, ToolType } from "./tool.js";

/** Where the source does not say. */
export const UNKNOWN_RESULT: ToolResult = { kind: "unknown" };

export const NO_RESULT: ToolResult = { kind: "nothing" };

/** A value of this type; a structure is an object with its fields. */
export function resultOf(type: ToolType, prose: string): ToolResult {
  return type.kind === "structure" ? objectResult(type.fields()) : { kind: "value", type, prose };
}

/** An object with these fields; without any it says nothing. */
export function objectResult(fields: readonly ToolField[]): ToolResult {
  return fields.length === 0 ? NO_RESULT : { kind: "object", fields };
}
