/**
 * Checks the pages of a flat Parquet column before it is decoded. The decoder trusts them: one damaged byte in a page's size, in a
 * count or in the length of a run can send it into an endless loop or an allocation of gigabytes, which no `catch` ends.
 * Format: https://github.com/apache/parquet-format, "Data Pages", "Dictionary Page" and "Run Length Encoding / Bit-Packing Hybrid".
 */
import type { ColumnChunk, CompressionCodec, Compressors, PageHeader } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { decompressPage } from "hyparquet/src/datapage.js";
import { compressors, decompressZstd } from "hyparquet-compressors";

/** The decompressors; Zstandard into a buffer of the announced size, because without one a damaged frame can make it grow for ever. */
export const codecs: Compressors = {
  ...compressors,
  ZSTD: (input, outputBytes) => decompressZstd(input, new Uint8Array(outputBytes)),
};

export interface ColumnBytes {
  readonly bytes: ArrayBuffer;
  readonly codec: CompressionCodec;
  /** Whether values may be null, and pages therefore start with one definition level for each value. */
  readonly nullable: boolean;
  /** Rows that the row group announces; a flat column has one value, possibly null, for each. */
  readonly rows: number;
  readonly maxPageBytes: number;
}

/** Where a column lies in its file: [start, end) in bytes. @throws RangeError when the metadata gives no usable place. */
export function columnRange({ meta_data }: ColumnChunk): readonly [number, number] {
  const start = Number(meta_data?.dictionary_page_offset || meta_data?.data_page_offset);
  const end = start + Number(meta_data?.total_compressed_size);
  if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && start <= end))
    throw new RangeError(`a column at bytes ${start} to ${end}`);
  return [start, end];
}

/** @throws RangeError, or the decoder's own error, when a page does not fit the column's bytes and rows. */
export function checkPages(column: ColumnBytes): void {
  const { bytes, rows, maxPageBytes } = column;
  const reader = { view: new DataView(bytes), offset: 0 };
  let values = 0;
  while (values < rows) {
    const header = parquetHeader(reader);
    const size = count("compressed bytes", header.compressed_page_size, bytes.byteLength - reader.offset);
    const unpacked = count("bytes", header.uncompressed_page_size, maxPageBytes);
    const page = new Uint8Array(bytes, reader.offset, size);
    if (header.type === "DICTIONARY_PAGE") count("entries", header.dictionary_page_header?.num_values, unpacked);
    else
      values +=
        header.type === "DATA_PAGE"
          ? checkPageV1(header, page, column, rows - values)
          : checkPageV2(header, page, column, rows - values);
    reader.offset += size;
  }
}

/** Version 1: definition levels, with their length before them, and values are compressed together. */
function checkPageV1(header: PageHeader, page: Uint8Array, { codec, nullable }: ColumnBytes, rows: number): number {
  const fields = header.data_page_header;
  const values = count("values", fields?.num_values, rows);
  const dictionary = usesDictionary(fields?.encoding);
  if (!nullable && !dictionary) return values;
  const view = viewOf(decompressPage(page, header.uncompressed_page_size, codec, codecs));
  const levelBytes = nullable ? count("level bytes", view.getUint32(0, true), view.byteLength - 4) : 0;
  if (nullable) checkRuns(slice(view, 4, levelBytes), { bits: 1, values });
  if (dictionary) checkIndices(slice(view, nullable ? 4 + levelBytes : 0), values);
  return values;
}

/** Version 2: counts its nulls, and keeps the definition levels before the compressed values. */
function checkPageV2(header: PageHeader, page: Uint8Array, { codec }: ColumnBytes, rows: number): number {
  const fields = header.data_page_header_v2;
  const values = count("values", fields?.num_values, rows);
  count("rows", fields?.num_rows, values);
  const nulls = count("nulls", fields?.num_nulls, values);
  count("repetition bytes", fields?.repetition_levels_byte_length, 0);
  const unpacked = header.uncompressed_page_size;
  const levelBytes = count("level bytes", fields?.definition_levels_byte_length, Math.min(page.length, unpacked));
  if (levelBytes > 0) checkRuns(viewOf(page.subarray(0, levelBytes)), { bits: 1, values });
  if (!usesDictionary(fields?.encoding)) return values;
  const packed = page.subarray(levelBytes);
  const indices =
    fields?.is_compressed === false ? packed : decompressPage(packed, unpacked - levelBytes, codec, codecs);
  checkIndices(viewOf(indices), values - nulls);
  return values;
}

/** Encodings of strings that can be checked; the delta encodings are rare, and their lengths can only be checked by decoding them. */
export const CHECKED_ENCODINGS: readonly (string | undefined)[] = ["PLAIN", "PLAIN_DICTIONARY", "RLE_DICTIONARY"];

function usesDictionary(encoding: string | undefined): boolean {
  if (!CHECKED_ENCODINGS.includes(encoding)) throw new RangeError(`a page of strings encoded as ${encoding}`);
  return encoding !== "PLAIN";
}

/** Places in the dictionary: their width in bits, then runs of them. There are none where all values are null. */
function checkIndices(view: DataView, values: number): void {
  if (values === 0 || view.byteLength === 0) return;
  const bits = count("bits for each index", view.getUint8(0), 32);
  checkRuns(slice(view, 1), { bits, values });
}

/** Walks runs of repeated or of bit-packed values: none may give more values than are left, but for the padding to a group of 8. */
function checkRuns(runs: DataView, { bits, values }: { bits: number; values: number }): void {
  let offset = 0;
  let seen = 0;
  while (seen < values && offset < runs.byteLength) {
    let run = 0;
    for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
      byte = runs.getUint8(offset++);
      run += (byte & 0x7f) * 2 ** shift;
    }
    const length = Math.floor(run / 2);
    const packed = run % 2 === 1;
    seen += count("values in a run", packed ? length * 8 : length, values - seen + (packed ? 7 : 0));
    offset += packed ? length * bits : Math.ceil(bits / 8);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function slice(view: DataView, start: number, length = view.byteLength - start): DataView {
  return new DataView(view.buffer, view.byteOffset + start, length);
}

function count(what: string, value: unknown, most: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new RangeError(`a page of ${String(value)} ${what}, where at most ${most} fit`);
}
