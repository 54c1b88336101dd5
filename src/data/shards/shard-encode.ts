/**
 * The bytes of a shard's Arrow messages, made with Arrow's own encoders. Every message is 8 bytes of prefix, its metadata, and a body whose
 * buffers are padded to 8 bytes, so that every value is aligned in the file.
 * Format: https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
 */
import {
  Bool,
  type DataType,
  Dictionary,
  Field,
  Int32,
  List,
  MetadataVersion,
  Schema,
  Uint16,
  Uint32,
  Utf8,
} from "apache-arrow";
import { type FileBlock, Footer } from "apache-arrow/ipc/metadata/file";
import { BufferRegion, DictionaryBatch, FieldNode, Message, RecordBatch } from "apache-arrow/ipc/metadata/message";
import { encodeMetadata, idBytes, type ShardHeader, type ShardTotals } from "./shard-format.js";

/** First and, without the padding, last bytes of an Arrow file. */
export const MAGIC = Buffer.from("ARROW1\0\0");
/** What ends the sequence of messages. */
export const END_OF_STREAM = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
const SOURCE_DICTIONARY = 0;

/** One record batch's documents. */
export interface BatchContent {
  readonly ids: Uint16Array | Uint32Array;
  /** Where each document starts in `ids`, and at the end their total: documents + 1 numbers. */
  readonly offsets: Int32Array;
  /** 0 or 1 per token. */
  readonly mask: Uint8Array | null;
  /** Per document, its row of the dictionary of sources. */
  readonly sources: Int32Array | null;
}

export interface EncodedMessage {
  readonly bytes: Buffer;
  /** Bytes of the prefix and the metadata. */
  readonly metadataBytes: number;
  readonly bodyBytes: number;
}

/** The shard's schema: of the head when `totals` is null, else of the footer. */
export function shardSchema(header: ShardHeader, totals: ShardTotals | null): Schema {
  const list = (name: string, item: DataType) => new Field(name, new List(new Field("item", item, false)), false);
  const fields: Field[] = [list("input_ids", idBytes(header.vocabulary) === 2 ? new Uint16() : new Uint32())];
  if (header.lossMask) fields.push(list("loss_mask", new Bool()));
  if (header.source)
    fields.push(new Field("source", new Dictionary(new Utf8(), new Int32(), SOURCE_DICTIONARY), false));
  return new Schema(fields, encodeMetadata(header, totals));
}

export function encodeSchema(schema: Schema): EncodedMessage {
  return encapsulate(Message.encode(Message.from(schema)), []);
}

export function encodeBatch(content: BatchContent): EncodedMessage {
  const documents = content.offsets.length - 1;
  const tokens = content.ids.length;
  const body = new Body();
  body.column(documents, content.offsets);
  body.column(tokens, content.ids);
  if (content.mask !== null) {
    body.column(documents, content.offsets);
    body.column(tokens, packBits(content.mask));
  }
  if (content.sources !== null) body.column(documents, content.sources);
  const batch = new RecordBatch(documents, body.nodes, body.regions, null);
  return encapsulate(Message.encode(Message.from(batch, body.bytes)), body.buffers);
}

/** The dictionary of sources. Its place is free in an Arrow file: it is written after all rows, when it is complete. */
export function encodeSources(sources: Iterable<string>): EncodedMessage {
  const texts = Array.from(sources, (source) => Buffer.from(source, "utf8"));
  const offsets = new Int32Array(texts.length + 1);
  texts.forEach((text, row) => {
    offsets[row + 1] = offsets[row] + text.length;
  });
  const body = new Body();
  body.column(texts.length, offsets, Buffer.concat(texts));
  const batch = new DictionaryBatch(new RecordBatch(texts.length, body.nodes, body.regions, null), SOURCE_DICTIONARY);
  return encapsulate(Message.encode(Message.from(batch, body.bytes)), body.buffers);
}

/** Everything after the last message. */
export function encodeFooter(schema: Schema, batches: FileBlock[], dictionaries: FileBlock[]): Buffer {
  const footer = Footer.encode(new Footer(schema, MetadataVersion.V5, batches, dictionaries));
  const length = Buffer.alloc(4);
  length.writeInt32LE(footer.byteLength);
  return Buffer.concat([END_OF_STREAM, footer, length, MAGIC.subarray(0, 6)]);
}

/** The buffers of a record batch in the order of Arrow's layout; none has a validity bitmap because nothing is ever null. */
class Body {
  readonly nodes: FieldNode[] = [];
  readonly regions: BufferRegion[] = [];
  readonly buffers: Buffer[] = [];
  bytes = 0;

  column(length: number, ...values: ArrayBufferView[]): void {
    this.nodes.push(new FieldNode(length, 0));
    this.regions.push(new BufferRegion(this.bytes, 0));
    for (const value of values) {
      this.regions.push(new BufferRegion(this.bytes, value.byteLength));
      this.buffers.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength), padding(value.byteLength));
      this.bytes += value.byteLength + padding(value.byteLength).length;
    }
  }
}

function encapsulate(metadata: Uint8Array, buffers: readonly Buffer[]): EncodedMessage {
  const fill = padding(metadata.byteLength);
  const prefix = Buffer.from(END_OF_STREAM);
  prefix.writeInt32LE(metadata.byteLength + fill.length, 4);
  const metadataBytes = prefix.length + metadata.byteLength + fill.length;
  const bytes = Buffer.concat([prefix, metadata, fill, ...buffers]);
  return { bytes, metadataBytes, bodyBytes: bytes.length - metadataBytes };
}

function padding(length: number): Buffer {
  return Buffer.alloc((8 - (length % 8)) % 8);
}

function packBits(mask: Uint8Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(mask.length / 8));
  for (let i = 0; i < mask.length; i++) bits[i >> 3] |= mask[i] << (i & 7);
  return bits;
}
