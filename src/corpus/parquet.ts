/**
 * Parquet files, one row group at a time by byte ranges: memory is one row group's wanted columns, never the file.
 * hyparquet does the decoding. What the file claims about itself is checked before memory is reserved for it, and whatever the
 * decoder stumbles over is reported as a damaged file.
 */
import { type FileHandle, open } from "node:fs/promises";
import {
  type AsyncBuffer,
  type ColumnChunk,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type RowGroup,
} from "hyparquet";
import { messageOf, systemCode, UserError } from "../base/errors.js";
import { CHECKED_ENCODINGS, checkPages, codecs, columnRange } from "./parquet-pages.js";
import { DOCUMENT_RECORDS, decodeUtf8, type RecordReader, type SourceRecord } from "./record.js";

/** The most uncompressed bytes of a row group's read columns: twice to thrice this is needed as strings, within Node's default heap. */
export const MAX_ROW_GROUP_BYTES = 2 ** 30;
/** Sixteen times the rows that pyarrow puts into a row group by default. */
const MAX_ROW_GROUP_ROWS = 2 ** 24;

/**
 * The records of a Parquet file whose wanted columns are strings.
 * @throws UserError when the file cannot be read, is damaged, has no such column, or a row group larger than this reader holds in memory.
 */
export function readParquet(path: string): AsyncGenerator<SourceRecord>;
export function readParquet<Item>(path: string, records: RecordReader<Item>): AsyncGenerator<Item>;
export async function* readParquet(
  path: string,
  records: RecordReader<unknown> = DOCUMENT_RECORDS,
): AsyncGenerator<unknown> {
  const handle = await open(path, "r").catch((error: unknown) => {
    throw new UserError(
      { what: `cannot read this file (${systemCode(error) ?? "unknown error"})`, where: path },
      { cause: error },
    );
  });
  try {
    const file = byteRanges(handle, (await handle.stat()).size);
    const metadata = await asDamage(path, () => parquetMetadataAsync(file));
    const columns = await asDamage(path, () => readableColumns(metadata, records));
    requireColumns(metadata, columns, records, path);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      checkEncodings(group, columns, path);
      const rowEnd = rowStart + checkRowGroup(group, columns, path);
      for (const fields of await readRows({ file, metadata, columns, rowStart, rowEnd }, group, path))
        yield records.read(fields, `${path}:${++rowStart}`);
    }
  } finally {
    await handle.close();
  }
}

/** Reads by position; a range outside the file is a damaged offset, refused before its bytes are allocated. */
function byteRanges(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      if (!(start >= 0 && start <= end && end <= byteLength))
        throw new RangeError(`bytes ${start} to ${end} of a file of ${byteLength}`);
      const bytes = new Uint8Array(end - start);
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled);
        if (bytesRead === 0) throw new RangeError("the file became shorter while it was read");
        filled += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

/** The wanted columns that are flat strings. */
function readableColumns(metadata: FileMetaData, { columns }: RecordReader<unknown>): string[] {
  return parquetSchema(metadata)
    .children.filter(({ element, children }) => {
      const flatString =
        element.type === "BYTE_ARRAY" && children.length === 0 && element.repetition_type !== "REPEATED";
      return flatString && (element.converted_type ?? "UTF8") === "UTF8" && columns.all.includes(element.name);
    })
    .map(({ element }) => element.name);
}

function requireColumns(
  metadata: FileMetaData,
  columns: readonly string[],
  { columns: wanted }: RecordReader<unknown>,
  path: string,
): void {
  const children = parquetSchema(metadata).children;
  const present = new Set(children.map(({ element }) => element.name));
  // A wanted column that cannot be read must not pass for one that is not there.
  const missing = wanted.all.filter(
    (name) => !columns.includes(name) && (wanted.required.includes(name) || (name !== "source" && present.has(name))),
  );
  if (missing.length === 0) return;
  const names = children.map(({ element }) => `${element.name} (${element.type ?? "nested"})`);
  const [first] = missing;
  throw new UserError({
    what: `this Parquet file has no \`${first}\` column of strings`,
    where: path,
    expected: `a column named ${first} of type string`,
    got: names.slice(0, 20).join(", ") || "no columns",
    ...(present.has(first) && {
      hint: "nested columns are not read: write the file as JSON lines, for example datasets.Dataset.from_parquet(path).to_json(path)",
    }),
  });
}

