/** Parameters and results as lists of Markdown: name, type in words, prose; members of their members one level deep. */
import { clipProse, oneLine } from "./prose.js";
import type { ToolField, ToolType } from "./tool.js";
import { innermost, requiredFirst, typeInWords } from "./type-words.js";

const MAX_MEMBERS = 30;
const MAX_PROSE = 480;
const MAX_NESTED_MEMBERS = 12;
const MAX_NESTED_PROSE = 200;

/** One item a member, with the members of its structure below it; "" for none. */
export function memberList(fields: readonly ToolField[]): string {
  const shown = requiredFirst(fields).slice(0, MAX_MEMBERS);
  const lines = shown.flatMap((field) => [memberLine(field, "", MAX_PROSE), ...nestedLines(field)]);
  return [...lines, ...notShown(fields.length - shown.length, "")].join("\n");
}

/** The first members without theirs, each with little prose. */
export function shortMemberList(fields: readonly ToolField[]): string {
  const shown = requiredFirst(fields).slice(0, MAX_NESTED_MEMBERS);
  const lines = shown.map((field) => memberLine(field, "", MAX_NESTED_PROSE));
  return [...lines, ...notShown(fields.length - shown.length, "")].join("\n");
}

/** A result that is no object: its type and prose, and what is inside it. */
export function valueLine({ type, prose }: { readonly type: ToolType; readonly prose: string }): string {
  const text = oneLine(clipProse(prose, MAX_PROSE));
  const inner = innermost(type);
  const fields = inner.kind === "structure" ? `\n${shortMemberList(inner.fields())}` : "";
  return `${typeInWords(type)}${text === "" ? "" : `: ${text}`}${fields}`;
}

function nestedLines({ type }: ToolField): string[] {
  const inner = innermost(type);
  if (inner.kind !== "structure") return [];
  const fields = inner.fields();
  const shown = requiredFirst(fields).slice(0, MAX_NESTED_MEMBERS);
  return [
    ...shown.map((field) => memberLine(field, "  ", MAX_NESTED_PROSE)),
    ...notShown(fields.length - shown.length, "  "),
  ];
}

function memberLine({ name, type, required, prose }: ToolField, indent: string, most: number): string {
  const text = oneLine(clipProse(prose, most));
  return `${indent}- \`${name}\` (${typeInWords(type)}${required ? ", required" : ""})${text === "" ? "" : `: ${text}`}`;
}

function notShown(count: number, indent: string): string[] {
  return count > 0 ? [`${indent}- and ${count} more`] : [];
}
