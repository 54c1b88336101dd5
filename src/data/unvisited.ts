/** The windows of a level that are still to be visited: one bit each, and the u-th of them found by a search over stored counts. */

/** Words between two stored counts: 512 windows. */
const BLOCK_WORDS = 16;

export class Unvisited {
  /** How many are left. */
  readonly count: number;
  readonly #bits: Uint32Array;
  /** Unvisited windows before each block of bits; doubles, as the counts may exceed 32 bits. */
  readonly #before: Float64Array;

  /** All of `size` windows less the `visited` ones, which are distinct and below `size`. */
  constructor(size: number, visited: Iterable<number>) {
    this.#bits = new Uint32Array(Math.ceil(size / 32)).fill(0xffffffff);
    if (size % 32 > 0) this.#bits[this.#bits.length - 1] = 2 ** (size % 32) - 1;
    for (const window of visited) this.#bits[Math.floor(window / 32)] &= ~(1 << (window % 32));
    this.#before = new Float64Array(Math.ceil(this.#bits.length / BLOCK_WORDS));
    let count = 0;
    for (let word = 0; word < this.#bits.length; word++) {
      if (word % BLOCK_WORDS === 0) this.#before[word / BLOCK_WORDS] = count;
      count += ones(this.#bits[word]);
    }
    this.count = count;
  }

  /** The unvisited window that has `rank` unvisited ones before it; `rank` is below `count`. */
  select(rank: number): number {
    let low = 0;
    let high = this.#before.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#before[middle] <= rank) low = middle;
      else high = middle - 1;
    }
    let left = rank - this.#before[low];
    let word = low * BLOCK_WORDS;
    for (let inWord = ones(this.#bits[word]); inWord <= left; inWord = ones(this.#bits[word])) {
      left -= inWord;
      word++;
    }
    let bits = this.#bits[word];
    for (; left > 0; left--) bits &= bits - 1;
    return word * 32 + (31 - Math.clz32(bits & -bits));
  }
}

/** Number of set bits of a 32-bit word (Warren, "Hacker's Delight", section 5-1). */
function ones(word: number): number {
  let sums = word - ((word >>> 1) & 0x55555555);
  sums = (sums & 0x33333333) + ((sums >>> 2) & 0x33333333);
  return Math.imul((sums + (sums >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