/** The number of rows of a group that this reader can hold in memory. */
function checkRowGroup(group: RowGroup, columns: readonly string[], path: string): number {
  const rows = Number(group.num_rows);
  const bytes = wantedChunks(group, columns).reduce(
    (sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0),
    0,
  );
  if (!(rows >= 0 && bytes >= 0)) throw damaged(path, new RangeError(`a row group of ${rows} rows and ${bytes} bytes`));
  if (rows > MAX_ROW_GROUP_ROWS || bytes > MAX_ROW_GROUP_BYTES)
    throw new UserError({
      what: "a row group of this Parquet file is too large to hold in memory",
      where: path,
      expected: `at most ${MAX_ROW_GROUP_ROWS} rows and ${MAX_ROW_GROUP_BYTES} bytes`,
      got: `${rows} rows and ${bytes} bytes`,
      hint: "write the file again with smaller row groups, for example pyarrow.parquet.write_table(table, path, row_group_size=10000)",
    });
  return rows;
}

/** Levels are run-length encoded, so RLE and BIT_PACKED are always listed beside the values' own encoding. */
function checkEncodings(group: RowGroup, columns: readonly string[], path: string): void {
  const readable = [...CHECKED_ENCODINGS, "RLE", "BIT_PACKED"];
  for (const { meta_data } of wantedChunks(group, columns)) {
    const unknown = meta_data?.encodings.filter((encoding) => !readable.includes(encoding)) ?? [];
    if (unknown.length === 0) continue;
    throw new UserError({
      what: `the column ${meta_data?.path_in_schema[0]} is encoded in a way that is not read`,
      where: path,
      expected: "plain or dictionary encoding",
      got: unknown.join(", "),
      hint: "write the file again with the default encodings, for example pyarrow.parquet.write_table(table, path)",
    });
  }
}

interface RowRange {
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly columns: string[];
  readonly rowStart: number;
  readonly rowEnd: number;
}

async function readRows(range: RowRange, group: RowGroup, path: string): Promise<readonly unknown[]> {
  const rows = range.rowEnd - range.rowStart;
  if (rows === 0) return [];
  return asDamage(path, async () => {
    for (const column of wantedChunks(group, range.columns)) {
      const bytes = await range.file.slice(...columnRange(column));
      const codec = column.meta_data?.codec ?? "UNCOMPRESSED";
      checkPages({
        bytes,
        codec,
        nullable: isNullable(range.metadata, column),
        rows,
        maxPageBytes: MAX_ROW_GROUP_BYTES,
      });
    }
    const parsers = { stringFromBytes: decodeValue };
    const read: readonly unknown[] = await parquetReadObjects({ ...range, compressors: codecs, parsers });
    if (read.length !== rows) throw new RangeError(`${read.length} rows where ${rows} are announced`);
    return read;
  });
}

function wantedChunks(group: RowGroup, columns: readonly string[]): ColumnChunk[] {
  return group.columns.filter(({ meta_data }) => columns.includes(meta_data?.path_in_schema?.[0] ?? ""));
}

function isNullable(metadata: FileMetaData, { meta_data }: ColumnChunk): boolean {
  const [name] = meta_data?.path_in_schema ?? [];
  const column = parquetSchema(metadata).children.find(({ element }) => element.name === name);
  return column?.element.repetition_type !== "REQUIRED";
}

/** A null value arrives as no bytes at all. */
function decodeValue(bytes: Uint8Array | undefined): unknown {
  return bytes === undefined ? null : decodeUtf8(bytes);
}

async function asDamage<T>(path: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw damaged(path, error);
  }
}

function damaged(path: string, cause: unknown): UserError {
  const hint = "fetch the file again, or check that it is a Parquet file";
  return new UserError(
    { what: "this Parquet file is damaged or not a Parquet file", where: path, got: messageOf(cause), hint },
    { cause },
  );
}
