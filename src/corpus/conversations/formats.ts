/** The formats of conversations by name: their columns, and how a record becomes a conversation. */
import { type ConversationFormat, FORMAT_COLUMNS } from "../../config/conversation-formats.js";
import { type Conversation, type Fields, isFields, type Role, Unusable } from "./conversation.js";
import { parseAlpaca, parseXlam } from "./questions.js";
import { type Naming, parseOpenAi, parseShareGpt, parseToolAce, ROLE_NAMES } from "./turns.js";

type Parser = (fields: Fields, naming: Naming) => Conversation;

const PARSERS: Readonly<Record<ConversationFormat, Parser>> = {
  openai: parseOpenAi,
  sharegpt: parseShareGpt,
  toolace: parseToolAce,
  // ShareGPT's turns, with a word on each whether it counts.
  agentinstruct: parseShareGpt,
  xlam: parseXlam,
  alpaca: parseAlpaca,
};

export interface ConversationLayout {
  readonly format: ConversationFormat;
  /** The record's names for columns, where they are not the format's own. */
  readonly columns: Readonly<Record<string, string>>;
  /** Roles by the record's names, beside the usual ones. */
  readonly roles: Readonly<Record<string, Role>>;
}

/** The record's names for its own columns, and those without which there is no conversation. */
export function recordColumns({ format, columns }: ConversationLayout): {
  readonly all: readonly string[];
  readonly required: readonly string[];
} {
  const { record, required } = FORMAT_COLUMNS[format];
  const named: Readonly<Record<string, string>> = { ...record, ...columns };
  return { all: Object.keys(record).map((name) => named[name]), required: required.map((name) => named[name]) };
}

export type ParsedConversation = { readonly conversation: Conversation } | { readonly why: string };

/** Any value as a conversation, or the reason why it is none. */
export function parseConversation(record: unknown, layout: ConversationLayout): ParsedConversation {
  const format = FORMAT_COLUMNS[layout.format];
  const names: Readonly<Record<string, string>> = { ...format.record, ...format.turn, ...layout.columns };
  const column = (fields: Fields, name: string): unknown => {
    const key = names[name];
    return Object.hasOwn(fields, key) ? fields[key] : undefined;
  };
  try {
    if (!isFields(record)) throw new Unusable("the record is not an object");
    for (const name of format.required)
      if (!Object.hasOwn(record, names[name])) throw new Unusable(`there is no \`${names[name]}\``);
    const conversation = PARSERS[layout.format](record, { column, roles: { ...ROLE_NAMES, ...layout.roles } });
    if (conversation.messages.length === 0) throw new Unusable("there are no messages");
    return { conversation };
  } catch (error) {
    if (error instanceof Unusable) return { why: error.message };
    throw error;
  }
}
