/** A tool as a page of a reference: what it does, how it is called, its parameters, its result. */
import { memberList, valueLine } from "./member-list.js";
import { clipProse, spaced } from "./prose.js";
import type { ToolDescription, ToolResult } from "./tool.js";

/** Beyond it, in characters, whole sentences are dropped. */
const MAX_PROSE = 2400;

/** @param named whether the page is titled by the name that callers use, instead of the API and its operation */
export function asReference(tool: ToolDescription, named: boolean): string {
  const title = named ? `# ${tool.name}` : `# ${tool.api}: ${tool.operation}`;
  const call = [
    named ? `API: ${tool.api}` : `Call: \`${tool.name}\``,
    ...(tool.http === null || tool.http === tool.operation ? [] : [`HTTP: \`${tool.http}\``]),
  ];
  const sections = [
    title,
    call.join("\n"),
    spaced(clipProse(tool.prose, MAX_PROSE)),
    "## Parameters",
    memberList(tool.parameters) || "There are no parameters.",
    ...resultSection(tool.result),
  ];
  return sections.filter((section) => section !== "").join("\n\n");
}

function resultSection(result: ToolResult): string[] {
  switch (result.kind) {
    case "unknown":
      return [];
    case "nothing":
      return ["## Result", "Nothing is returned."];
    case "object":
      return ["## Result", memberList(result.fields)];
    case "value":
      return ["## Result", valueLine(result)];
  }
}
