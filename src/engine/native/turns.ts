/**
 * One after the other: a device runs one program at a time, whoever asks. What only reads need not be waited for by those who do not write
 * what it reads: it begins in its turn, and goes on beside the turns after it.
 */
export class Turns {
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();
  readonly #beside = new Set<Promise<unknown>>();
  #closed = false;

  /** Whether nothing runs or waits. */
  get idle(): boolean {
    return this.#waiting === 0 && this.#beside.size === 0;
  }

  /** Does `work` when everything asked for earlier is done, also when that failed. @throws Error once closed. */
  take<R>(work: () => Promise<R>): Promise<R> {
    if (this.#closed) return Promise.reject(new Error("the engine is disposed"));
    this.#waiting += 1;
    const turn = this.#last.then(async () => {
      try {
        return await work();
      } finally {
        this.#waiting -= 1;
      }
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Begins `work` in its turn, which ends at once: others have theirs meanwhile, all but those who want to be `alone`. */
  beside<R>(work: () => Promise<R>): Promise<R> {
    const begun = this.take(async () => {
      const going = work();
      const settled = going.catch(() => {}).finally(() => this.#beside.delete(settled));
      this.#beside.add(settled);
      return { going };
    });
    return begun.then(({ going }) => going);
  }

  /** As `take`, and when all that goes on beside is done, too. */
  alone<R>(work: () => Promise<R>): Promise<R> {
    return this.take(async () => {
      await Promise.all(this.#beside);
      return work();
    });
  }

  /** Does `work` at once when idle, otherwise in its turn. */
  soon(work: () => void): void {
    if (this.idle) work();
    else void this.take(async () => work());
  }

  /** Does `work` at once when idle, otherwise alone, as the last thing that is ever done; does nothing when already closed. */
  close(work: () => void): void {
    if (this.#closed) return;
    if (this.idle) work();
    else void this.alone(async () => work());
    this.#closed = true;
  }
}
