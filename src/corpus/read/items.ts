/** What the readers of sources give: documents whose text can be trained on, and rejections that people can read. */
import type { FoundDocument, Rejection, SourceItem } from "../forge-document.js";
import { HALF_PAIR } from "../record.js";

/** Characters of a rejected record that are kept. */
const SHOWN_CHARACTERS = 2000;

/** The document, or its rejection where its text cannot be trained on. `record` is what it was made of. */
export function documentItem(document: FoundDocument, record: unknown): SourceItem {
  const why = textFault(document.text);
  return why === null ? { document } : rejection(document.origin, why, record);
}

/** Why a text is no document; null where it is one. */
export function textFault(text: string): string | null {
  if (text.trim() === "") return "the text is empty";
  if (text.includes("\0")) return "the text holds NUL characters";
  if (HALF_PAIR.test(text)) return "the text holds half of a surrogate pair, which UTF-8 cannot write";
  return null;
}

export function rejection(where: string, why: string, record: unknown): { readonly rejected: Rejection } {
  return { rejected: { where, why, record: shown(record).slice(0, SHOWN_CHARACTERS) } };
}

function shown(record: unknown): string {
  if (typeof record === "string") return record;
  if (record instanceof Uint8Array) return Buffer.from(record.subarray(0, SHOWN_CHARACTERS)).toString("latin1");
  try {
    // Parquet has whole numbers that JSON has not.
    return JSON.stringify(record, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value)) ?? "";
  } catch (error) {
    // Only a value nested deeper than the stack cannot be written: it was read as JSON, so it has no rings and no other types.
    if (error instanceof RangeError) return "a value nested too deep to show";
    throw error;
  }
}
