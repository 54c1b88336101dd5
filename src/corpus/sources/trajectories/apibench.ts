/**
 * Gorilla's APIBench (Patil et al. 2023, https://github.com/ShishirPatil/gorilla): questions answered by a call into a model library, and
 * the lists of the APIs that are called.
 */

import { type Fields, isFields, message, textOf, Unusable } from "../../conversations/conversation.js";
import type { ToolDescription, ToolField } from "../../render/tool.js";
import { UNKNOWN_RESULT } from "../../render/tool-result.js";
import { conversationDocument, fieldsOf, type RecordDocument } from "./record.js";
import { toolDocuments } from "./tool-documents.js";

/** A record with `code` is a question and its answer, one with `api_call` alone an entry of an API list. */
export function parseApiBench(value: unknown): readonly RecordDocument[] {
  const record = fieldsOf(value, "the record");
  if ("code" in record) return [answerOf(record)];
  if ("api_call" in record && "api_name" in record) return toolDocuments(toolOf(record));
  throw new Unusable("it is neither a question nor an API of APIBench");
}

const SECTION = /(?:^|\n)\s*#{3}\s*(Instruction|Input|Output)\s*:\s*/gi;
const PART = /[,\n]?\s*<<<([a-z_]{1,40})>>>\s*:?\s*/gi;

/** `code` is text: `###Instruction: … ###Output: <<<domain>>>: …, <<<api_call>>>: …, <<<explanation>>>: …, <<<code>>>: …`. */
function answerOf(record: Fields): RecordDocument {
  const text = textOf(record["code"], "`code`");
  const sections = partsOf(text, SECTION);
  const question = [sections.get("instruction"), sections.get("input")].filter((part) => part).join("\n");
  const output = sections.get("output") ?? "";
  if (question === "" || output === "") throw new Unusable("`code` holds no instruction and output");
  const parts = partsOf(output, PART);
  const call = textOf(record["api_call"], "`api_call`").trim() || (parts.get("api_call") ?? "");
  const code = (parts.get("code") ?? "").replace(/^```\w*\n?|\n?```$/g, "").trim();
  const provider = textOf(record["provider"], "`provider`").trim() || (parts.get("api_provider") ?? "");
  const answer = [
    parts.get("explanation") ?? (parts.size === 0 ? output : ""),
    call === "" ? "" : `Call: \`${call}\`${provider === "" ? "" : ` (${provider})`}`,
    code === "" ? "" : `\`\`\`python\n${code}\n\`\`\``,
  ].filter((part) => part !== "");
  const document = conversationDocument({
    messages: [message("user", question), message("assistant", answer.join("\n"))],
    tools: [],
  });
  const data = record["api_data"];
  return isFields(data) && "api_call" in data ? { ...document, operation: operationOf(toolOf(data)) } : document;
}

/** The text behind each mark, by the mark's name in lower case; the first of a name counts. */
function partsOf(text: string, mark: RegExp): Map<string, string> {
  const marks = [...text.matchAll(mark)];
  const parts = new Map<string, string>();
  for (const [i, found] of marks.entries()) {
    const name = found[1].toLowerCase();
    const part = text.slice(found.index + found[0].length, marks[i + 1]?.index ?? text.length).trim();
    if (!parts.has(name)) parts.set(name, part);
  }
  return parts;
}

function operationOf({ host, operation }: ToolDescription): string {
  return `${host} ${operation}`;
}

function toolOf(entry: Fields): ToolDescription {
  const text = (key: string): string => (typeof entry[key] === "string" ? entry[key].trim() : "");
  const host = text("framework") || "APIBench";
  const name = text("api_name");
  if (name === "") throw new Unusable("an API has no `api_name`");
  const requirements = wordsOf(entry["python_environment_requirements"]);
  const prose = [
    text("description"),
    text("functionality") === "" ? "" : `Task: ${[text("domain"), text("functionality")].filter(Boolean).join(", ")}.`,
    text("api_call") === "" ? "" : `Call: \`${text("api_call")}\``,
    requirements === "" ? "" : `Needs ${requirements}.`,
    codeBlock(text("example_code")),
  ];
  return {
    ...{ host, operation: name, name, api: host },
    prose: prose.filter((part) => part !== "").join("\n"),
    ...{ http: null, parameters: argumentsOf(entry["api_arguments"]), result: UNKNOWN_RESULT, examples: [] },
  };
}

function codeBlock(code: string): string {
  return code === "" ? "" : `\`\`\`\n${code}\n\`\`\``;
}

function wordsOf(value: unknown): string {
  if (typeof value === "string") return value.trim();
  return Array.isArray(value) ? value.filter((one) => typeof one === "string").join(", ") : "";
}

/** Names with their values or meanings as an object, or a list of names or of such objects. */
function argumentsOf(value: unknown): ToolField[] {
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  return given.flatMap((one): ToolField[] => {
    if (typeof one === "string" && /^[A-Za-z_]\w*$/.test(one.trim())) return [fieldOf(one.trim(), "")];
    if (!isFields(one)) return [];
    return Object.entries(one).map(([name, meaning]) => fieldOf(name, plainOf(meaning)));
  });
}

function plainOf(value: unknown): string {
  return typeof value === "string"
    ? value.trim()
    : typeof value === "number" || typeof value === "boolean"
      ? `${value}`
      : "";
}

function fieldOf(name: string, prose: string): ToolField {
  return { name, type: { kind: "any" }, required: false, prose };
}
