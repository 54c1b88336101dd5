/**
 * The messages of an Arrow file in both of Arrow's formats: the file format, whose footer lists the record batches, and the stream format,
 * in which each message says how long it is. Formats: Message.fbs, File.fbs and
 * https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format
 */
import type { Hash } from "node:crypto";
import { UserError } from "../../base/errors.js";
import type { ShardFile } from "./shard-file.js";
import { countAt, FlatTable } from "./shard-flatbuffer.js";
import { damaged } from "./shard-format.js";

/** The metadata of a record batch and the place of its body in the file. */
export interface BatchMessage {
  readonly header: FlatTable;
  readonly bodyAt: number;
  readonly bodyBytes: number;
}

export interface Messages {
  readonly format: "file" | "stream";
  readonly schema: FlatTable;
  /** Metadata version: 3 is V4, 4 is V5. */
  readonly version: number;
  readonly batches: Iterable<BatchMessage>;
}

/** Numbers of `union MessageHeader`. */
const HEADER = { schema: 1, dictionary: 2, batch: 3 } as const;
const MAGIC = "ARROW1";
/** The footer's length and the magic after it. */
const TAIL_BYTES = 10;
const CONTINUATION = 0xffffffff;
/** Bytes of a `Block` of the footer. */
const BLOCK_BYTES = 24;
/** Metadata of one message: 64 MiB is a schema of a hundred thousand columns. */
const LARGEST_METADATA = 2 ** 26;
/** A footer: 256 MiB lists eleven million record batches. */
const LARGEST_FOOTER = 2 ** 28;

/**
 * Reads the schema, and the record batches as they are iterated. All metadata read goes into `hash` too.
 * @throws UserError, also while iterating; RangeError when the metadata points outside itself.
 */
export function readMessages(file: ShardFile, hash: Hash): Messages {
  if (file.bytes === 0)
    throw new UserError({ what: "this file is empty", where: file.path, expected: "an Arrow file" });
  const head = file.slice(0, Math.min(8, file.bytes));
  if (head.toString("latin1", 0, 6) === MAGIC) return readFileFormat(file, hash);
  if (head.length === 8 && head.readUInt32LE(0) === CONTINUATION) return readStreamFormat(file, hash);
  throw new UserError({
    what: "this is not an Arrow file",
    where: file.path,
    expected: "an Arrow IPC file or stream, such as `hephaestus prepare` writes",
  });
}

function readFileFormat(file: ShardFile, hash: Hash): Messages {
  const cutOff = () => damaged(file.path, "its end is missing");
  if (file.bytes < 8 + TAIL_BYTES) throw cutOff();
  const tail = file.slice(file.bytes - TAIL_BYTES, TAIL_BYTES);
  if (tail.toString("latin1", 4) !== MAGIC) throw cutOff();
  const length = tail.readInt32LE(0);
  const footerAt = file.bytes - TAIL_BYTES - length;
  if (length < 8 || length > LARGEST_FOOTER || footerAt < 8)
    throw damaged(file.path, "its footer has an impossible length", { got: String(length) });
  const bytes = file.slice(footerAt, length);
  hash.update(bytes);
  const footer = FlatTable.root(bytes);
  const schema = footer.table(1);
  if (schema === null) throw damaged(file.path, "its footer has no schema");
  return { format: "file", schema, version: footer.int16(0), batches: blocks(file, footer, footerAt, hash) };
}

function* blocks(file: ShardFile, footer: FlatTable, end: number, hash: Hash): Generator<BatchMessage> {
  const { at, length } = footer.vector(3, BLOCK_BYTES) ?? { at: 0, length: 0 };
  let free = 8;
  for (let block = at; block < at + length * BLOCK_BYTES; block += BLOCK_BYTES) {
    const start = countAt(footer.view, block);
    const metadataBytes = footer.view.getInt32(block + 8, true);
    const bodyBytes = countAt(footer.view, block + 16);
    if (
      start < free ||
      metadataBytes < 16 ||
      metadataBytes > LARGEST_METADATA ||
      start + metadataBytes + bodyBytes > end
    )
      throw damaged(file.path, "its footer lists a record batch that overlaps or lies outside the file");
    const message = parse(file.slice(start, metadataBytes), file.path, hash);
    if (message.type !== HEADER.batch || message.bodyBytes !== bodyBytes)
      throw damaged(file.path, "its footer and its record batches disagree");
    free = start + metadataBytes + bodyBytes;
    yield { header: message.header, bodyAt: start + metadataBytes, bodyBytes };
  }
}

function readStreamFormat(file: ShardFile, hash: Hash): Messages {
  const first = messageAt(file, 0, hash);
  if (first === null || first.type !== HEADER.schema) throw damaged(file.path, "it does not begin with a schema");
  return {
    format: "stream",
    schema: first.header,
    version: first.version,
    batches: streamBatches(file, first.end, hash),
  };
}

function* streamBatches(file: ShardFile, start: number, hash: Hash): Generator<BatchMessage> {
  for (let message = messageAt(file, start, hash); message !== null; message = messageAt(file, message.end, hash)) {
    if (message.type === HEADER.batch)
      yield { header: message.header, bodyAt: message.end - message.bodyBytes, bodyBytes: message.bodyBytes };
    else if (message.type !== HEADER.dictionary)
      throw damaged(file.path, `it has a message of the unexpected type ${message.type}`);
  }
}

/** The message at a position of a stream, or null at the stream's end mark. Without that mark a stream may have been cut off. */
function messageAt(file: ShardFile, at: number, hash: Hash): (Parsed & { end: number }) | null {
  if (at + 8 > file.bytes) throw damaged(file.path, "it ends without Arrow's end-of-stream mark");
  const length = file.slice(at, 8).readInt32LE(4);
  if (length < 0 || length > LARGEST_METADATA || at + 8 + length > file.bytes)
    throw damaged(file.path, "a message has an impossible length", { got: String(length) });
  const bytes = file.slice(at, 8 + length);
  if (bytes.readUInt32LE(0) !== CONTINUATION) throw damaged(file.path, `there is no message at byte ${at}`);
  if (length === 0) return null;
  const message = parse(bytes, file.path, hash);
  const end = at + 8 + length + message.bodyBytes;
  if (end > file.bytes) throw damaged(file.path, "its last record batch is cut off");
  return { ...message, end };
}

interface Parsed {
  readonly type: number;
  readonly version: number;
  readonly header: FlatTable;
  readonly bodyBytes: number;
}

/** @param bytes the 8 bytes of prefix and the metadata */
function parse(bytes: Buffer, path: string, hash: Hash): Parsed {
  hash.update(bytes);
  const message = FlatTable.root(bytes.subarray(8));
  const header = message.table(2);
  if (header === null) throw damaged(path, "a message has no content");
  return { type: message.uint8(1), version: message.int16(0), header, bodyBytes: message.count(3) };
}
