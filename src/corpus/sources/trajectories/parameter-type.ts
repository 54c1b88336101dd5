/** The type of a parameter where a list of APIs names it in a word of its own. */
import type { ToolType } from "../../render/tool.js";

const KINDS: Readonly<Record<string, ToolType>> = {
  ...{ string: { kind: "string" }, str: { kind: "string" }, text: { kind: "string" } },
  ...{ number: { kind: "number" }, float: { kind: "number" }, double: { kind: "number" } },
  ...{ integer: { kind: "integer" }, int: { kind: "integer" } },
  ...{ boolean: { kind: "boolean" }, bool: { kind: "boolean" } },
  ...{ binary: { kind: "binary" }, file: { kind: "binary" } },
  array: { kind: "list", item: { kind: "any" } },
  list: { kind: "list", item: { kind: "any" } },
  ...{ object: { kind: "map", item: { kind: "any" } }, dict: { kind: "map", item: { kind: "any" } } },
};

/** `STRING`, `int`, `Boolean`, …; anything else is any type. */
export function simpleType(word: unknown): ToolType {
  const name = typeof word === "string" ? word.trim().toLowerCase() : "";
  return Object.hasOwn(KINDS, name) ? KINDS[name] : { kind: "any" };
}
