/**
 * The kind `tool-lists`: tools as models are offered them, in the forms of OpenAI (`parameters`, also within `function`), Anthropic
 * (`input_schema`), the Model Context Protocol (`inputSchema`, `outputSchema`) and BFCL (types in Python's words): JSON or JSON lines of lists,
 * of single tools, or of records that hold `tools` or `functions`.
 */
import type { SourceItem } from "../forge-document.js";
import { rejection } from "../read/items.js";
import { holdsRecords, readValues } from "../read/values.js";
import { plainProse } from "../render/prose.js";
import type { ToolDescription } from "../render/tool.js";
import { resultOf, UNKNOWN_RESULT } from "../render/tool-result.js";
import type { SourceFiles, SourceKind } from "../source-kind.js";
import { isSchema, memberOf, type Schema, SchemaReader, textMember } from "./json-schema.js";
import { type ToolSettings, toolItems } from "./tool-items.js";
import { fileUnits } from "./units.js";

export interface ToolListSettings extends ToolSettings {
  /** What tells the tools of this source from others of the same name; by default the file's name. */
  readonly host?: string | null;
}

const HOLDERS = ["tools", "functions", "function", "result"] as const;
/** Lists within records within lists. */
const MAX_DEPTH = 4;

/** A file is a unit. */
export const TOOL_LISTS: SourceKind<ToolListSettings> = {
  units: (files) => fileUnits(files, (path) => holdsRecords(path) && !path.toLowerCase().endsWith(".parquet")),
  read: ({ files: [path] }, files, settings) => read(path, files, settings),
};

async function* read(path: string, files: SourceFiles, settings: ToolListSettings): AsyncGenerator<SourceItem> {
  const host =
    settings.host ??
    (path.split("/").at(-1) ?? path).replace(/\.(?:jsonl?|ndjson)(?:\.\w+)?$/i, "").replace(/\s+/g, "-");
  for await (const found of readValues(path, files, { all: [], required: [] })) {
    if ("rejected" in found) {
      yield found;
      continue;
    }
    const tools = [...toolsIn(found.value, 0)];
    if (tools.length === 0) yield rejection(found.where, "there is no tool with a name and parameters", found.value);
    for (const [index, tool] of tools.entries()) {
      const description = describe(tool, host);
      yield* toolItems(description, `${found.where}#${index + 1} ${description.name}`, settings);
    }
  }
}

/** The definitions in a value, however deep they are wrapped, and whether as JSON text. */
function* toolsIn(value: unknown, depth: number): Generator<Schema> {
  if (depth > MAX_DEPTH) return;
  const plain = typeof value === "string" ? parsed(value) : value;
  if (Array.isArray(plain)) for (const item of plain) yield* toolsIn(item, depth + 1);
  else if (isDefinition(plain)) yield plain;
  else
    for (const holder of HOLDERS)
      if (memberOf(plain, holder) !== undefined) yield* toolsIn(memberOf(plain, holder), depth + 1);
}

function parsed(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isDefinition(value: unknown): value is Schema {
  return (
    isSchema(value) &&
    textMember(value, "name").trim() !== "" &&
    (schemaOf(value) !== undefined || textMember(value, "description") !== "")
  );
}

function schemaOf(tool: Schema): unknown {
  return memberOf(tool, "parameters") ?? memberOf(tool, "input_schema") ?? memberOf(tool, "inputSchema");
}

function describe(tool: Schema, host: string): ToolDescription {
  const schema = schemaOf(tool);
  const reader = new SchemaReader((reference) => localPart(schema, reference));
  const output = memberOf(tool, "outputSchema") ?? memberOf(tool, "response");
  const name = textMember(tool, "name").trim();
  return {
    ...{ host, operation: name, name, api: textMember(tool, "title") || host, http: null },
    prose: plainProse(textMember(tool, "description")),
    parameters: reader.fields(schema),
    result: isSchema(output) ? resultOf(reader.type(output), textMember(output, "description")) : UNKNOWN_RESULT,
    examples: [],
  };
}

/** `#/$defs/Name` or `#/definitions/Name`. */
function localPart(schema: unknown, reference: string): unknown {
  const [, group, name] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(reference) ?? [];
  return group === undefined || name === undefined ? undefined : memberOf(memberOf(schema, group), name);
}
