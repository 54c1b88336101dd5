/** One after the other: a device runs one program at a time, whoever asks. */
export class Turns {
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** Whether nothing runs or waits. */
  get idle(): boolean {
    return this.#waiting === 0;
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

  /** Does `work` at once when idle, otherwise in its turn. */
  soon(work: () => void): void {
    if (this.idle) work();
    else void this.take(async () => work());
  }

  /** As `soon`, as the last thing that is ever done; does nothing when already closed. */
  close(work: () => void): void {
    if (this.#closed) return;
    this.soon(work);
    this.#closed = true;
  }
}
