/**
 * JSON lines, plain or gzipped, one record at a time: memory is one read buffer and one line.
 * Lines are cut as bytes, before decoding: a newline byte is never part of another character in UTF-8, and damage stays in its own line.
 */
import { createReadStream } from "node:fs";
import { messageOf, systemCode, UserError } from "../base/errors.js";
import { DamagedStream, decompress } from "./read/decompress.js";
import { DOCUMENT_RECORDS, decodeUtf8, NOT_UTF8, type RecordReader, reject, type SourceRecord } from "./record.js";

/** Longer lines are rejected unread: half of the longest string V8 can hold, and in practice a file that is not JSON lines at all. */
export const MAX_LINE_BYTES = 256 * 2 ** 20;

const READ_BYTES = 1 << 20;
const NEWLINE = 0x0a;
const BLANK = /^\s*$/;

/** A line's bytes without the newline, or null where it is longer than the limit. */
export interface Line {
  readonly number: number;
  readonly bytes: Uint8Array | null;
}

/**
 * The records of a JSON lines file; blank lines are passed over.
 * @throws UserError when the file cannot be read or its gzip stream is damaged or cut short.
 */
export async function* readJsonLines(
  path: string,
  records: RecordReader = DOCUMENT_RECORDS,
  maxLineBytes = MAX_LINE_BYTES,
): AsyncGenerator<SourceRecord> {
  for await (const { number, bytes } of splitLines(openBytes(path), maxLineBytes)) {
    const where = `${path}:${number}`;
    if (bytes === null) {
      yield reject(where, `the line is longer than ${maxLineBytes} bytes`);
      continue;
    }
    const line = decodeUtf8(bytes);
    if (line === NOT_UTF8) yield reject(where, "the line is not valid UTF-8");
    else if (!BLANK.test(line)) yield parseLine(line, where, records);
  }
}

/**
 * The lines of a text file that we wrote ourselves, blank ones left out.
 * @throws UserError when the file cannot be read; Error when a line is too long or not UTF-8.
 */
export async function* readLines(path: string): AsyncGenerator<string> {
  for await (const { number, bytes } of splitLines(openBytes(path), MAX_LINE_BYTES)) {
    const line = bytes === null ? NOT_UTF8 : decodeUtf8(bytes);
    if (line === NOT_UTF8) throw new Error(`${path}:${number} is damaged`);
    if (line !== "") yield line;
  }
}

function parseLine(line: string, where: string, records: RecordReader): SourceRecord {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch (error) {
    return reject(where, `the line is not JSON: ${messageOf(error)}`, line);
  }
  return records.read(fields, where);
}

async function* openBytes(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* decompress(path, createReadStream(path, { highWaterMark: READ_BYTES }));
  } catch (error) {
    throw readFailure(error, path);
  }
}

function readFailure(error: unknown, path: string): UserError {
  if (!(error instanceof DamagedStream))
    return new UserError(
      { what: `cannot read this file (${systemCode(error) ?? "unknown error"})`, where: path },
      { cause: error },
    );
  const hint = "fetch or compress the file again";
  return new UserError({ what: error.message, where: path, got: messageOf(error.cause), hint }, { cause: error });
}

/** The lines of a stream of bytes, the last one with or without its newline. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>, maxLineBytes: number): AsyncGenerator<Line> {
  const pending = new PendingLine(maxLineBytes);
  let number = 1;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      pending.append(chunk.subarray(start, end));
      yield { number: number++, bytes: pending.take() };
      start = end + 1;
    }
    pending.append(chunk.subarray(start));
  }
  yield { number, bytes: pending.take() };
}

/** The pieces of the line being read; forgets them once they exceed the limit. */
class PendingLine {
  private pieces: Uint8Array[] = [];
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  append(piece: Uint8Array): void {
    this.bytes += piece.length;
    if (this.bytes > this.maxBytes) this.pieces = [];
    else if (piece.length > 0) this.pieces.push(piece);
  }

  /** The whole line, or null where it was too long; the next line starts empty. */
  take(): Uint8Array | null {
    const [first, ...rest] = this.pieces;
    const line =
      this.bytes > this.maxBytes ? null : rest.length === 0 ? (first ?? new Uint8Array()) : Buffer.concat(this.pieces);
    this.pieces = [];
    this.bytes = 0;
    return line;
  }
}
