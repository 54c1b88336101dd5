/**
 * Which pages of an arena a program has used.
 *
 * A page costs most when it is first touched: the system finds and clears one. Where programs begin with untouched memory, their first
 * run takes twice its time, so the kernels touch what a program is going to use beforehand, on all threads.
 */

/** The usual size of a huge page. Larger arenas are aligned to it, and pages are counted in pieces of it. */
export const HUGE_PAGE = 2 ** 21;

/** Bytes from the beginning of an arena, without the last. */
export interface Span {
  readonly from: number;
  readonly end: number;
}

export class Pages {
  readonly #bytes: number;
  /** For every piece 1 when it was taken. */
  readonly #taken: Uint8Array;

  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#taken = new Uint8Array(Math.ceil(bytes / HUGE_PAGE));
  }

  /** Pieces that hold some of these spans and were not taken before: in order, and joined where they follow each other. */
  take(spans: readonly Span[]): Span[] {
    const fresh = new Set<number>();
    for (const { from, end } of spans)
      for (let piece = Math.floor(from / HUGE_PAGE); piece * HUGE_PAGE < end; piece++)
        if (this.#taken[piece] === 0) fresh.add(piece);
    const found: Span[] = [];
    for (const piece of [...fresh].sort((one, other) => one - other)) {
      this.#taken[piece] = 1;
      const from = found.at(-1)?.end === piece * HUGE_PAGE ? (found.pop() as Span).from : piece * HUGE_PAGE;
      found.push({ from, end: Math.min((piece + 1) * HUGE_PAGE, this.#bytes) });
    }
    return found;
  }
}
