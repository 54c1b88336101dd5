/**
 * The records of a file as plain values, one at a time: JSON lines, a JSON array of any length, one JSON value, or Parquet; compressed or
 * not. Files that end in `.json` and hold JSON lines, as many published ones do, are read as what they hold.
 */
import { messageOf, UserError } from "../../base/errors.js";
import type { Rejection } from "../forge-document.js";
import { type Line, splitLines } from "../json-lines.js";
import { readParquet } from "../parquet.js";
import { decodeUtf8, NOT_UTF8 } from "../record.js";
import type { SourceFiles } from "../source-kind.js";
import { DamagedStream, decompress, uncompressedName } from "./decompress.js";
import { rejection } from "./items.js";
import { splitArray } from "./json-array.js";

/** A record with its place, `path:number`, or why it cannot be read. */
export type FoundValue = { readonly where: string; readonly value: unknown } | { readonly rejected: Rejection };

/** The most bytes of one JSON value: as an object it takes some ten times as many. */
export const MAX_VALUE_BYTES = 64 * 2 ** 20;

const RECORD_FILE = /\.(?:jsonl|ndjson|json|parquet)$/;
const LINES_FILE = /\.(?:jsonl|ndjson)$/;

/** Whether a file is of a kind that holds records. */
export function holdsRecords(path: string): boolean {
  const name = uncompressedName(path);
  return RECORD_FILE.test(name) && (!name.endsWith(".parquet") || path.toLowerCase() === name);
}

export interface WantedColumns {
  readonly all: readonly string[];
  readonly required: readonly string[];
}

/** The records of a file. `columns` are those to read of a Parquet file. */
export async function* readValues(
  path: string,
  files: SourceFiles,
  columns: WantedColumns,
): AsyncGenerator<FoundValue> {
  try {
    if (path.toLowerCase().endsWith(".parquet")) yield* parquetValues(path, files, columns);
    else yield* jsonValues(path, decompress(path, files.stream(path)));
  } catch (error) {
    if (!(error instanceof DamagedStream)) throw error;
    yield rejection(path, error.message, messageOf(error.cause));
  }
}

async function* parquetValues(path: string, files: SourceFiles, columns: WantedColumns): AsyncGenerator<FoundValue> {
  let row = 0;
  const read = (value: unknown): FoundValue => ({ where: `${path}:${++row}`, value });
  try {
    yield* readParquet(files.location(path), { columns, read });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Without `where`: that is where the file happens to lie on this machine.
    const [{ what, expected, got, hint }] = error.problems;
    const told = [expected && `expected: ${expected}`, got && `got: ${got}`, hint].filter(Boolean);
    yield rejection(path, what, told.join("\n"));
  }
}

async function* jsonValues(path: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<FoundValue> {
  const isLines = LINES_FILE.test(uncompressedName(path));
  const { first, all } = await peek(chunks);
  if (first === OPENING_BRACKET && !isLines) {
    for await (const item of splitArray(all, MAX_VALUE_BYTES)) {
      const where = `${path}:${item.number}`;
      yield "why" in item ? rejection(where, item.why, "") : parseBytes(item.bytes, where);
    }
    return;
  }
  const lines = splitLines(all, MAX_VALUE_BYTES);
  if (!isLines) {
    const opening = await firstLine(lines);
    if (opening === null) return;
    const only = parseBytes(opening.bytes, `${path}:${opening.number}`);
    if ("rejected" in only) {
      yield await wholeValue(path, opening, lines);
      return;
    }
    yield only;
  }
  for await (const line of lines) if (!isBlank(line)) yield parseBytes(line.bytes, `${path}:${line.number}`);
}

const OPENING_BRACKET = 0x5b;

/** The first byte that is no white space, or null, and the chunks as if nothing had been read. */
async function peek(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ first: number | null; all: AsyncIterable<Uint8Array> }> {
  const rest = chunks[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let first: number | undefined;
  while (first === undefined) {
    const { done, value } = await rest.next();
    if (done) break;
    seen.push(value);
    first = value.find((byte) => !isSpace(byte));
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    yield* seen;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  }
  return { first: first ?? null, all: all() };
}

function isSpace(byte: number): boolean {
  // A byte-order mark is passed over like a space.
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === 0xef || byte === 0xbb || byte === 0xbf;
}

async function firstLine(lines: AsyncGenerator<Line>): Promise<Line | null> {
  for (let next = await lines.next(); !next.done; next = await lines.next())
    if (!isBlank(next.value)) return next.value;
  return null;
}

/** The value that begins in `opening` and fills the rest of the file. */
async function wholeValue(path: string, opening: Line, lines: AsyncGenerator<Line>): Promise<FoundValue> {
  const parts: Uint8Array[] = [];
  let total = 0;
  const add = ({ bytes }: Line): boolean => {
    total += (bytes?.length ?? MAX_VALUE_BYTES) + 1;
    if (bytes !== null) parts.push(bytes, NEWLINE);
    return total <= MAX_VALUE_BYTES;
  };
  let fits = add(opening);
  for (let next = fits ? await lines.next() : null; next !== null && !next.done && fits; next = await lines.next())
    fits = add(next.value);
  return parseBytes(fits ? Buffer.concat(parts) : null, path);
}

const NEWLINE = Uint8Array.of(0x0a);

function isBlank({ bytes }: Line): boolean {
  return bytes?.every(isSpace) ?? false;
}

/** Bytes as the JSON value that they spell; null bytes stand for more than are read. */
function parseBytes(bytes: Uint8Array | null, where: string): FoundValue {
  if (bytes === null) return rejection(where, `the value is longer than ${MAX_VALUE_BYTES} bytes`, "");
  const text = decodeUtf8(bytes);
  if (text === NOT_UTF8) return rejection(where, "the value is not valid UTF-8", bytes);
  try {
    return { where, value: JSON.parse(text) as unknown };
  } catch (error) {
    return rejection(where, `the value is not JSON: ${messageOf(error)}`, text);
  }
}
