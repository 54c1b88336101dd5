/**
 * Streaming reader of domain files: JSON lines or Parquet in, one document at a time out, in constant memory.
 * A record that cannot be trained on is counted and shown, and tolerated only up to the share the user stated.
 */
import { UserError } from "../base/errors.js";
import { sha256 } from "../base/fingerprint.js";
import { listDocumentFiles } from "./document-files.js";
import { readJsonLines } from "./json-lines.js";
import { readParquet } from "./parquet.js";
import { DOCUMENT_RECORDS, type RecordReader, type RejectedRecord, type SourceDocument } from "./record.js";

export type { SourceDocument };

/** What was read; filled in while the documents are consumed. */
export interface ReadReport {
  documents: number;
  /** UTF-8 bytes of the documents' text. */
  bytes: number;
  rejected: number;
  /** The first few rejected records. */
  examples: RejectedRecord[];
}

export interface ReadOptions {
  /** Largest share of records that may be rejected, 0 to 1; 0 means that the first bad record ends the reading. */
  readonly skipInvalid: number;
  readonly report: ReadReport;
  /** What a record is; absent: a document. */
  readonly records?: RecordReader;
  /** Hears of every rejected record, and what was read of it. */
  readonly onRejected?: (rejected: RejectedRecord, raw: unknown) => void;
}

/** Before this many records a share says little; from then on too large a share ends the reading early. */
const ENOUGH_RECORDS = 1000;
const SHOWN_EXAMPLES = 5;

/** A report with nothing read yet. */
export function emptyReport(): ReadReport {
  return { documents: 0, bytes: 0, rejected: 0, examples: [] };
}

/**
 * The documents of these files and folders, in order. A record is invalid when it is not JSON, not UTF-8 or, unless `records` says otherwise,
 * without a `text` that says something.
 * @throws UserError when a file is missing or damaged, or more than `skipInvalid` of the records are invalid.
 */
export async function* readDocuments(paths: readonly string[], options: ReadOptions): AsyncGenerator<SourceDocument> {
  const { skipInvalid, report, records = DOCUMENT_RECORDS, onRejected } = options;
  let accepted = 0;
  const rejected: RejectedRecord[] = [];
  let rejections = 0;
  const checkShare = (): void => {
    if (rejections > skipInvalid * (accepted + rejections))
      throw tooMany(rejected, rejections, accepted + rejections, skipInvalid);
  };
  for (const { path, format } of await listDocumentFiles(paths)) {
    for await (const record of format === "parquet" ? readParquet(path, records) : readJsonLines(path, records)) {
      if ("documents" in record) {
        accepted++;
        for (const document of record.documents) {
          report.documents++;
          report.bytes += Buffer.byteLength(document.text);
          yield document;
        }
        continue;
      }
      onRejected?.(record.rejected, record.raw);
      rejections++;
      report.rejected++;
      if (rejected.length < SHOWN_EXAMPLES) rejected.push(record.rejected);
      if (report.examples.length < SHOWN_EXAMPLES) report.examples.push(record.rejected);
      if (skipInvalid === 0 || accepted + rejections > ENOUGH_RECORDS) checkShare();
    }
  }
  checkShare();
}

function tooMany(examples: readonly RejectedRecord[], rejections: number, records: number, allowed: number): UserError {
  const shown = examples.map(({ where, why }) => ({ what: why, where }));
  if (allowed === 0) return new UserError(shown);
  const percent = (share: number): string => `${Number((100 * share).toPrecision(3))}%`;
  const summary = {
    what: "too many records cannot be used",
    expected: `at most ${percent(allowed)}`,
    got: `${rejections} of ${records} records (${percent(rejections / records)})`,
    hint: "the first of them are listed below",
  };
  return new UserError([summary, ...shown]);
}

/** SHA-256 of a document's text: equal text has an equal key, whatever the file, order or other fields. */
export function documentKey(text: string): string {
  return sha256(text);
}

/** Hexadecimal digits of the key that place a document: 48 bits, exact in a number. */
const PLACING_DIGITS = 12;

/** Whether a document belongs to the held-out share (0 to 1) of its domain: decided by its text alone, so that both copies of a repeated document land on the same side. */
export function isHeldOut(text: string, share: number): boolean {
  return Number.parseInt(documentKey(text).slice(0, PLACING_DIGITS), 16) < share * 16 ** PLACING_DIGITS;
}
