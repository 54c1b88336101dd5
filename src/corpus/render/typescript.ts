/** A tool as a declaration in TypeScript: the interfaces of its parameters and result, and the function with its doc comment. */
import { camelName, isIdentifier, pascalName } from "./names.js";
import { clipProse, oneLine, spaced } from "./prose.js";
import type { ToolDescription, ToolField, ToolType } from "./tool.js";
import { fewValues, innermost, requiredFirst } from "./type-words.js";
import { wrap } from "./wrap.js";

const MAX_PROSE = 1600;
const MAX_MEMBERS = 24;
const MAX_MEMBER_PROSE = 300;
/** Interfaces of the structures inside the parameters and the result; others are only named. */
const MAX_INNER = 6;
const MAX_INNER_MEMBERS = 12;
const MAX_NESTING = 4;
const WIDTH = 100;

export function asTypescript(tool: ToolDescription): string {
  const name = camelName(tool.name);
  const stem = pascalName(name);
  const { result: shape } = tool;
  const fields = shape.kind === "object" ? shape.fields : [];
  const params = tool.parameters.length > 0 ? [interfaceOf(`${stem}Params`, tool.parameters, MAX_MEMBERS)] : [];
  const results = fields.length > 0 ? [interfaceOf(`${stem}Result`, fields, MAX_INNER_MEMBERS)] : [];
  const whole: ToolField[] = shape.kind === "value" ? [{ name: "", required: true, ...shape }] : [];
  const inner = innerInterfaces([...requiredFirst(tool.parameters), ...requiredFirst(fields), ...whole]);
  const returned =
    shape.kind === "object"
      ? `${stem}Result`
      : { unknown: "unknown", nothing: "void", value: shape.kind === "value" ? typeOf(shape.type) : "" }[shape.kind];
  const signature = `export function ${name}(${params.length > 0 ? `params: ${stem}Params` : ""}): Promise<${returned}>;`;
  const head = [
    clipProse(tool.prose, MAX_PROSE),
    tool.http ?? "",
    shape.kind === "value" ? returnsLine(shape.prose) : "",
  ];
  return [
    `// ${tool.api}${tool.name === name ? "" : `: ${tool.name}`}`,
    ...params,
    ...results,
    ...inner,
    [
      ...comment(
        head.filter((part) => part !== ""),
        "",
        MAX_PROSE,
      ),
      signature,
    ].join("\n"),
  ].join("\n\n");
}

function returnsLine(prose: string): string {
  return prose === "" ? "" : `@returns ${oneLine(clipProse(prose, MAX_MEMBER_PROSE))}`;
}

function innerInterfaces(fields: readonly ToolField[]): string[] {
  const found = new Map<string, string>();
  for (const field of fields) {
    const type = innermost(field.type);
    if (found.size >= MAX_INNER) break;
    if (type.kind !== "structure" || type.name === null || found.has(pascalName(type.name))) continue;
    const inner = type.fields();
    if (inner.length > 0)
      found.set(pascalName(type.name), interfaceOf(pascalName(type.name), inner, MAX_INNER_MEMBERS));
  }
  return [...found.values()];
}

function interfaceOf(name: string, fields: readonly ToolField[], most: number): string {
  const shown = requiredFirst(fields).slice(0, most);
  const lines = shown.flatMap((field) => [
    ...comment([oneLine(clipProse(field.prose, MAX_MEMBER_PROSE))], "  ", MAX_MEMBER_PROSE),
    `  ${isIdentifier(field.name) ? field.name : JSON.stringify(field.name)}${field.required ? "" : "?"}: ${typeOf(field.type)};`,
  ]);
  const rest = fields.length - shown.length;
  return [`export interface ${name} {`, ...lines, ...(rest > 0 ? [`  // and ${rest} more`] : []), "}"].join("\n");
}

function typeOf(type: ToolType, nesting = 0): string {
  if (nesting > MAX_NESTING) return "unknown";
  switch (type.kind) {
    case "list": {
      const item = typeOf(type.item, nesting + 1);
      return item.includes(" | ") ? `Array<${item}>` : `${item}[]`;
    }
    case "map":
      return `Record<string, ${typeOf(type.item, nesting + 1)}>`;
    case "structure":
      return type.name === null ? unnamed(type.fields(), nesting) : pascalName(type.name);
    case "enum":
      return (
        fewValues(type.values)
          .map((value) => JSON.stringify(value))
          .join(" | ") || "string"
      );
    case "integer":
      return "number";
    case "binary":
      return "Uint8Array";
    case "timestamp":
      return "Date";
    case "any":
      return "unknown";
    default:
      return type.kind;
  }
}

/** A structure without a name, where it stands: small ones in one line, others as what they are. */
function unnamed(fields: readonly ToolField[], nesting: number): string {
  const shown = requiredFirst(fields).slice(0, MAX_INNER_MEMBERS);
  if (nesting > 1 || shown.length === 0) return "Record<string, unknown>";
  const members = shown.map(({ name, type, required }) => {
    const key = isIdentifier(name) ? name : JSON.stringify(name);
    return `${key}${required ? "" : "?"}: ${typeOf(type, nesting + 1)}`;
  });
  return `{ ${members.join("; ")} }`;
}

function comment(paragraphs: readonly string[], indent: string, most: number): string[] {
  const text = paragraphs.map(spaced).join("\n\n").replaceAll("*/", "* /");
  if (text === "") return [];
  const room = WIDTH - indent.length - 3;
  if (most === MAX_MEMBER_PROSE && text.length <= room - 4) return [`${indent}/** ${text} */`];
  const lines = text.split("\n").flatMap((line) => wrap(line, room));
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`];
}
