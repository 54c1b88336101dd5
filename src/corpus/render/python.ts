/** A tool as a function in Python with the docstring that tools are made from: summary, `Args`, `Returns`. */
import { pythonName, snakeName } from "./names.js";
import { clipProse, oneLine, spaced } from "./prose.js";
import type { ToolDescription, ToolField, ToolType } from "./tool.js";
import { fewValues, innermost, requiredFirst, typeInWords } from "./type-words.js";
import { wrap } from "./wrap.js";

const MAX_PROSE = 1600;
const MAX_PARAMETERS = 24;
const MAX_PARAMETER_PROSE = 300;
const MAX_INNER_MEMBERS = 8;
const MAX_INNER_PROSE = 120;
const MAX_NESTING = 4;
const WIDTH = 100;

export function asPython(tool: ToolDescription): string {
  const name = snakeName(tool.name);
  const shown = requiredFirst(tool.parameters).slice(0, MAX_PARAMETERS);
  const parameters = shown.map(({ name, type, required }) =>
    required ? `    ${pythonName(name)}: ${typeOf(type)},` : `    ${pythonName(name)}: ${typeOf(type)} | None = None,`,
  );
  const signature =
    parameters.length === 0
      ? `def ${name}() -> ${returnType(tool)}:`
      : [`def ${name}(`, "    *,", ...parameters, `) -> ${returnType(tool)}:`].join("\n");
  const doc = [
    ...paragraphs(clipProse(tool.prose, MAX_PROSE) || tool.operation),
    ...(tool.http === null ? [] : ["", `    ${tool.http}`]),
    ...section("Args", shown.flatMap(argumentLines), tool.parameters.length - shown.length),
    ...returnsSection(tool),
  ];
  const [first = "", ...rest] = doc;
  return [
    `# ${tool.api}${tool.name === name ? "" : `: ${tool.name}`}`,
    [signature, `    """${first.trim()}`, ...rest, '    """'].join("\n"),
  ].join("\n\n");
}

function paragraphs(prose: string): string[] {
  const safe = spaced(prose).replaceAll('"""', "'''").replaceAll("\\", "\\\\");
  return safe.split("\n").flatMap((line) => indented(line, "    "));
}

function indented(line: string, indent: string): string[] {
  return wrap(line, WIDTH - indent.length).map((part) => `${indent}${part}`.trimEnd());
}

function argumentLines({ name, type, required, prose }: ToolField): string[] {
  const written = pythonName(name) === name ? "" : `sent as \`${name}\`. `;
  const text = oneLine(clipProse(prose, MAX_PARAMETER_PROSE)) || `${typeInWords(type)}${required ? "" : ", optional"}`;
  const [first = "", ...rest] = wrap(`${pythonName(name)}: ${written}${text}`.replaceAll('"""', "'''"), WIDTH - 12);
  return [`        ${first}`, ...rest.map((line) => `            ${line}`), ...innerLines(type)];
}

function innerLines(type: ToolType): string[] {
  const inner = innermost(type);
  if (inner.kind !== "structure") return [];
  const shown = requiredFirst(inner.fields()).slice(0, MAX_INNER_MEMBERS);
  return shown.map((field) => {
    const text = oneLine(clipProse(field.prose, MAX_INNER_PROSE));
    return `            - \`${field.name}\` (${typeInWords(field.type)}${field.required ? ", required" : ""})${text === "" ? "" : `: ${text}`}`;
  });
}

function section(title: string, lines: readonly string[], more: number): string[] {
  if (lines.length === 0) return [];
  return ["", `    ${title}:`, ...lines, ...(more > 0 ? [`        and ${more} more`] : [])];
}

function returnsSection(tool: ToolDescription): string[] {
  const { result: shape } = tool;
  if (shape.kind === "object") {
    const shown = requiredFirst(shape.fields).slice(0, MAX_PARAMETERS);
    return section(
      "Returns",
      ["        A dict with these keys:", ...shown.flatMap(argumentLines)],
      shape.fields.length - shown.length,
    );
  }
  if (shape.kind !== "value") return [];
  const text = oneLine(clipProse(shape.prose, MAX_PARAMETER_PROSE)) || typeInWords(shape.type);
  return section("Returns", [...indented(text, "        "), ...innerLines(shape.type)], 0);
}

function returnType(tool: ToolDescription): string {
  const { result: shape } = tool;
  if (shape.kind === "value") return typeOf(shape.type);
  return { unknown: "Any", nothing: "None", object: "dict[str, Any]" }[shape.kind];
}

function typeOf(type: ToolType, nesting = 0): string {
  if (nesting > MAX_NESTING) return "Any";
  switch (type.kind) {
    case "list":
      return `list[${typeOf(type.item, nesting + 1)}]`;
    case "map":
      return `dict[str, ${typeOf(type.item, nesting + 1)}]`;
    case "structure":
      return "dict[str, Any]";
    case "enum": {
      const values = fewValues(type.values);
      return values.length > 0 ? `Literal[${values.map((value) => JSON.stringify(value)).join(", ")}]` : "str";
    }
    default:
      return {
        string: "str",
        number: "float",
        integer: "int",
        boolean: "bool",
        binary: "bytes",
        timestamp: "datetime",
        any: "Any",
      }[type.kind];
  }
}
