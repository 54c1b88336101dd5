/** Gathers documents until they fill a record batch. Documents are never split: one longer than a batch makes a batch of its own. */
import type { BatchContent } from "./shard-encode.js";
import { idBytes, type ShardHeader } from "./shard-format.js";

/** Arrow's list offsets are signed 32-bit numbers. */
const LARGEST_BATCH = 2 ** 31 - 1;

export class BatchBuilder {
  readonly #tokens: number;
  readonly #hasMask: boolean;
  readonly #hasSource: boolean;
  readonly #sourceRows = new Map<string, number>();
  #ids: Uint16Array | Uint32Array;
  #mask: Uint8Array;
  #used = 0;
  #offsets: number[] = [0];
  #sources: number[] = [];

  /** @param tokens length in tokens that a batch reaches before it is full */
  constructor(header: ShardHeader, tokens: number) {
    if (!Number.isInteger(tokens) || tokens < 1 || tokens > LARGEST_BATCH)
      throw new RangeError(`no record batch has ${tokens} tokens`);
    this.#tokens = tokens;
    this.#hasMask = header.lossMask;
    this.#hasSource = header.source;
    this.#ids = idBytes(header.vocabulary) === 2 ? new Uint16Array(tokens) : new Uint32Array(tokens);
    this.#mask = new Uint8Array(header.lossMask ? tokens : 0);
  }

  /** Every source seen so far, in the order of its row number. */
  get sources(): Iterable<string> {
    return this.#sourceRows.keys();
  }

  /** Whether a document of this length still fits; an empty batch takes any. */
  fits(length: number): boolean {
    return this.#used === 0 || this.#used + length <= this.#tokens;
  }

  /** @throws RangeError when a loss mask or a source is missing, unannounced or malformed. */
  append(ids: ArrayLike<number>, extras: { readonly lossMask?: Uint8Array; readonly source?: string }): void {
    const { lossMask, source } = extras;
    if ((lossMask !== undefined) !== this.#hasMask)
      throw new RangeError("a loss mask comes with every document or with none");
    if ((source !== undefined) !== this.#hasSource)
      throw new RangeError("a source comes with every document or with none");
    if (lossMask !== undefined && (lossMask.length !== ids.length || lossMask.some((bit) => bit > 1)))
      throw new RangeError("a loss mask is 0 or 1 for each token");
    this.#reserve(this.#used + ids.length);
    this.#ids.set(ids, this.#used);
    if (lossMask !== undefined) this.#mask.set(lossMask, this.#used);
    if (source !== undefined) this.#sources.push(this.#sourceRow(source));
    this.#used += ids.length;
    this.#offsets.push(this.#used);
  }

  /** The documents gathered since the last call, or null. The arrays are valid until the next `append`. */
  take(): BatchContent | null {
    if (this.#used === 0) return null;
    const content = {
      ids: this.#ids.subarray(0, this.#used),
      offsets: Int32Array.from(this.#offsets),
      mask: this.#hasMask ? this.#mask.subarray(0, this.#used) : null,
      sources: this.#hasSource ? Int32Array.from(this.#sources) : null,
    };
    this.#used = 0;
    this.#offsets = [0];
    this.#sources = [];
    return content;
  }

  #reserve(length: number): void {
    if (length > LARGEST_BATCH) throw new RangeError(`a document of ${length} tokens does not fit a record batch`);
    if (length <= this.#ids.length) return;
    const ids = this.#ids instanceof Uint16Array ? new Uint16Array(length) : new Uint32Array(length);
    ids.set(this.#ids.subarray(0, this.#used));
    this.#ids = ids;
    if (!this.#hasMask) return;
    const mask = new Uint8Array(length);
    mask.set(this.#mask.subarray(0, this.#used));
    this.#mask = mask;
  }

  #sourceRow(source: string): number {
    const known = this.#sourceRows.get(source);
    if (known !== undefined) return known;
    this.#sourceRows.set(source, this.#sourceRows.size);
    return this.#sourceRows.size - 1;
  }
}
