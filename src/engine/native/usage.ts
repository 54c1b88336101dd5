/**
 * What a device is doing: one program at a time, and reads, which may go on beside it. A read takes a while, so what it reads must not be
 * written meanwhile, neither by a program nor by the host; who asks for that has forgotten to wait.
 */
import { type Operation, overlap, type Place } from "./call.js";
import type { Buffer } from "./device.js";

export class Usage {
  /** What the running program writes; null while none runs. */
  #written: readonly Place[] | null = null;
  readonly #read = new Set<Place>();

  get running(): boolean {
    return this.#written !== null;
  }

  get idle(): boolean {
    return this.#written === null && this.#read.size === 0;
  }

  /** @throws Error while a program runs, or when the host would change or give back what is being read. */
  checkFree(place: Place): void {
    this.#checkNotRunning();
    this.#checkNotRead([place]);
  }

  /** Runs a program that writes these places. @throws Error as long as another one runs or one of them is being read. */
  async run(written: readonly Place[], work: () => Promise<void>): Promise<void> {
    this.#checkNotRunning();
    this.#checkNotRead(written);
    this.#written = written;
    try {
      await work();
    } finally {
      this.#written = null;
    }
  }

  /** Reads. @throws Error while a program runs that writes it. */
  async read<R>(place: Place, work: () => Promise<R>): Promise<R> {
    if (this.#written?.some((written) => overlap(written, place)) === true) this.#checkNotRunning();
    const own = { ...place };
    this.#read.add(own);
    try {
      return await work();
    } finally {
      this.#read.delete(own);
    }
  }

  #checkNotRunning(): void {
    if (this.running) throw new Error("a program is running on this device; wait for it first");
  }

  #checkNotRead(places: readonly Place[]): void {
    for (const read of this.#read)
      if (places.some((place) => overlap(place, read)))
        throw new Error("a buffer of this device is being read; wait for it first");
  }
}

/** Where operations write. */
export function writtenBy(operations: readonly Operation[], placeOf: (buffer: Buffer) => Place): readonly Place[] {
  return operations.flatMap(({ buffers, outputs }) =>
    buffers.slice(0, outputs).flatMap((buffer) => (buffer === null ? [] : [placeOf(buffer)])),
  );
}
