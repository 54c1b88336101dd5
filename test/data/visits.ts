/** Counts how often each position of a domain is visited in each epoch, by brute force. */
import type { Piece } from "../../src/data/epoch.js";

export class Visits {
  readonly #positions: number;
  readonly #epochs = new Map<number, Uint8Array>();

  /** For a domain of `tokens` tokens. */
  constructor(tokens: number) {
    this.#positions = tokens - 1;
  }

  /** Adds a window. @throws Error when it leaves the domain or visits a position twice in its epoch. */
  add(epoch: number, pieces: readonly Piece[]): void {
    const counts = this.#epochs.get(epoch) ?? new Uint8Array(this.#positions);
    this.#epochs.set(epoch, counts);
    for (const { start, length } of pieces) {
      if (!(start >= 0 && length > 0 && start + length <= this.#positions))
        throw new Error(`piece ${start}+${length} leaves ${this.#positions} positions`);
      for (let position = start; position < start + length; position++)
        if (++counts[position] > 1) throw new Error(`position ${position} comes twice in epoch ${epoch}`);
    }
  }

  /** Positions visited in an epoch. */
  visited(epoch: number): number {
    return this.#epochs.get(epoch)?.reduce((sum, count) => sum + count, 0) ?? 0;
  }

  /** Positions not visited in an epoch. */
  left(epoch: number): number {
    return this.#positions - this.visited(epoch);
  }
}
