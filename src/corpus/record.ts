/** One record of a domain file, whatever the file's format: either a document that can be trained on, or the reason why not. */

export interface SourceDocument {
  /** Never blank, and well-formed Unicode: it survives a round trip through UTF-8. */
  readonly text: string;
  readonly source: string | null;
  readonly licence: string | null;
  /** `file:line` or `file:row`, counted from 1, for messages. */
  readonly where: string;
  /** The characters that count in the loss, as `[start, end)`, ascending; absent: all do. */
  readonly counted?: readonly (readonly [number, number])[];
  /** A text that several documents share, which are then held out together; absent: the document's own. */
  readonly group?: string;
}

export interface RejectedRecord {
  readonly where: string;
  readonly why: string;
}

export type SourceRecord =
  | { readonly documents: readonly SourceDocument[] }
  | {
      readonly rejected: RejectedRecord;
      /** What was read, as far as it was. */
      readonly raw: unknown;
    };

/** How a file's records become what is wanted of them. */
export interface RecordReader<Item = SourceRecord> {
  /** The columns to read, where a file has columns, and those that have to be there. */
  readonly columns: { readonly all: readonly string[]; readonly required: readonly string[] };
  read(fields: unknown, where: string): Item;
}

/** Stands for bytes that are not UTF-8, so that they are rejected instead of read as replacement characters. */
export const NOT_UTF8 = Symbol("not UTF-8");

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Bytes as text; a byte-order mark at the start is dropped. */
export function decodeUtf8(bytes: Uint8Array): string | typeof NOT_UTF8 {
  try {
    return decoder.decode(bytes);
  } catch {
    return NOT_UTF8;
  }
}

/** Checks the fields of one record. `license` is read where `licence` is absent: public data sets spell it so. */
export function checkRecord(fields: unknown, where: string): SourceRecord {
  if (fields === null || typeof fields !== "object" || Array.isArray(fields))
    return reject(where, "the record is not an object", fields);
  const { text, source, licence, license } = fields as Record<string, unknown>;
  if (text === undefined || text === null) return reject(where, "there is no `text`", fields);
  if (text === NOT_UTF8) return reject(where, "`text` is not valid UTF-8", fields);
  if (typeof text !== "string") return reject(where, "`text` is not a string", fields);
  if (text.trim() === "") return reject(where, "`text` is empty", fields);
  if (HALF_PAIR.test(text))
    return reject(where, "`text` holds half of a surrogate pair, which UTF-8 cannot write", fields);
  return { documents: [{ text, source: stringOrNull(source), licence: stringOrNull(licence ?? license), where }] };
}

/** Half of a surrogate pair. */
export const HALF_PAIR = /\p{Surrogate}/u;

/** Records that are documents. */
export const DOCUMENT_RECORDS: RecordReader = {
  columns: { all: ["text", "source", "licence", "license"], required: ["text"] },
  read: checkRecord,
};

export function reject(where: string, why: string, raw: unknown = null): SourceRecord {
  return { rejected: { where, why }, raw };
}

export function stringOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
