/** Reads shards from end to end and compares everything with what their headers claim. */
import { UserError } from "../../base/errors.js";
import { listShards } from "./shard-folder.js";
import { ContentHash, damaged } from "./shard-format.js";
import { ShardReader } from "./shard-reader.js";

export interface CheckedShard {
  readonly path: string;
  readonly documents: number;
  readonly tokens: number;
  /** Recomputed from the content. */
  readonly contentHash: string;
  /** False for a file of another program, which has no header: only its ids, masks and offsets were checked. */
  readonly hasHeader: boolean;
}

export interface CheckReport {
  readonly shards: readonly CheckedShard[];
  readonly documents: number;
  readonly tokens: number;
}

/** Called now and then with the tokens checked so far and their total. */
export type CheckProgress = (tokens: number, total: number) => void;

/** Tokens read at once. */
const PIECE_TOKENS = 2 ** 18;

/**
 * Checks a shard, or every shard of a folder: ids in the vocabulary, mask values, list offsets, end-of-text at the end of every document,
 * and the totals and hash of the header.
 * @throws UserError at the first damage, saying where.
 */
export async function checkShard(path: string, progress: CheckProgress = () => {}): Promise<CheckReport> {
  const files = await listShards(path);
  const shards: CheckedShard[] = [];
  const total = files.reduce((tokens, file) => tokens + tokensOf(file), 0);
  let done = 0;
  for (const file of files) {
    using reader = new ShardReader(file);
    const check = new ShardCheck(reader);
    while (!check.done) {
      done += check.step();
      progress(done, total);
      await new Promise((resolve) => setImmediate(resolve));
    }
    shards.push(check.finish());
  }
  return { shards, documents: shards.reduce((sum, shard) => sum + shard.documents, 0), tokens: total };
}

function tokensOf(path: string): number {
  using reader = new ShardReader(path);
  return reader.tokens;
}

/** One pass over one file. */
class ShardCheck {
  readonly #reader: ShardReader;
  readonly #hash = new ContentHash();
  #position = 0;
  #documents = 0;
  #documentStart = 0;
  #lastToken: number | null = null;

  constructor(reader: ShardReader) {
    this.#reader = reader;
  }

  get done(): boolean {
    return this.#position === this.#reader.tokens;
  }

  /** Checks the next piece; returns its tokens. */
  step(): number {
    const length = Math.min(PIECE_TOKENS, this.#reader.tokens - this.#position);
    const ids = new Int32Array(length);
    const mask = this.#reader.hasMask ? new Uint8Array(length) : null;
    const starts: number[] = [];
    this.#reader.read(this.#position, { ids, mask, starts });
    this.#hash.tokens(ids);
    if (mask !== null) this.#hash.mask(mask);
    this.#hash.lengths(Uint32Array.from(this.#lengths(ids, starts)));
    this.#lastToken = ids[length - 1];
    this.#position += length;
    return length;
  }

  finish(): CheckedShard {
    const { path, tokens, documents, claims, hasMask } = this.#reader;
    this.#checkEnd(this.#lastToken);
    this.#hash.lengths(Uint32Array.of(tokens - this.#documentStart));
    const contentHash = this.#hash.digest(hasMask);
    if (claims !== null && this.#documents !== documents)
      throw damaged(path, "it has documents without tokens", {
        expected: `${documents} documents`,
        got: `${this.#documents} with tokens`,
      });
    if (claims !== null && contentHash !== claims.contentHash)
      throw damaged(path, "its content is not what its header's hash was made from", {
        expected: claims.contentHash,
        got: contentHash,
      });
    return { path, documents, tokens, contentHash, hasHeader: claims !== null };
  }

  /** Lengths of the documents that end where those of this piece begin. */
  *#lengths(ids: Int32Array, starts: readonly number[]): Generator<number> {
    for (const start of starts) {
      const position = this.#position + start;
      if (position > 0) {
        this.#checkEnd(start > 0 ? ids[start - 1] : this.#lastToken);
        yield position - this.#documentStart;
      }
      this.#documents++;
      this.#documentStart = position;
    }
  }

  /** Checks the last token of the current document. */
  #checkEnd(token: number | null): void {
    const endOfText = this.#reader.claims?.endOfText;
    if (endOfText === undefined || token === endOfText) return;
    throw new UserError({
      what: "a document does not end with end-of-text",
      where: `${this.#reader.path}, row ${this.#documents - 1}`,
      expected: String(endOfText),
      got: String(token),
    });
  }
}
