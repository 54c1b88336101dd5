/**
 * Writes one token shard, document by document, in the memory of one record batch. The file is written aside and renamed when it is
 * complete, so a shard is whole or absent. Writing is synchronous: a batch is half a megabyte, and there is nothing to overlap it with.
 */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { FileBlock } from "apache-arrow/ipc/metadata/file";
import { UserError } from "../../base/errors.js";
import { asDiskError, partialName, syncFolder } from "../../base/files.js";
import { BatchBuilder } from "./shard-batch.js";
import {
  type EncodedMessage,
  encodeBatch,
  encodeFooter,
  encodeSchema,
  encodeSources,
  MAGIC,
  shardSchema,
} from "./shard-encode.js";
import { ContentHash, checkHeader, type ShardHeader } from "./shard-format.js";

/** Tokens of a record batch. A reader pays one index entry (64 bytes) for each: 13 MB for 100 GB of two-byte ids. */
const BATCH_TOKENS = 2 ** 18;

export interface ShardSummary {
  readonly path: string;
  readonly bytes: number;
  readonly documents: number;
  readonly tokens: number;
  readonly contentHash: string;
}

/** What a document carries besides its ids; each is required exactly when the header announces its column. */
export interface DocumentExtras {
  /** 1 where the token counts in the loss, else 0; as long as the ids. */
  readonly lossMask?: Uint8Array;
  readonly source?: string;
}

export class ShardWriter implements AsyncDisposable {
  readonly #path: string;
  readonly #partial: string;
  readonly #header: ShardHeader;
  readonly #batch: BatchBuilder;
  readonly #hash = new ContentHash();
  readonly #blocks: FileBlock[] = [];
  #file: number | null;
  #position = 0;
  #documents = 0;
  #tokens = 0;

  private constructor(path: string, partial: string, header: ShardHeader, batch: BatchBuilder) {
    this.#path = path;
    this.#partial = partial;
    this.#header = header;
    this.#batch = batch;
    this.#file = openSync(partial, "wx");
  }

  /**
   * Begins a shard that will stand at `path`, whose folder is made.
   * @throws UserError when the place cannot be written; RangeError for a header that no shard can have.
   */
  static async create(
    path: string,
    header: ShardHeader,
    options: { readonly batchTokens?: number } = {},
  ): Promise<ShardWriter> {
    checkHeader(header);
    const batch = new BatchBuilder(header, options.batchTokens ?? BATCH_TOKENS);
    let writer: ShardWriter | null = null;
    try {
      await mkdir(dirname(path), { recursive: true });
      writer = new ShardWriter(path, partialName(path), header, batch);
      writer.#write(MAGIC);
      writer.#write(encodeSchema(shardSchema(header, null)).bytes);
      return writer;
    } catch (error) {
      await writer?.[Symbol.asyncDispose]();
      throw asDiskError(error, path);
    }
  }

  /**
   * Adds one document. Its ids are copied.
   * @throws UserError when an id is not in the vocabulary, the last is not end-of-text, or the disk is full; RangeError when `extras` do
   * not match the header.
   */
  append(ids: Uint32Array | Uint16Array | Int32Array, extras: DocumentExtras = {}): void {
    if (this.#file === null) throw new Error("this shard is finished");
    const where = `${this.#path}, document ${this.#documents}`;
    const bad = ids.find((id) => id < 0 || id >= this.#header.vocabulary);
    if (bad !== undefined)
      throw new UserError({
        what: "an id is not in the vocabulary",
        where,
        got: String(bad),
        expected: `below ${this.#header.vocabulary}`,
      });
    const last = ids.at(-1);
    if (last !== this.#header.endOfText)
      throw new UserError({
        what: "a document does not end with end-of-text",
        where,
        got: String(last),
        expected: String(this.#header.endOfText),
      });
    if (!this.#batch.fits(ids.length)) this.#flush();
    this.#batch.append(ids, extras);
    this.#documents++;
    this.#tokens += ids.length;
  }

  /**
   * Completes the shard and moves it to its place.
   * @throws UserError when no document was appended or the disk is full.
   */
  async finish(): Promise<ShardSummary> {
    if (this.#file === null) throw new Error("this shard is finished");
    if (this.#documents === 0)
      throw new UserError({
        what: "there is no document to write",
        where: this.#path,
        hint: "check the sources of this domain",
      });
    this.#flush();
    const dictionaries = this.#header.source ? [this.#writeMessage(encodeSources(this.#batch.sources))] : [];
    const contentHash = this.#hash.digest(this.#header.lossMask);
    const totals = { documents: this.#documents, tokens: this.#tokens, contentHash };
    this.#write(encodeFooter(shardSchema(this.#header, totals), this.#blocks, dictionaries));
    try {
      fsyncSync(this.#file);
      closeSync(this.#file);
      this.#file = null;
      await rename(this.#partial, this.#path);
      await syncFolder(dirname(this.#path));
    } catch (error) {
      throw asDiskError(error, this.#path);
    }
    return { path: this.#path, bytes: this.#position, ...totals };
  }

  /** Removes what was written unless it is finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
    await rm(this.#partial, { force: true });
  }

  #flush(): void {
    const content = this.#batch.take();
    if (content === null) return;
    this.#hash.tokens(content.ids instanceof Uint32Array ? content.ids : Uint32Array.from(content.ids));
    this.#hash.lengths(Uint32Array.from(content.offsets.subarray(1), (end, row) => end - content.offsets[row]));
    if (content.mask !== null) this.#hash.mask(content.mask);
    this.#blocks.push(this.#writeMessage(encodeBatch(content)));
  }

  #writeMessage(message: EncodedMessage): FileBlock {
    const block = new FileBlock(message.metadataBytes, message.bodyBytes, this.#position);
    this.#write(message.bytes);
    return block;
  }

  #write(bytes: Uint8Array): void {
    if (this.#file === null) throw new Error("this shard is finished");
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
    } catch (error) {
      throw asDiskError(error, this.#path);
    }
    this.#position += bytes.length;
  }
}
