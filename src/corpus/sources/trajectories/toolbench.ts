/**
 * ToolBench's files (Qin et al. 2023, https://github.com/OpenBMB/ToolBench): answers with their search tree, instructions with the APIs on
 * offer, and descriptions of tools. Which one a value is, its fields say.
 */

import {
  type Conversation,
  type Fields,
  isFields,
  listOf,
  type Message,
  message,
  optionalText,
  type ToolSchema,
  textOf,
  Unusable,
} from "../../conversations/conversation.js";
import { parseConversation } from "../../conversations/formats.js";
import type { ToolDescription, ToolField } from "../../render/tool.js";
import { UNKNOWN_RESULT } from "../../render/tool-result.js";
import { simpleType } from "./parameter-type.js";
import { conversationDocument, fieldsOf, type RecordDocument } from "./record.js";
import { searchPath } from "./search-tree.js";
import { toolDocuments } from "./tool-documents.js";

const LAYOUT = { format: "openai", columns: {}, roles: {} } as const;

export function parseToolBench(value: unknown): readonly RecordDocument[] {
  const record = fieldsOf(value, "the record");
  if ("answer_generation" in record || "tree" in record) return [conversationDocument(answerOf(record))];
  if ("query" in record) return [conversationDocument(instructionOf(record))];
  if ("tool_description" in record) return toolsOf(record).flatMap(toolDocuments);
  throw new Unusable("it is no answer, instruction or tool of ToolBench");
}

/**
 * The path that found the answer. `train_messages` holds its beginnings, one for each of its steps: the longest is all of it. Without
 * them the path is taken from the tree.
 */
function answerOf(record: Fields): Conversation {
  const answer = fieldsOf(record["answer_generation"] ?? {}, "`answer_generation`");
  if (answer["valid_data"] === false) throw new Unusable("the answer is marked as not valid");
  const beginnings = listOf(answer["train_messages"], "`train_messages`");
  const longest = beginnings.reduce<readonly unknown[]>((best, one) => {
    const messages = listOf(one, "a list of messages");
    return messages.length >= best.length ? messages : best;
  }, []);
  const messages = longest.length > 0 ? longest : pathMessages(record["tree"], answer["query"]);
  const parsed = parseConversation({ messages, tools: answer["function"] ?? [] }, LAYOUT);
  if ("why" in parsed) throw new Unusable(parsed.why);
  return { ...parsed.conversation, messages: thoughtsBeforeCalls(parsed.conversation.messages) };
}

/** A thought is a message of its own before that of the call it leads to. */
function thoughtsBeforeCalls(messages: readonly Message[]): Message[] {
  const joined: Message[] = [];
  for (const next of messages) {
    const last = joined.at(-1);
    const isThought = last?.role === "assistant" && last.toolCalls.length === 0 && next.toolCalls.length > 0;
    if (isThought && next.content.trim() === "") joined[joined.length - 1] = { ...next, reasoning: last.content };
    else joined.push(next);
  }
  return joined;
}

function pathMessages(tree: unknown, query: unknown): Fields[] {
  const steps = searchPath(tree);
  const question = textOf(query, "`query`");
  return [...(question === "" ? [] : [{ role: "user", content: question }]), ...steps];
}

/** What somebody wants, the APIs on offer, and those of them that it takes. */
function instructionOf(record: Fields): Conversation {
  const tools = listOf(record["api_list"], "`api_list`").map((given): ToolSchema => {
    const api = fieldsOf(given, "an API");
    const fields = [...parametersOf(api, "required_parameters"), ...parametersOf(api, "optional_parameters")];
    const properties = fields.map(({ name, type, prose }): [string, unknown] => [
      name,
      { type: type.kind === "any" ? "string" : type.kind, ...(prose === "" ? {} : { description: prose }) },
    ]);
    return {
      name: `${textOf(api["tool_name"], "a tool's name")}.${textOf(api["api_name"], "an API's name")}`,
      description: optionalText(api["api_description"], "an API's description") ?? "",
      parameters: {
        type: "object",
        properties: Object.fromEntries(properties),
        required: fields.filter(({ required }) => required).map(({ name }) => name),
      },
    };
  });
  const relevant = listOf(record["relevant APIs"] ?? record["relevant_apis"], "`relevant APIs`").map((pair) => {
    if (!Array.isArray(pair)) throw new Unusable("`relevant APIs` is not a list of pairs");
    return pair.map((part) => textOf(part, "a relevant API")).join(".");
  });
  if (relevant.length === 0) throw new Unusable("there are no `relevant APIs`");
  const answer = `This takes ${relevant.map((name) => `\`${name}\``).join(", ")}.`;
  return { messages: [message("user", textOf(record["query"], "`query`")), message("assistant", answer)], tools };
}

function toolsOf(record: Fields): ToolDescription[] {
  const name = textOf(record["tool_name"] ?? record["title"] ?? record["name"], "a tool's name");
  const api = textOf(record["title"] ?? name, "a tool's title");
  const about = textOf(record["tool_description"], "`tool_description`").trim();
  return listOf(record["api_list"], "`api_list`").map((given) => {
    const one = fieldsOf(given, "an API");
    const operation = textOf(one["name"] ?? one["api_name"], "an API's name");
    if (operation.trim() === "") throw new Unusable("an API has no name");
    const prose = textOf(one["description"] ?? one["api_description"], "an API's description").trim();
    const method = optionalText(one["method"], "a method");
    return {
      host: textOf(record["host"] ?? name, "a host"),
      ...{ operation, name: `${name}.${operation}`, api },
      prose: [prose, about].filter((part) => part !== "").join("\n"),
      http: method === null ? null : [method, pathOf(one["url"])].filter((part) => part !== "").join(" "),
      parameters: [...parametersOf(one, "required_parameters"), ...parametersOf(one, "optional_parameters")],
      result: UNKNOWN_RESULT,
      examples: [],
    };
  });
}

function pathOf(url: unknown): string {
  return typeof url === "string" ? url.replace(/^https?:\/\/[^/]+/, "") : "";
}

function parametersOf(api: Fields, key: "required_parameters" | "optional_parameters"): ToolField[] {
  return listOf(api[key], `\`${key}\``).flatMap((given) => {
    if (!isFields(given)) throw new Unusable("a parameter is not an object");
    const name = textOf(given["name"], "a parameter's name");
    const prose = textOf(given["description"], "a parameter's description").trim();
    return name === ""
      ? []
      : [{ name, type: simpleType(given["type"]), required: key === "required_parameters", prose }];
  });
}
