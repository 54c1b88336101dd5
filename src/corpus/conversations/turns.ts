/** Formats that are lists of turns: OpenAI's messages, and the ShareGPT family with its many names. */
import { parseBracketCalls } from "./bracket-calls.js";
import {
  type Conversation,
  type Fields,
  isFields,
  listOf,
  lossOf,
  type Message,
  message,
  optionalText,
  type Role,
  textOf,
  Unusable,
} from "./conversation.js";
import { callsOf, toolsOf } from "./tools.js";

/** A record's fields by our names, and the roles of its turns by theirs. */
export interface Naming {
  /** The record's value for one of the format's columns. */
  readonly column: (fields: Fields, name: string) => unknown;
  readonly roles: Readonly<Record<string, Role | "call">>;
}

/** Roles of every spelling seen; `call` is an assistant's turn that is nothing but calls. */
export const ROLE_NAMES: Readonly<Record<string, Role | "call">> = {
  ...{ system: "system", developer: "system", user: "user", human: "user" },
  ...{ assistant: "assistant", gpt: "assistant", model: "assistant", chatgpt: "assistant", bot: "assistant" },
  ...{ function_call: "call", tool_call: "call" },
  ...{ tool: "tool", function: "tool", observation: "tool", function_response: "tool", tool_response: "tool" },
};

/** Reads every turn of a list; what is wrong with one is said with its number. */
function eachTurn(turns: readonly unknown[], read: (turn: Fields) => Message): Message[] {
  return turns.map((turn, index) => {
    try {
      if (!isFields(turn)) throw new Unusable("it is not an object");
      return read(turn);
    } catch (error) {
      if (error instanceof Unusable) throw new Unusable(`message ${index + 1}: ${error.message}`);
      throw error;
    }
  });
}

function roleOf(value: unknown, roles: Naming["roles"]): Role | "call" {
  const name = textOf(value, "a role");
  if (Object.hasOwn(roles, name)) return roles[name];
  throw new Unusable(`the role ${JSON.stringify(name.slice(0, 40))} is not known`);
}

/** `messages` with `role`, `content`, `tool_calls`; older `function_call`; content as a text or a list of text parts. */
export function parseOpenAi(fields: Fields, { column, roles }: Naming): Conversation {
  const messages = eachTurn(listOf(column(fields, "messages"), "`messages`"), (turn) => {
    const role = roleOf(column(turn, "role"), roles);
    const calls = callsOf(turn["tool_calls"] ?? turn["function_call"]);
    if (role === "call" || (calls.length > 0 && role !== "assistant"))
      throw new Unusable("only an assistant's message has tool calls");
    return message(role, contentOf(column(turn, "content")), {
      toolCalls: calls,
      reasoning: optionalText(turn["reasoning_content"] ?? turn["reasoning"] ?? turn["thinking"], "the reasoning"),
      toolCallId: optionalText(turn["tool_call_id"], "a result's id"),
      name: optionalText(turn["name"], "a message's name"),
      loss: lossOf(turn),
    });
  });
  return { messages, tools: toolsOf(column(fields, "tools") ?? fields["functions"]) };
}

function contentOf(value: unknown): string {
  if (!Array.isArray(value)) return textOf(value, "a message's content");
  const parts = value.map((part: unknown) => {
    if (isFields(part) && part["type"] === "text") return textOf(part["text"], "a part of a message");
    throw new Unusable("a message holds something other than text");
  });
  return parts.join("");
}

/** Turns with a role and a text; calls are turns of their own, or text with JSON in it. */
export function parseShareGpt(fields: Fields, { column, roles }: Naming): Conversation {
  const system = optionalText(column(fields, "system"), "`system`");
  const turns = eachTurn(listOf(column(fields, "messages"), "the conversation"), (turn) => {
    const role = roleOf(column(turn, "role"), roles);
    const content = column(turn, "content");
    const loss = lossOf(turn);
    if (role === "call") return message("assistant", "", { toolCalls: callsOf(content), loss });
    return message(role, textOf(content, "a turn"), { loss });
  });
  const messages = system === null || system.trim() === "" ? turns : [message("system", system), ...turns];
  return { messages, tools: toolsOf(column(fields, "tools")) };
}

/**
 * Turns whose calls are text in brackets and whose tools stand in the system prose. Where every bracketed answer is a list of calls and the
 * prose holds the tools, both become what they mean and the prose, which explains the brackets, is dropped; otherwise all stays text.
 */
export function parseToolAce(fields: Fields, naming: Naming): Conversation {
  const conversation = parseShareGpt(fields, naming);
  const [first, ...turns] = conversation.messages;
  const tools = first?.role === "system" ? toolsInside(first.content) : null;
  if (tools === null || tools.length === 0) return conversation;
  const messages: Message[] = [];
  for (const turn of turns) {
    const calls =
      turn.role === "assistant" && /^\s*\[[^\]]*\(/.test(turn.content) ? parseBracketCalls(turn.content) : [];
    if (calls === null) return conversation;
    messages.push(calls.length > 0 ? { ...turn, content: "", toolCalls: calls } : turn);
  }
  return { messages, tools };
}

/** The first JSON list of tools in a text, or null. */
function toolsInside(prose: string): Conversation["tools"] | null {
  const start = prose.search(/\[\s*\{/);
  if (start < 0) return null;
  for (
    let end = prose.lastIndexOf("]"), tries = 0;
    end > start && tries < 8;
    end = prose.lastIndexOf("]", end - 1), tries++
  ) {
    try {
      return toolsOf(prose.slice(start, end + 1));
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
    }
  }
  return null;
}
