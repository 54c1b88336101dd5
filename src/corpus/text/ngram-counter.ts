/**
 * A text as counts of its words and pairs of words, by hash into 2^bits buckets (the hashing trick: Weinberger et al., ICML 2009): no
 * vocabulary to build or to keep, and the same buckets in every process.
 */
import { runHashes, wordHashes } from "./hashes.js";

/** Buckets by default, as a power of two: pairs of a few million distinct words and pairs still mostly stand alone. */
export const DEFAULT_BUCKET_BITS = 18;
const MOST_BUCKET_BITS = 26;

/** Of one text: each bucket that occurs, once, in order of first occurrence, and how often. */
export interface NgramCounts {
  readonly buckets: Uint32Array;
  readonly counts: Uint32Array;
}

/** Counts texts one after the other; what it gives is overwritten by the next call. Holds 4 bytes a bucket. */
export class NgramCounter {
  readonly size: number;
  private readonly shift: number;
  private readonly counted: Uint32Array;
  private buckets = new Uint32Array(1024);
  private counts = new Uint32Array(1024);

  /** @throws RangeError when there are to be fewer than 2 or more than 2^26 buckets. */
  constructor(bits: number) {
    if (!(Number.isInteger(bits) && bits > 0 && bits <= MOST_BUCKET_BITS)) throw new RangeError(`2^${bits} buckets`);
    this.size = 2 ** bits;
    this.shift = 32 - bits;
    this.counted = new Uint32Array(this.size);
  }

  count(text: string): NgramCounts {
    const words = wordHashes(text);
    const pairs = words.length < 2 ? new Uint32Array() : runHashes(words, 2);
    if (this.buckets.length < words.length + pairs.length) {
      this.buckets = new Uint32Array(2 * (words.length + pairs.length));
      this.counts = new Uint32Array(this.buckets.length);
    }
    const distinct = this.add(pairs, this.add(words, 0));
    for (let i = 0; i < distinct; i++) {
      this.counts[i] = this.counted[this.buckets[i]];
      this.counted[this.buckets[i]] = 0;
    }
    return { buckets: this.buckets.subarray(0, distinct), counts: this.counts.subarray(0, distinct) };
  }

  /** Returns how many distinct buckets there are now. */
  private add(hashes: Uint32Array, distinct: number): number {
    for (let i = 0; i < hashes.length; i++) {
      const bucket = hashes[i] >>> this.shift;
      if (this.counted[bucket]++ === 0) this.buckets[distinct++] = bucket;
    }
    return distinct;
  }
}
