/**
 * Checks the page headers of a Parquet column before it is decoded. The decoder trusts them: one damaged byte in a page's size or
 * count can send it into an endless loop or an allocation of gigabytes, which no `catch` ends.
 * Format: https://github.com/apache/parquet-format, sections "Data Pages" and "Dictionary Page".
 */
import type { ColumnChunk, PageHeader } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";

interface Chunk {
  readonly bytes: ArrayBuffer;
  /** Rows that the row group announces; a flat column has one value, possibly null, for each. */
  readonly rows: number;
  readonly maxPageBytes: number;
}

/** Where a column chunk lies in its file: [start, end) in bytes. @throws RangeError when the chunk has no usable position. */
export function chunkRange({ meta_data }: ColumnChunk): readonly [number, number] {
  const start = Number(meta_data?.dictionary_page_offset || meta_data?.data_page_offset);
  const end = start + Number(meta_data?.total_compressed_size);
  if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && start <= end))
    throw new RangeError(`a column at bytes ${start} to ${end}`);
  return [start, end];
}

/** @throws RangeError, or the decoder's own error, when the chunk's page headers do not fit its bytes and rows. */
export function checkPages({ bytes, rows, maxPageBytes }: Chunk): void {
  const reader = { view: new DataView(bytes), offset: 0 };
  let values = 0;
  while (values < rows) {
    const header = parquetHeader(reader);
    const { compressed_page_size: size, uncompressed_page_size: unpacked } = header;
    if (!isCount(size, bytes.byteLength - reader.offset)) throw new RangeError(`a page of ${size} bytes`);
    if (!isCount(unpacked, maxPageBytes)) throw new RangeError(`a page of ${unpacked} uncompressed bytes`);
    const count = valuesIn(header);
    if (!isCount(count, header.type === "DICTIONARY_PAGE" ? unpacked : rows - values))
      throw new RangeError(`a page of ${count} values`);
    if (header.type !== "DICTIONARY_PAGE") values += count;
    reader.offset += size;
  }
}

function isCount(value: unknown, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
}

function valuesIn(header: PageHeader): number | undefined {
  switch (header.type) {
    case "DICTIONARY_PAGE":
      return header.dictionary_page_header?.num_values;
    case "DATA_PAGE":
      return header.data_page_header?.num_values;
    case "DATA_PAGE_V2":
      return header.data_page_header_v2?.num_values;
    default:
      throw new RangeError(`a page of the unknown kind ${header.type}`);
  }
}
