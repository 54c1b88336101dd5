/** The formats of conversations by name: their columns, and how a record becomes a conversation. */
import { type Conversation, type Fields, isFields, type Role, Unusable } from "./conversation.js";
import { parseAlpaca, parseXlam } from "./questions.js";
import { type Naming, parseOpenAi, parseShareGpt, parseToolAce, ROLE_NAMES } from "./turns.js";

export const FORMATS = ["openai", "sharegpt", "xlam", "toolace", "agentinstruct", "alpaca"] as const;
export type ConversationFormat = (typeof FORMATS)[number];

interface Format {
  /** Columns of a record by our names for them. */
  readonly columns: Readonly<Record<string, string>>;
  /** The same for the fields of a turn. */
  readonly turnColumns: Readonly<Record<string, string>>;
  /** A record without them is none of this format. */
  readonly required: readonly string[];
  readonly parse: (fields: Fields, naming: Naming) => Conversation;
}

const SHARE_GPT: Format = {
  columns: { messages: "conversations", system: "system", tools: "tools" },
  turnColumns: { role: "from", content: "value" },
  required: ["messages"],
  parse: parseShareGpt,
};

const TABLE: Readonly<Record<ConversationFormat, Format>> = {
  openai: {
    columns: { messages: "messages", tools: "tools" },
    turnColumns: { role: "role", content: "content" },
    required: ["messages"],
    parse: parseOpenAi,
  },
  sharegpt: SHARE_GPT,
  toolace: { ...SHARE_GPT, parse: parseToolAce },
  agentinstruct: SHARE_GPT,
  xlam: {
    columns: { query: "query", answers: "answers", tools: "tools" },
    turnColumns: {},
    required: ["query", "answers"],
    parse: parseXlam,
  },
  alpaca: {
    columns: { instruction: "instruction", input: "input", output: "output", system: "system", history: "history" },
    turnColumns: {},
    required: ["instruction", "output"],
    parse: parseAlpaca,
  },
};

export interface ConversationLayout {
  readonly format: ConversationFormat;
  /** The record's names for columns, where they are not the format's own. */
  readonly columns: Readonly<Record<string, string>>;
  /** Roles by the record's names, beside the usual ones. */
  readonly roles: Readonly<Record<string, Role>>;
}

/** Our names for a format's columns. */
export function columnNames(format: ConversationFormat): string[] {
  return Object.keys({ ...TABLE[format].columns, ...TABLE[format].turnColumns });
}

/** The record's names for its own columns, those without which there is no conversation first. */
export function recordColumns({ format, columns }: ConversationLayout): {
  readonly all: string[];
  readonly required: string[];
} {
  const named: Readonly<Record<string, string>> = { ...TABLE[format].columns, ...columns };
  const all = Object.keys(TABLE[format].columns).map((name) => named[name]);
  return { all, required: TABLE[format].required.map((name) => named[name]) };
}

export type ParsedConversation = { readonly conversation: Conversation } | { readonly why: string };

/** Any value as a conversation, or the reason why it is none. */
export function parseConversation(record: unknown, layout: ConversationLayout): ParsedConversation {
  const format = TABLE[layout.format];
  const names: Readonly<Record<string, string>> = { ...format.columns, ...format.turnColumns, ...layout.columns };
  const column = (fields: Fields, name: string): unknown => {
    const key = names[name];
    return Object.hasOwn(fields, key) ? fields[key] : undefined;
  };
  try {
    if (!isFields(record)) throw new Unusable("the record is not an object");
    for (const name of format.required)
      if (!Object.hasOwn(record, names[name])) throw new Unusable(`there is no \`${names[name]}\``);
    const conversation = format.parse(record, { column, roles: { ...ROLE_NAMES, ...layout.roles } });
    if (conversation.messages.length === 0) throw new Unusable("there are no messages");
    return { conversation };
  } catch (error) {
    if (error instanceof Unusable) return { why: error.message };
    throw error;
  }
}
