/** A tool by an example: a short description, a call with values, the shape of what comes back. */

import { curlCall } from "./curl.js";
import { exampleOf, resultExample, resultValue } from "./example-values.js";
import { clipProse, spaced } from "./prose.js";
import type { ToolDescription } from "./tool.js";

const MAX_PROSE = 600;
/** A whole example of a source beyond this many characters is replaced by a smaller one from the types. */
const MAX_EXAMPLE = 4000;

/** @param http whether to call over HTTP where the tool has it; otherwise as a function */
export function asUsage(tool: ToolDescription, http: boolean): string {
  const example = tool.examples.find(({ input, output }) => sizeOf(input) + sizeOf(output) <= MAX_EXAMPLE);
  const input = example?.input ?? exampleOf(tool.parameters);
  const request = http ? curlCall(tool, input) : null;
  const call = request ?? functionCall(tool.name, input);
  const title = example?.title || example?.description || "";
  return [
    `# ${tool.name} (${tool.api})`,
    spaced(clipProse(tool.prose, MAX_PROSE)),
    title === "" ? "Example:" : `Example: ${title}`,
    fenced(request === null ? "js" : "sh", call),
    ...resultSection(tool, example?.output ?? null),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function functionCall(name: string, input: Readonly<Record<string, unknown>>): string {
  const given = Object.keys(input).length === 0 ? "" : JSON.stringify(input, null, 2);
  return `${name}(${given})`;
}

function resultSection(tool: ToolDescription, output: unknown): string[] {
  if (output !== null) return ["Result:", fenced("json", JSON.stringify(output, null, 2))];
  const { result: shape } = tool;
  if (shape.kind === "unknown") return [];
  if (shape.kind === "nothing") return ["Nothing is returned."];
  const value = shape.kind === "value" ? resultValue(shape.type) : resultExample(shape.fields);
  return ["The result looks like this:", fenced("json", JSON.stringify(value, null, 2))];
}

function fenced(language: string, code: string): string {
  return `\`\`\`${language}\n${code}\n\`\`\``;
}

function sizeOf(value: unknown): number {
  return JSON.stringify(value)?.length ?? 0;
}
