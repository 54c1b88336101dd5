/** The formats of conversations that a plan can name, and how each names its columns. */

export const CONVERSATION_FORMATS = ["openai", "sharegpt", "xlam", "toolace", "agentinstruct", "alpaca"] as const;
export type ConversationFormat = (typeof CONVERSATION_FORMATS)[number];

export const DEFAULT_FORMAT: ConversationFormat = "openai";

export const CONVERSATION_ROLES = ["system", "user", "assistant", "tool"] as const;
export type ConversationRole = (typeof CONVERSATION_ROLES)[number];

/** Names of a format's columns, by our names for them. */
export interface FormatColumns {
  readonly record: Readonly<Record<string, string>>;
  /** Of a turn. */
  readonly turn: Readonly<Record<string, string>>;
  /** Those of the record without which it is none of this format. */
  readonly required: readonly string[];
}

const SHARE_GPT: FormatColumns = {
  record: { messages: "conversations", system: "system", tools: "tools" },
  turn: { role: "from", content: "value" },
  required: ["messages"],
};

export const FORMAT_COLUMNS: Readonly<Record<ConversationFormat, FormatColumns>> = {
  openai: {
    record: { messages: "messages", tools: "tools" },
    turn: { role: "role", content: "content" },
    required: ["messages"],
  },
  sharegpt: SHARE_GPT,
  toolace: SHARE_GPT,
  agentinstruct: SHARE_GPT,
  xlam: { record: { query: "query", answers: "answers", tools: "tools" }, turn: {}, required: ["query", "answers"] },
  alpaca: {
    record: { instruction: "instruction", input: "input", output: "output", system: "system", history: "history" },
    turn: {},
    required: ["instruction", "output"],
  },
};
