/** What `generate` is to continue: texts and conversations from the command line and from files. */
import { readFile } from "node:fs/promises";
import { messageOf, type Problem, systemCode, UserError } from "../base/errors.js";
import { isObject } from "../checkpoint/json.js";
import { type Conversation, message } from "../corpus/conversations/conversation.js";
import { parseConversation } from "../corpus/conversations/formats.js";

/** Where prompts come from, in this order. */
export interface PromptSources {
  readonly prompts: readonly string[];
  /** JSON lines: texts, objects with the text as `prompt`, or, in a chat, conversations. */
  readonly promptsFile: string | null;
  /** A conversation as JSON: a list of messages, or an object with `messages` and perhaps `tools`. */
  readonly messagesFile: string | null;
  /** Texts are what a user says, and the model answers. */
  readonly chat: boolean;
}

export type GivenPrompt = { readonly text: string } | Conversation;

/** @throws UserError for everything that is no prompt, or when a chat has none. */
export async function readPrompts(sources: PromptSources): Promise<GivenPrompt[]> {
  const { promptsFile, messagesFile, chat } = sources;
  const said = (text: string): GivenPrompt => (chat ? { messages: [message("user", text)], tools: [] } : { text });
  const fromFile = promptsFile === null ? [] : await readLines(promptsFile, said, chat);
  const fromMessages = messagesFile === null ? [] : [await readConversation(messagesFile)];
  const all = [...sources.prompts.map(said), ...fromFile, ...fromMessages];
  if (all.length > 0 || !chat) return all.length === 0 ? [{ text: "" }] : all;
  throw new UserError({ what: "a chat begins with something said", hint: "use --prompt, --prompts or --messages" });
}

async function readLines(path: string, said: (text: string) => GivenPrompt, chat: boolean): Promise<GivenPrompt[]> {
  const problems: Problem[] = [];
  const found: GivenPrompt[] = [];
  (await readText(path)).split("\n").forEach((line, index) => {
    if (line.trim() === "") return;
    try {
      found.push(promptOf(JSON.parse(line), said, chat));
    } catch (error) {
      problems.push({
        ...{ what: "this line is no prompt", where: `${path}:${index + 1}`, got: messageOf(error) },
        expected: `"a text" or { "prompt": "a text" }${chat ? ' or { "messages": […] }' : ""}, in JSON`,
      });
    }
  });
  if (problems.length > 0) throw new UserError(problems);
  if (found.length === 0) throw new UserError({ what: "this file has no prompts", where: path });
  return found;
}

function promptOf(value: unknown, said: (text: string) => GivenPrompt, chat: boolean): GivenPrompt {
  const text = isObject(value) ? value["prompt"] : value;
  if (typeof text === "string") return said(text);
  if (chat && isObject(value) && "messages" in value) return conversationOf(value);
  throw new Error(String(JSON.stringify(value)).slice(0, 80));
}

/** A list of messages, or a record in OpenAI's form, read as `prepare` reads it. @throws Error that says what it is not. */
function conversationOf(value: unknown): Conversation {
  const record = Array.isArray(value) ? { messages: value } : value;
  const parsed = parseConversation(record, { format: "openai", columns: {}, roles: {} });
  if ("why" in parsed) throw new Error(parsed.why);
  return parsed.conversation;
}

async function readConversation(path: string): Promise<Conversation> {
  const text = await readText(path);
  try {
    return conversationOf(JSON.parse(text));
  } catch (error) {
    throw new UserError(
      { what: "this file holds no conversation", where: path, got: messageOf(error) },
      { cause: error },
    );
  }
}

async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw new UserError(
      { what: `cannot read this file (${systemCode(error) ?? "unknown error"})`, where: path },
      { cause: error },
    );
  });
}
