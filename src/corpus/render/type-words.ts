/** Types in a few words, for people, and the order and number in which members are shown. */
import type { ToolField, ToolType } from "./tool.js";

const MAX_ENUM_VALUES = 16;
/** Lists of lists of lists: deeper than this nobody reads. */
const MAX_NESTING = 4;

/** The type in a few words: `list of Tag objects`, `string, one of A, B`. */
export function typeInWords(type: ToolType, nesting = 0): string {
  if (nesting > MAX_NESTING) return "any value";
  switch (type.kind) {
    case "list":
      return `list of ${plural(typeInWords(type.item, nesting + 1))}`;
    case "map":
      return `map from string to ${typeInWords(type.item, nesting + 1)}`;
    case "structure":
      return type.name === null ? "object" : `${type.name} object`;
    case "enum":
      return type.values.length === 1
        ? `string, always ${type.values[0]}`
        : `string, one of ${shownValues(type.values).join(", ")}${type.values.length > MAX_ENUM_VALUES ? " and others" : ""}`;
    case "any":
      return "any value";
    case "binary":
      return "binary data";
    default:
      return type.kind;
  }
}

function plural(words: string): string {
  if (words.startsWith("any value")) return "any values";
  return words.replace(/^(string|number|integer|boolean|timestamp|list|map|object|[^\s,]+ object)\b/, "$1s");
}

function shownValues(values: readonly string[]): readonly string[] {
  return values.slice(0, MAX_ENUM_VALUES);
}

/** The values to show of an enumeration; none where there are too many to be worth a reader's time. */
export function fewValues(values: readonly string[]): readonly string[] {
  return values.length > MAX_ENUM_VALUES ? [] : values;
}

export function requiredFirst(fields: readonly ToolField[]): ToolField[] {
  return [...fields.filter(({ required }) => required), ...fields.filter(({ required }) => !required)];
}

/** What is inside lists and maps. */
export function innermost(type: ToolType): ToolType {
  let inner = type;
  while (inner.kind === "list" || inner.kind === "map") inner = inner.item;
  return inner;
}
