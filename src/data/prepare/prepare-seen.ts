/** The texts seen so far, by 128 bits of their SHA-256: 32 to 64 bytes each, where a `Set` of strings takes several times as much and ends at 2^24. */
import { documentKey } from "../../corpus/documents.js";

const WORDS = 4;
const HEX_DIGITS = 8;

export class SeenTexts {
  /** Four words per slot; a slot is free when all are zero, which no text's hash is in practice. */
  private slots = new Uint32Array(WORDS * 1024);
  private count = 0;
  private readonly key = new Uint32Array(WORDS);

  /** Remembers a text. Returns whether it is new. */
  add(text: string): boolean {
    const digits = documentKey(text);
    for (let word = 0; word < WORDS; word++)
      this.key[word] = Number.parseInt(digits.slice(word * HEX_DIGITS, (word + 1) * HEX_DIGITS), 16);
    if (2 * this.count >= this.slots.length / WORDS) this.grow();
    if (!this.insert(this.key)) return false;
    this.count++;
    return true;
  }

  private insert(key: Uint32Array): boolean {
    const { slots } = this;
    const capacity = slots.length / WORDS;
    for (let slot = key[0] & (capacity - 1); ; slot = (slot + 1) & (capacity - 1)) {
      const at = WORDS * slot;
      if (slots[at] === key[0] && slots[at + 1] === key[1] && slots[at + 2] === key[2] && slots[at + 3] === key[3])
        return false;
      if ((slots[at] | slots[at + 1] | slots[at + 2] | slots[at + 3]) !== 0) continue;
      slots.set(key, at);
      return true;
    }
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Uint32Array(2 * old.length);
    for (let at = 0; at < old.length; at += WORDS) {
      const key = old.subarray(at, at + WORDS);
      if (key.some((word) => word !== 0)) this.insert(key);
    }
  }
}
