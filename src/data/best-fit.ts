/**
 * Whole documents laid into rows: Best-Fit Decreasing, as Ding et al. use it ("Fewer truncations improve language modeling", arXiv
 * 2404.10830). The largest documents go first, each into the fullest row that still has room for it. Few rows, and those nearly full: never
 * more than 11/9 of the fewest possible and 4 (Johnson et al., SIAM Journal on Computing 3, 1974).
 *
 * Sizes are whole numbers up to the capacity T, so that documents are sorted by counting, and the fullest row with room is found through
 * one bit for every amount of room: O(documents + T²/64), which is linear where documents are many.
 */

/** Rows and the documents in each. */
export interface Bins {
  readonly count: number;
  /** Bin b holds `documents[starts[b]]` to `documents[starts[b + 1] - 1]`, ascending. */
  readonly starts: Int32Array;
  readonly documents: Int32Array;
}

/** A pure function of the sizes. Documents of size 0, and those larger than `capacity`, are in no bin. */
export function packBestFit(sizes: Int32Array, capacity: number): Bins {
  const { order, starts } = sortBySize(sizes, capacity);
  const binOf = new Int32Array(sizes.length);
  const open = new OpenBins(capacity, order.length);
  for (let size = capacity; size > 0; size--) {
    const end = starts[size + 1];
    // Within one size the least room that suffices only grows: a bin that was used is left with less room than the size.
    let room: number | null = size;
    for (let next = starts[size]; next < end; ) {
      room = room === null ? null : open.leastRoom(room);
      const bin = room === null ? open.begin() : open.take(room);
      const space = room ?? capacity;
      const taken = Math.min(Math.floor(space / size), end - next);
      for (const last = next + taken; next < last; next++) binOf[order[next]] = bin;
      open.put(bin, space - taken * size);
    }
  }
  return groupByBin(binOf, sizes, capacity, open.count);
}

/** Documents that fit, by size and then by number; those of size s are at `starts[s]` to `starts[s + 1] - 1`. */
function sortBySize(sizes: Int32Array, capacity: number): { readonly order: Int32Array; readonly starts: Int32Array } {
  const starts = new Int32Array(capacity + 2);
  for (const size of sizes) if (size > 0 && size <= capacity) starts[size + 1]++;
  for (let size = 1; size < starts.length; size++) starts[size] += starts[size - 1];
  const order = new Int32Array(starts[capacity + 1]);
  const next = starts.slice();
  for (let document = 0; document < sizes.length; document++) {
    const size = sizes[document];
    if (size > 0 && size <= capacity) order[next[size]++] = document;
  }
  return { order, starts };
}

function groupByBin(binOf: Int32Array, sizes: Int32Array, capacity: number, count: number): Bins {
  const fits = (document: number): boolean => sizes[document] > 0 && sizes[document] <= capacity;
  const starts = new Int32Array(count + 1);
  for (let document = 0; document < sizes.length; document++) if (fits(document)) starts[binOf[document] + 1]++;
  for (let bin = 0; bin < count; bin++) starts[bin + 1] += starts[bin];
  const documents = new Int32Array(starts[count]);
  const next = starts.slice();
  for (let document = 0; document < sizes.length; document++)
    if (fits(document)) documents[next[binOf[document]]++] = document;
  return { count, starts, documents };
}

/** The bins that have room, in a stack for every amount of it. */
class OpenBins {
  count = 0;
  /** For each amount of room the newest bin, plus one; 0 where there is none. */
  readonly #newest: Int32Array;
  /** For each bin the one below it in its stack, plus one. */
  readonly #below: Int32Array;
  /** One bit for each amount of room: whether a bin has it. */
  readonly #bits: Uint32Array;

  constructor(capacity: number, mostBins: number) {
    this.#newest = new Int32Array(capacity + 1);
    this.#below = new Int32Array(mostBins);
    this.#bits = new Uint32Array(Math.floor(capacity / 32) + 1);
  }

  /** A new bin. */
  begin(): number {
    return this.count++;
  }

  /** The least room, from `room` up, that some bin has; null when none has. */
  leastRoom(room: number): number | null {
    let word = room >>> 5;
    let bits = this.#bits[word] & (-1 << (room & 31));
    while (bits === 0) {
      if (++word >= this.#bits.length) return null;
      bits = this.#bits[word];
    }
    return 32 * word + 31 - Math.clz32(bits & -bits);
  }

  /** Takes the newest bin that has exactly this room. */
  take(room: number): number {
    const bin = this.#newest[room] - 1;
    this.#newest[room] = this.#below[bin];
    if (this.#newest[room] === 0) this.#bits[room >>> 5] &= ~(1 << (room & 31));
    return bin;
  }

  put(bin: number, room: number): void {
    if (room === 0) return;
    this.#below[bin] = this.#newest[room];
    this.#newest[room] = bin + 1;
    this.#bits[room >>> 5] |= 1 << (room & 31);
  }
}
