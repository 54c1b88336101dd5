/** A tool as models are offered it: a definition in JSON, then what the tool returns. */
import { shortMemberList, valueLine } from "./member-list.js";
import { clipProse, oneLine } from "./prose.js";
import type { ToolDescription, ToolResult } from "./tool.js";
import { structureAsSchema } from "./type-schema.js";

const MAX_PROSE = 1200;
/** Levels of objects inside the parameters. */
const DEPTH = 2;

/** How the definition is laid out: OpenAI's older and newer form, Anthropic's, the Model Context Protocol's. */
export const LAYOUTS = ["plain", "function", "input_schema", "inputSchema"] as const;
export type Layout = (typeof LAYOUTS)[number];

export function asDefinition(tool: ToolDescription, layout: Layout): string {
  const place = tool.http === null ? tool.api : `${tool.api} (${tool.http})`;
  return [
    `Tool definition, ${place}:`,
    JSON.stringify(definitionOf(tool, layout), null, 2),
    ...resultLines(tool.result),
  ].join("\n\n");
}

function definitionOf(tool: ToolDescription, layout: Layout): Record<string, unknown> {
  const description = oneLine(clipProse(tool.prose, MAX_PROSE));
  const named = { name: tool.name, ...(description === "" ? {} : { description }) };
  const schema = structureAsSchema(tool.parameters, DEPTH);
  switch (layout) {
    case "plain":
      return { ...named, parameters: schema };
    case "function":
      return { type: "function", function: { ...named, parameters: schema } };
    default:
      return { ...named, [layout]: schema };
  }
}

function resultLines(result: ToolResult): string[] {
  switch (result.kind) {
    case "unknown":
      return [];
    case "nothing":
      return ["The tool returns nothing."];
    case "object":
      return [`The tool returns an object with\n${shortMemberList(result.fields)}`];
    case "value":
      return [`The tool returns:\n${valueLine(result)}`];
  }
}
