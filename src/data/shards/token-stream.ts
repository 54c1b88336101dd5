/**
 * The token stream of a domain: its shards' tokens one after the other, readable at any position. Opening costs time in proportion to the
 * number of record batches, never of tokens; a read touches only the bytes of its window.
 */
import { UserError } from "../../base/errors.js";
import { fingerprintOf, sha256 } from "../../base/fingerprint.js";
import { listShards } from "./shard-folder.js";
import { ShardReader } from "./shard-reader.js";

/** Consecutive tokens of a stream. */
export interface StreamWindow {
  readonly ids: Int32Array;
  /** 1 where the token counts in the loss, else 0; null when no file of the stream has a mask. */
  readonly lossMask: Uint8Array | null;
  /** Ascending positions within the window where a document begins. */
  readonly documentStarts: Int32Array;
}

export interface TokenStream extends AsyncDisposable {
  readonly path: string;
  /** The domain that the shards name, or null when they name none or several. */
  readonly domain: string | null;
  readonly tokens: number;
  readonly documents: number;
  readonly files: number;
  /**
   * Changes when content changes. For shards of ours it is made from the content hashes in their headers; for files of other programs from
   * their sizes, all Arrow metadata, and the first 4 KiB of tokens of up to 64 record batches of each file, spread evenly.
   */
  readonly fingerprint: string;
  /** Fingerprint of the tokenizer, or null for files of other programs. */
  readonly tokenizer: string | null;
  readonly vocabulary: number | null;
  readonly endOfText: number | null;
  /**
   * Reads tokens `[start, start + length)`. The disk is read before this returns; the promise leaves room for slower storage.
   * @throws UserError naming file and row for content that cannot be used; RangeError outside `[0, tokens]`.
   */
  read(start: number, length: number): Promise<StreamWindow>;
  /**
   * Tokens of each document, in order, from the list offsets alone: 4 bytes a document.
   * @throws UserError for list offsets that are damaged, and for more documents than `MAX_DOCUMENTS`.
   */
  documentLengths(): Promise<Int32Array>;
}

/** Documents whose lengths are held at once: half a gigabyte of them. */
export const MAX_DOCUMENTS = 2 ** 27;

const SAMPLED_BATCHES = 64;
const SAMPLE_BYTES = 4096;

/**
 * Opens a shard, a folder of shards (`*.arrow` in the order of their names), or a folder written by `datasets.save_to_disk`.
 * @throws UserError when there are no tokens, a file is damaged, or the shards do not belong together.
 */
export async function openTokenStream(path: string): Promise<TokenStream> {
  const readers: ShardReader[] = [];
  try {
    for (const file of await listShards(path)) readers.push(new ShardReader(file));
    checkTogether(readers);
    return new ShardStream(path, readers);
  } catch (error) {
    for (const reader of readers) reader[Symbol.dispose]();
    throw error;
  }
}

class ShardStream implements TokenStream {
  readonly path: string;
  readonly domain: string | null;
  readonly tokens: number;
  readonly documents: number;
  readonly files: number;
  readonly fingerprint: string;
  readonly tokenizer: string | null;
  readonly vocabulary: number | null;
  readonly endOfText: number | null;
  readonly #readers: readonly ShardReader[];
  /** Tokens of the stream before each file, and at the end their total. */
  readonly #starts: readonly number[];
  readonly #hasMask: boolean;

  constructor(path: string, readers: readonly ShardReader[]) {
    const claims = readers[0].claims;
    const starts = [0];
    for (const reader of readers) starts.push(starts[starts.length - 1] + reader.tokens);
    this.path = path;
    this.domain = readers.every((reader) => reader.claims?.domain === claims?.domain) ? (claims?.domain ?? null) : null;
    this.tokens = starts[readers.length];
    this.documents = readers.reduce((total, reader) => total + reader.documents, 0);
    this.files = readers.length;
    this.fingerprint = fingerprintOf(readers.map(fileFingerprint));
    this.tokenizer = claims?.tokenizer ?? null;
    this.vocabulary = claims?.vocabulary ?? null;
    this.endOfText = claims?.endOfText ?? null;
    this.#readers = readers;
    this.#starts = starts;
    this.#hasMask = readers.some((reader) => reader.hasMask);
  }

  async read(start: number, length: number): Promise<StreamWindow> {
    if (
      !Number.isInteger(start) ||
      !Number.isInteger(length) ||
      start < 0 ||
      length < 0 ||
      start + length > this.tokens
    )
      throw new RangeError(`tokens ${start} to ${start + length} of a stream of ${this.tokens}`);
    const ids = new Int32Array(length);
    const mask = this.#hasMask ? new Uint8Array(length).fill(1) : null;
    const documentStarts: number[] = [];
    for (let file = this.#fileOf(start), at = 0; at < length; file++) {
      const from = start + at - this.#starts[file];
      const count = Math.min(length - at, this.#starts[file + 1] - this.#starts[file] - from);
      const starts: number[] = [];
      this.#readers[file].read(from, {
        ids: ids.subarray(at, at + count),
        mask: mask?.subarray(at, at + count) ?? null,
        starts,
      });
      for (const position of starts) documentStarts.push(at + position);
      at += count;
    }
    return { ids, lossMask: mask, documentStarts: Int32Array.from(documentStarts) };
  }

  async documentLengths(): Promise<Int32Array> {
    if (this.documents > MAX_DOCUMENTS)
      throw new UserError({
        what: "this stream has more documents than can be packed whole",
        where: this.path,
        expected: `at most ${MAX_DOCUMENTS}`,
        got: String(this.documents),
        hint: "make several domains of it",
      });
    const lengths = new Int32Array(this.documents);
    let at = 0;
    for (const reader of this.#readers) {
      reader.documentLengths(lengths.subarray(at, at + reader.documents));
      at += reader.documents;
    }
    return lengths;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const reader of this.#readers) reader[Symbol.dispose]();
  }

  #fileOf(position: number): number {
    let low = 0;
    let high = this.#readers.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle] <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** What a file contributes to the stream's fingerprint. */
function fileFingerprint(reader: ShardReader): string {
  if (reader.claims !== null) return reader.claims.contentHash;
  const batches = reader.index.batches.length;
  const count = Math.min(batches, SAMPLED_BATCHES);
  const samples = Array.from({ length: count }, (_, i) =>
    sha256(reader.sample(Math.floor((i * batches) / count), SAMPLE_BYTES)),
  );
  return fingerprintOf({ shape: reader.index.shapeHash, samples });
}

function checkTogether(readers: readonly ShardReader[]): void {
  const [first] = readers;
  for (const reader of readers) {
    for (const key of ["tokenizer", "vocabulary", "endOfText"] as const) {
      const expected = first.claims?.[key];
      const got = reader.claims?.[key];
      if (expected === got) continue;
      throw new UserError({
        what: `the shards of one domain have different headers (${key})`,
        where: reader.path,
        expected: `${expected ?? "no header"}, as in ${first.path}`,
        got: String(got ?? "no header"),
        hint: "prepare the whole domain with one tokenizer",
      });
    }
  }
}
