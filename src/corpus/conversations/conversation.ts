/** A conversation as every format is read into it, and the checks that the readers share. */
import type { ConversationRole } from "../../config/conversation-formats.js";

export type Role = ConversationRole;

export type Fields = Readonly<Record<string, unknown>>;

export interface ToolCall {
  readonly id: string | null;
  readonly name: string;
  readonly arguments: Fields;
}

export interface Message {
  readonly role: Role;
  readonly content: string;
  /** Thoughts that the record keeps apart from the answer. */
  readonly reasoning: string | null;
  readonly toolCalls: readonly ToolCall[];
  /** Of a tool's result: the call it answers. */
  readonly toolCallId: string | null;
  /** Of a tool's result: the tool. */
  readonly name: string | null;
  /** Whether the message counts in the loss; null: as its role does. */
  readonly loss: boolean | null;
}

export interface ToolSchema {
  readonly name: string;
  readonly [field: string]: unknown;
}

export interface Conversation {
  readonly messages: readonly Message[];
  readonly tools: readonly ToolSchema[];
}

/** Why a record is no conversation; the readers throw it, and `parseConversation` turns it into a reason. */
export class Unusable extends Error {}

/** Deeper values are somebody's attack or mistake. */
const MAX_DEPTH = 64;

export function message(role: Role, content: string, rest: Partial<Message> = {}): Message {
  return { role, content, reasoning: null, toolCalls: [], toolCallId: null, name: null, loss: null, ...rest };
}

export function isFields(value: unknown): value is Fields {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** A text; null and absence are an empty one. */
export function textOf(value: unknown, what: string): string {
  const text = value ?? "";
  if (typeof text !== "string") throw new Unusable(`${what} is not a text`);
  return text;
}

export function optionalText(value: unknown, what: string): string | null {
  return value === undefined || value === null ? null : textOf(value, what);
}

/** A list, or the JSON text of one; null and absence are an empty one. */
export function listOf(value: unknown, what: string): readonly unknown[] {
  const list = fromJson(value ?? [], what);
  if (!Array.isArray(list)) throw new Unusable(`${what} is not a list`);
  return list;
}

/** A value that may be given as JSON text; an empty text is an empty list. */
export function fromJson(value: unknown, what: string): unknown {
  if (typeof value !== "string") return value;
  if (value.trim() === "") return [];
  try {
    return JSON.parse(value);
  } catch {
    throw new Unusable(`${what} is not JSON`);
  }
}

/** A message's own word on whether it counts: `loss` or `train` as a boolean, `weight` as 0 or 1. */
export function lossOf({ loss, train, weight }: Fields): boolean | null {
  const given = loss ?? train ?? weight ?? null;
  if (given === null || typeof given === "boolean") return given;
  if (given === 0 || given === 1) return given === 1;
  throw new Unusable("a message's `loss` or `weight` is neither a boolean nor 0 or 1");
}

/** What no template should be given: values without an end, and whole numbers that JavaScript has already rounded. */
export function checkValue(value: unknown, depth = 0): void {
  if (depth > MAX_DEPTH) throw new Unusable(`values nested deeper than ${MAX_DEPTH}`);
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value))
    throw new Unusable("a whole number beyond 2^53, which cannot be kept exactly");
  if (value !== null && typeof value === "object") for (const item of Object.values(value)) checkValue(item, depth + 1);
}
