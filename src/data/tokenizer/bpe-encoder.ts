/**
 * Exact byte-pair encoding of single pieces: start from bytes or characters, always apply the earliest-ranked merge, leftmost first, until
 * none applies. A heap keeps long pieces at n·log n. Natural text repeats itself, so that a cache of whole pieces answers nearly every question.
 */

import { Heap } from "./bpe-heap.js";
import { PairTable } from "./bpe-pairs.js";

export interface BpeModel {
  /** The tokens that a piece starts as: of its bytes, or of its characters. */
  readonly symbols: (piece: string) => Int32Array;
  /** Left token, right token, result, three numbers for each merge, in order of rank. */
  readonly merges: Int32Array;
  /** The token that a whole piece is whatever the merges say, or null; null for all pieces: merges decide alone. */
  readonly wholePiece: ((piece: string) => number | null) | null;
}

/** Pieces kept; when it is full, it starts afresh. About 20 MB at worst. */
const CACHED_PIECES = 1 << 17;
/** UTF-16 units. Longer pieces hardly ever repeat. */
const CACHED_LENGTH = 48;
/** A heap entry is rank · 2^32 + position: exact in a double for up to 2^21 merges. */
const POSITIONS = 2 ** 32;

export class BpeEncoder {
  private readonly cache = new Map<string, Int32Array>();
  private readonly pairs: PairTable;
  private readonly results: Int32Array;
  private readonly ranks: Int32Array;

  constructor(private readonly model: BpeModel) {
    const { merges } = model;
    const count = merges.length / 3;
    this.pairs = new PairTable(count);
    this.results = new Int32Array(count);
    this.ranks = new Int32Array(count);
    for (let rank = 0; rank < count; rank++) {
      const pair = this.pairs.add(merges[3 * rank], merges[3 * rank + 1]);
      this.ranks[pair] = rank;
      this.results[pair] = merges[3 * rank + 2];
    }
  }

  /** The tokens of one piece. Belongs to the encoder: not to be changed. */
  encode(piece: string): Int32Array {
    const known = this.cache.get(piece);
    if (known !== undefined) return known;
    const whole = this.model.wholePiece?.(piece) ?? null;
    const ids = whole === null ? this.merge(this.model.symbols(piece)) : Int32Array.of(whole);
    if (piece.length > CACHED_LENGTH) return ids;
    if (this.cache.size >= CACHED_PIECES) this.cache.clear();
    // A copy: a piece cut out of a document would keep the whole document in memory.
    this.cache.set(Buffer.from(piece, "utf8").toString("utf8"), ids);
    return ids;
  }

  /** Merges in place. */
  private merge(ids: Int32Array): Int32Array {
    const { pairs, ranks, results } = this;
    const { length } = ids;
    if (length === 1) return ids;
    // A linked list in arrays. The token at `next[i] - 1`'s right is at `next[i]`; a swallowed token has id -1, which is in no pair.
    const next = Int32Array.from(ids, (_, at) => at + 1);
    const previous = Int32Array.from(ids, (_, at) => at - 1);
    const queue = new Heap((a, b) => a < b);
    const offer = (at: number): void => {
      if (at < 0 || next[at] >= length) return;
      const pair = pairs.find(ids[at], ids[next[at]]);
      if (pair !== null) queue.push(ranks[pair] * POSITIONS + at);
    };
    for (let at = 0; at < length - 1; at++) offer(at);
    for (let entry = queue.pop(); entry !== null; entry = queue.pop()) {
      const rank = Math.floor(entry / POSITIONS);
      const at = entry - rank * POSITIONS;
      const right = next[at];
      if (ids[at] < 0 || right >= length) continue;
      const pair = pairs.find(ids[at], ids[right]);
      if (pair === null || ranks[pair] !== rank) continue;
      ids[at] = results[pair];
      ids[right] = -1;
      next[at] = next[right];
      if (next[right] < length) previous[next[right]] = at;
      offer(previous[at]);
      offer(at);
    }
    return ids.filter((id) => id >= 0);
  }
}
