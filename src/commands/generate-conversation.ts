/** A conversation in the form of OpenAI's requests, as chat templates want it. */
import { isObject, type JsonObject } from "../checkpoint/json.js";
import type { TemplateMessage } from "../data/chat/chat-template.js";

export interface Conversation {
  readonly messages: readonly TemplateMessage[];
  readonly tools: readonly unknown[];
}

/** @throws Error that says what it is not. */
export function conversationOf(value: unknown): Conversation {
  const { messages, tools = [] } = isObject(value) ? value : { messages: value };
  if (!Array.isArray(messages) || messages.length === 0) throw new Error("there is no list of messages");
  if (tools !== null && !Array.isArray(tools)) throw new Error("`tools` is no list");
  return { messages: messages.map(messageFrom), tools: tools ?? [] };
}

function messageFrom(value: unknown, index: number): TemplateMessage {
  const where = `message ${index + 1}`;
  if (!isObject(value)) throw new Error(`${where} is no object`);
  const { role, content = null, tool_calls: calls = null } = value;
  if (typeof role !== "string") throw new Error(`${where} has no role`);
  const message = { ...value, role, content: contentOf(content, where) };
  if (calls === null) return message;
  if (!Array.isArray(calls)) throw new Error(`${where}: \`tool_calls\` is no list`);
  return { ...message, tool_calls: calls.map((call) => callFrom(call, where)) };
}

/** A text, or parts of which all are texts; null beside calls. */
function contentOf(content: unknown, where: string): string {
  if (content === null) return "";
  if (typeof content === "string") return content;
  const parts: readonly unknown[] = Array.isArray(content) ? content : [content];
  return parts
    .map((part) => {
      if (isObject(part) && part["type"] === "text" && typeof part["text"] === "string") return part["text"];
      throw new Error(`${where}: its content is no text`);
    })
    .join("");
}

/** OpenAI gives a call's arguments as JSON text; templates write the object itself. */
function callFrom(call: unknown, where: string): JsonObject {
  const body = isObject(call) ? call["function"] : null;
  if (!isObject(call) || !isObject(body) || typeof body["name"] !== "string")
    throw new Error(`${where}: a call without a function's name`);
  const given = body["arguments"] ?? {};
  const parsed: unknown = typeof given === "string" ? JSON.parse(given.trim() === "" ? "{}" : given) : given;
  if (!isObject(parsed)) throw new Error(`${where}: arguments of ${body["name"]} that are no object`);
  return { ...call, function: { ...body, arguments: parsed } };
}
