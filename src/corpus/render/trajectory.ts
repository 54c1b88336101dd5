/**
 * A conversation as one readable text, whatever format it came in: the tools on offer, then every turn as a paragraph that begins with
 * who speaks. Texts and observations stand in it as they were found; calls are JSON.
 *
 *   System: You can call these tools.
 *   - get_weather(city: string, days?: integer): The weather of a city.
 *
 *   User: How warm is it in Oslo?
 *
 *   Assistant: Thought: I have to look it up.
 *   {"name":"get_weather","arguments":{"city":"Oslo"}}
 *
 *   Tool (get_weather): {"celsius":4}
 *
 *   Assistant: It is 4 °C in Oslo.
 */
import { sha256 } from "../../base/fingerprint.js";
import {
  type Conversation,
  isFields,
  type Message,
  type ToolCall,
  type ToolSchema,
} from "../conversations/conversation.js";

/** What varies between texts. */
interface Manner {
  readonly json: (value: unknown) => string;
  readonly tool: (tool: ToolSchema) => string;
  readonly introduction: string;
}

const INTRODUCTIONS = [
  "You can call these tools.",
  "These functions are available. Call one with a JSON object of its name and its arguments.",
  "Tools:",
  "You have access to the following tools:",
];
const SPEAKERS = { system: "System", user: "User", assistant: "Assistant", tool: "Tool" } as const;

/**
 * The text of a conversation; "" where nobody says anything. How it is written (dense or indented JSON, whole schemas or a line for
 * each tool) is drawn by what it says, so that equal conversations give equal texts.
 */
export function renderTrajectory({ messages, tools }: Conversation): string {
  const manner = mannerOf(sha256(JSON.stringify([messages, tools])));
  const offered = tools.length === 0 ? "" : `${manner.introduction}\n${tools.map(manner.tool).join("\n")}`;
  const [first, ...rest] = messages;
  const opensWithSystem = first?.role === "system";
  const opening = [opensWithSystem ? first.content.trim() : "", offered].filter((part) => part !== "").join("\n\n");
  const names = new Map<string, string>();
  const turns = (opensWithSystem ? rest : messages).map((message) => paragraphOf(message, manner, names));
  const said = turns.filter((turn) => turn !== null);
  if (said.length === 0) return "";
  return [...(opening === "" ? [] : [`System: ${opening}`]), ...said].join("\n\n");
}

function mannerOf(key: string): Manner {
  const draw = (byte: number, ways: number): number => Number.parseInt(key.slice(2 * byte, 2 * byte + 2), 16) % ways;
  const indented = draw(0, 3) === 0;
  const json = (value: unknown): string => JSON.stringify(value, null, indented ? 2 : undefined);
  return {
    json,
    tool: draw(1, 2) === 0 ? json : shortLine,
    introduction: INTRODUCTIONS[draw(2, INTRODUCTIONS.length)] ?? "",
  };
}

/** A turn with its speaker, or null where it is silent. `names` learns which tool each call's id belongs to. */
function paragraphOf(message: Message, { json }: Manner, names: Map<string, string>): string | null {
  for (const { id, name } of message.toolCalls) if (id !== null) names.set(id, name);
  const parts = [
    ...(message.reasoning === null || message.reasoning.trim() === "" ? [] : [`Thought: ${message.reasoning.trim()}`]),
    ...(message.content.trim() === "" ? [] : [message.content.trim()]),
    ...(message.toolCalls.length === 0 ? [] : [json(callsAsValue(message.toolCalls))]),
  ];
  // An empty result is a result: without its turn the call would seem to have none.
  if (parts.length === 0 && message.role !== "tool") return null;
  return `${speakerOf(message, names)}: ${parts.join("\n")}`.trimEnd();
}

function callsAsValue(calls: readonly ToolCall[]): unknown {
  const values = calls.map(({ name, arguments: values }) => ({ name, arguments: values }));
  return values.length === 1 ? values[0] : values;
}

function speakerOf({ role, name, toolCallId }: Message, names: ReadonlyMap<string, string>): string {
  if (role !== "tool") return SPEAKERS[role];
  const tool = name ?? (toolCallId === null ? null : (names.get(toolCallId) ?? null));
  return tool === null ? SPEAKERS.tool : `${SPEAKERS.tool} (${tool})`;
}

/** `- name(city: string, days?: integer): What it does.` */
function shortLine(tool: ToolSchema): string {
  const { description } = tool;
  const prose = typeof description === "string" ? description.trim().replace(/\s*\n\s*/g, " ") : "";
  return `- ${tool.name}(${parametersOf(tool).join(", ")})${prose === "" ? "" : `: ${prose}`}`;
}

/** Parameters as JSON Schema gives them, under its usual names, or as a plain table of them by name (xLAM). */
function parametersOf(tool: ToolSchema): string[] {
  const schema = tool["parameters"] ?? tool["input_schema"] ?? tool["inputSchema"];
  if (!isFields(schema)) return [];
  const table = isFields(schema["properties"]) ? schema["properties"] : schema["type"] === "object" ? {} : schema;
  const required = schema["required"];
  return Object.entries(table).flatMap(([name, given]) => {
    if (!isFields(given)) return [];
    const optional = Array.isArray(required) ? !required.includes(name) : "default" in given;
    const { type } = given;
    return [`${name}${optional ? "?" : ""}${typeof type === "string" ? `: ${type}` : ""}`];
  });
}
