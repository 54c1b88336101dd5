/**
 * The token shard: an Arrow IPC file of documents, and the claims that its schema metadata makes about them.
 *
 * Columns: `input_ids: list<uint16 | uint32>` (one row per document, end-of-text last), optional `loss_mask: list<bool>` of equal lengths,
 * optional `source: dictionary<utf8>`. Totals and hash are known only at the end, so they stand in the footer's schema, which is the one
 * that pyarrow and every other random-access reader shows; the schema at the head holds the rest.
 */
import { createHash } from "node:crypto";
import { type Problem, UserError } from "../../base/errors.js";

/** Value of `hephaestus.format`. A reader refuses any other. */
export const SHARD_FORMAT = "1";
/** Ids are kept as signed 32-bit numbers once read. */
export const LARGEST_VOCABULARY = 2 ** 31 - 1;
/** Up to this size of vocabulary an id takes two bytes, above it four. */
const LARGEST_TWO_BYTE_VOCABULARY = 65536;

export interface ShardHeader {
  readonly domain: string;
  /** Fingerprint of the tokenizer. */
  readonly tokenizer: string;
  /** Every id is below it. */
  readonly vocabulary: number;
  /** Id of the token that ends every document. */
  readonly endOfText: number;
  /** Whether there is a `loss_mask` column. */
  readonly lossMask: boolean;
  /** Whether there is a `source` column. */
  readonly source: boolean;
}

/** What is known when a shard is complete. */
export interface ShardTotals {
  readonly documents: number;
  readonly tokens: number;
  readonly contentHash: string;
}

/** Names that may be printed: neither empty, nor endless, nor able to drive a terminal. */
const NAME = /^\P{Cc}{1,200}$/u;

/** @throws RangeError for a header that no shard can have, which is our mistake. */
export function checkHeader({ domain, tokenizer, vocabulary, endOfText }: ShardHeader): void {
  if (!NAME.test(domain) || !NAME.test(tokenizer))
    throw new RangeError(`no shard has the domain or tokenizer ${JSON.stringify([domain, tokenizer])}`);
  if (!Number.isInteger(vocabulary) || vocabulary < 1 || vocabulary > LARGEST_VOCABULARY)
    throw new RangeError(`no shard has a vocabulary of ${vocabulary}`);
  if (!Number.isInteger(endOfText) || endOfText < 0 || endOfText >= vocabulary)
    throw new RangeError(`the end-of-text id ${endOfText} is not in a vocabulary of ${vocabulary}`);
}

/** Bytes that one id takes in a shard of this vocabulary. */
export function idBytes(vocabulary: number): 2 | 4 {
  return vocabulary <= LARGEST_TWO_BYTE_VOCABULARY ? 2 : 4;
}

/** The metadata of the schema: without totals for the head of the file, with them for its footer. */
export function encodeMetadata(header: ShardHeader, totals: ShardTotals | null): Map<string, string> {
  const metadata = new Map([
    ["hephaestus.format", SHARD_FORMAT],
    ["hephaestus.domain", header.domain],
    ["hephaestus.tokenizer", header.tokenizer],
    ["hephaestus.vocabulary", String(header.vocabulary)],
    ["hephaestus.end_of_text", String(header.endOfText)],
  ]);
  if (totals !== null) {
    metadata.set("hephaestus.documents", String(totals.documents));
    metadata.set("hephaestus.tokens", String(totals.tokens));
    metadata.set("hephaestus.content_hash", totals.contentHash);
  }
  return metadata;
}

/** What a shard says about itself in its footer. */
export type ShardClaims = Omit<ShardHeader, "lossMask" | "source"> & ShardTotals;

/**
 * Reads the metadata of a footer; null for an Arrow file that another program wrote.
 * @throws UserError when the file is of another format version or a value is missing or malformed.
 */
export function decodeMetadata(metadata: ReadonlyMap<string, string>, path: string): ShardClaims | null {
  const format = metadata.get("hephaestus.format");
  if (format === undefined) return null;
  if (format !== SHARD_FORMAT)
    throw new UserError({
      what: "this shard has another format version",
      where: path,
      expected: SHARD_FORMAT,
      got: format,
    });
  const matching = (key: string, pattern: RegExp): string => {
    const value = metadata.get(`hephaestus.${key}`);
    if (value === undefined) throw damaged(path, `its header lacks ${key}`);
    if (!pattern.test(value))
      throw damaged(path, `its header has no valid ${key}`, { got: JSON.stringify(value.slice(0, 80)) });
    return value;
  };
  const count = (key: string, largest: number): number => {
    const value = Number(matching(key, /^\d{1,16}$/));
    if (value > largest)
      throw damaged(path, `its header has no valid ${key}`, { expected: `at most ${largest}`, got: String(value) });
    return value;
  };
  const vocabulary = count("vocabulary", LARGEST_VOCABULARY);
  return {
    domain: matching("domain", NAME),
    tokenizer: matching("tokenizer", NAME),
    vocabulary,
    endOfText: count("end_of_text", vocabulary - 1),
    documents: count("documents", Number.MAX_SAFE_INTEGER),
    tokens: count("tokens", Number.MAX_SAFE_INTEGER),
    contentHash: matching("content_hash", /^[0-9a-f]{64}$/),
  };
}

/** The error of a shard whose bytes contradict themselves. */
export function damaged(path: string, what: string, rest: Omit<Problem, "what" | "where"> = {}): UserError {
  return new UserError({
    what: `this shard is damaged: ${what}`,
    where: path,
    hint: "write it again from its source",
    ...rest,
  });
}

/**
 * The hash of a shard's content, taken as it streams past and independent of how rows are grouped: SHA-256 of the text
 * `tokens <a>\nlengths <b>\nmask <c>\n`, where a is the SHA-256 of every id as a little-endian uint32, b that of every document's length
 * as a little-endian uint32, and c that of one byte (0 or 1) per token, or the word `none` without a mask. All in lower-case hexadecimal.
 */
export class ContentHash {
  readonly #tokens = createHash("sha256");
  readonly #lengths = createHash("sha256");
  readonly #mask = createHash("sha256");

  tokens(ids: Uint32Array | Int32Array): void {
    this.#tokens.update(ids);
  }

  lengths(lengths: Uint32Array): void {
    this.#lengths.update(lengths);
  }

  mask(mask: Uint8Array): void {
    this.#mask.update(mask);
  }

  digest(hasMask: boolean): string {
    const mask = hasMask ? this.#mask.digest("hex") : "none";
    return createHash("sha256")
      .update(`tokens ${this.#tokens.digest("hex")}\nlengths ${this.#lengths.digest("hex")}\nmask ${mask}\n`)
      .digest("hex");
  }
}
