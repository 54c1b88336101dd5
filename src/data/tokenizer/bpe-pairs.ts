/**
 * Numbers pairs of token ids 0, 1, 2, … in the order of their first appearance: an open-addressing hash table, because a `Map` would need
 * keys beyond 32 bits, which it stores on the heap one by one.
 */
export class PairTable {
  private slots: Int32Array;
  private lefts: Int32Array;
  private rights: Int32Array;
  private count = 0;

  constructor(expected = 1024) {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(16, 2 * expected)));
    this.slots = new Int32Array(capacity);
    this.lefts = new Int32Array(capacity / 2);
    this.rights = new Int32Array(capacity / 2);
  }

  /** Number of pairs. */
  get size(): number {
    return this.count;
  }

  left(pair: number): number {
    return this.lefts[pair];
  }

  right(pair: number): number {
    return this.rights[pair];
  }

  /** The number of a pair, or null when it was never added. */
  find(left: number, right: number): number | null {
    const number = this.slots[this.slotOf(left, right)];
    return number === 0 ? null : number - 1;
  }

  /** The number of a pair, which is added when it is new. */
  add(left: number, right: number): number {
    const slot = this.slotOf(left, right);
    if (this.slots[slot] !== 0) return this.slots[slot] - 1;
    if (this.count === this.lefts.length) {
      this.grow();
      return this.add(left, right);
    }
    this.lefts[this.count] = left;
    this.rights[this.count] = right;
    this.slots[slot] = ++this.count;
    return this.count - 1;
  }

  /** The slot that holds the pair, or the free one where it belongs. A slot is 0 when free, else the pair's number plus one. */
  private slotOf(left: number, right: number): number {
    const { slots, lefts, rights } = this;
    const mask = slots.length - 1;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right + 0x7f4a7c15, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const pair = slots[slot] - 1;
      if (pair < 0 || (lefts[pair] === left && rights[pair] === right)) return slot;
    }
  }

  private grow(): void {
    const { lefts, rights, count } = this;
    this.slots = new Int32Array(2 * this.slots.length);
    this.lefts = new Int32Array(2 * lefts.length);
    this.rights = new Int32Array(2 * rights.length);
    this.lefts.set(lefts);
    this.rights.set(rights);
    for (let pair = 0; pair < count; pair++) this.slots[this.slotOf(lefts[pair], rights[pair])] = pair + 1;
  }
}
