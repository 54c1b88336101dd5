/** Records that are conversations: parsed, rendered through the template, and cut into what counts and what does not. */
import { messageOf, UserError } from "../../base/errors.js";
import type { ConversationsPlan } from "../../config/plan.js";
import { parseConversation, recordColumns } from "../../corpus/conversations/formats.js";
import { HALF_PAIR, type RecordReader, reject, type SourceRecord, stringOrNull } from "../../corpus/record.js";
import type { ChatTemplate } from "../chat/chat-template.js";
import { loadChatTemplate } from "../chat/chat-template-file.js";
import { chatSamples, NoSample } from "../chat/samples.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { PrepareChoices } from "./manifest.js";

export interface ConversationRecords {
  readonly records: RecordReader;
  readonly choices: Pick<PrepareChoices, "specialTokens" | "conversations">;
}

/** @throws UserError when there is no template, or it cannot be read. */
export async function conversationRecords(plan: ConversationsPlan, tokenizer: Tokenizer): Promise<ConversationRecords> {
  const template = await loadChatTemplate(tokenizer.path, plan.template);
  const { all, required } = recordColumns(plan);
  return {
    records: {
      columns: { all: [...all, "source", "licence", "license"], required },
      read: (fields, where) => readConversation(fields, where, plan, { template, tokenizer }),
    },
    // A template writes special tokens by their spelling.
    choices: { specialTokens: "parse", conversations: { ...plan, template: template.fingerprint } },
  };
}

function readConversation(
  fields: unknown,
  where: string,
  plan: ConversationsPlan,
  { template, tokenizer }: { readonly template: ChatTemplate; readonly tokenizer: Tokenizer },
): SourceRecord {
  const parsed = parseConversation(fields, plan);
  if ("why" in parsed) return reject(where, parsed.why, fields);
  try {
    const { spellsSpecialToken } = tokenizer;
    const samples = chatSamples(parsed.conversation, { template, loss: plan.loss, spellsSpecialToken });
    if (samples.some(({ text }) => HALF_PAIR.test(text)))
      return reject(where, "the text holds half of a surrogate pair, which UTF-8 cannot write", fields);
    const { source, licence, license } = fields as Record<string, unknown>;
    const about = { source: stringOrNull(source), licence: stringOrNull(licence ?? license), where };
    const group = samples[samples.length - 1].text;
    return { documents: samples.map(({ text, counted }) => ({ ...about, text, counted, group })) };
  } catch (error) {
    if (error instanceof NoSample) return reject(where, error.message, fields);
    if (error instanceof UserError) return reject(where, reason(error), fields);
    // Values nested too deep for the template's interpreter end in the engine's own error.
    if (error instanceof RangeError) return reject(where, messageOf(error), fields);
    throw error;
  }
}

function reason({ problems: [{ what, got }] }: UserError): string {
  return got === undefined ? what : `${what}: ${got}`;
}
