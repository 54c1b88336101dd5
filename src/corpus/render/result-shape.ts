/** What a tool gives back, told apart: not said, nothing, an object with fields, or one value that is no object. */
import type { ToolDescription, ToolField, ToolType } from "./tool.js";

export type ResultShape =
  | { readonly kind: "unknown" }
  | { readonly kind: "nothing" }
  | { readonly kind: "object"; readonly fields: readonly ToolField[] }
  | { readonly kind: "value"; readonly type: ToolType; readonly prose: string };

/** A result that is a list, a map or a plain value: a single field without a name. A structure gives its fields. */
export function resultOf(type: ToolType, prose: string): readonly ToolField[] {
  return type.kind === "structure" ? type.fields() : [{ name: "", type, required: true, prose }];
}

export function resultShape({ result }: ToolDescription): ResultShape {
  if (result === null) return { kind: "unknown" };
  const [first] = result;
  if (first === undefined) return { kind: "nothing" };
  if (result.length === 1 && first.name === "") return { kind: "value", type: first.type, prose: first.prose };
  return { kind: "object", fields: result };
}
