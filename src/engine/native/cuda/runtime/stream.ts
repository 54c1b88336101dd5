/**
 * An ordered queue of work on the card, and events, which mark places in it.
 *
 * Nothing here blocks the event loop: waiting means asking an event again and again. For the first milliseconds, and about the time when the
 * end is expected, that happens every turn, so that what follows begins without delay; else every other turn sleeps, so that long programs
 * do not burn a processor.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { disposeAll } from "../disposal.js";
import { CONSTANTS as C, type Driver } from "../ffi/driver.js";
import { checkDriver, isLost } from "./errors.js";
import type { Address } from "./launch.js";

const EAGER_MS = 2;
const SLEEP_MS = 1;

export interface EventOptions {
  /** Whether `millisecondsSince` will be asked; costs a little. */
  readonly timing?: boolean;
}

export class Event implements Disposable {
  private handle: Address | null;

  constructor(
    private readonly driver: Driver,
    { timing = false }: EventOptions = {},
  ) {
    const handle = new BigUint64Array(1);
    const flags = timing ? C.CU_EVENT_DEFAULT : C.CU_EVENT_DISABLE_TIMING;
    checkDriver(driver, driver.cuEventCreate(handle, flags), "make an event");
    this.handle = handle[0];
  }

  /** Marks the end of what the stream has been given until now. */
  record(stream: Stream): void {
    checkDriver(this.driver, this.driver.cuEventRecord(this.handle, stream.handle), "record an event");
  }

  /** Whether the card has come to the mark. @throws CudaError for what went wrong before it. */
  get reached(): boolean {
    const status = this.driver.cuEventQuery(this.handle);
    if (status === C.CUDA_ERROR_NOT_READY) return false;
    checkDriver(this.driver, status, "finish its work");
    return true;
  }

  /** Resolves when the card has come to the mark, perhaps after `expectedMs`; rejects with what went wrong before it. */
  async wait(expectedMs = 0): Promise<void> {
    const begin = performance.now();
    for (let turn = 0; !this.reached; turn++)
      await (turn % 2 === 0 || isEager(performance.now() - begin, expectedMs) ? nextTurn() : sleep(SLEEP_MS));
  }

  /** Blocks this thread until the card has come to the mark; for waits that are known to be short. */
  block(): void {
    checkDriver(this.driver, this.driver.cuEventSynchronize(this.handle), "finish its work");
  }

  /** Time on the card from another mark to this one. Both must have been made with `timing` and be reached. */
  millisecondsSince(earlier: Event): number {
    const milliseconds = new Float32Array(1);
    const status = this.driver.cuEventElapsedTime(milliseconds, earlier.handle, this.handle);
    checkDriver(this.driver, status, "tell the time between two events");
    return milliseconds[0];
  }

  /** Lets a stream go on only after this mark. */
  holdBack(stream: Stream): void {
    checkDriver(this.driver, this.driver.cuStreamWaitEvent(stream.handle, this.handle, 0), "wait for an event");
  }

  [Symbol.dispose](): void {
    if (this.handle === null) return;
    const status = this.driver.cuEventDestroy_v2(this.handle);
    this.handle = null;
    if (!isLost(this.driver)) checkDriver(this.driver, status, "destroy an event");
  }
}

/** Whether a wait of so long is at its beginning, or near the end that is expected. */
export function isEager(elapsedMs: number, expectedMs: number): boolean {
  return elapsedMs <= EAGER_MS || Math.abs(elapsedMs - expectedMs) <= EAGER_MS;
}

/** It does not wait for, nor hold up, the driver's default stream. */
export class Stream implements Disposable {
  private own: Address | null;
  private readonly idleEvents: Event[] = [];

  constructor(readonly driver: Driver) {
    const handle = new BigUint64Array(1);
    checkDriver(driver, driver.cuStreamCreate(handle, C.CU_STREAM_NON_BLOCKING), "make a stream");
    this.own = handle[0];
  }

  /** What the libraries call it. */
  get handle(): Address {
    if (this.own === null) throw new Error("this stream was disposed");
    return this.own;
  }

  /** Resolves when all that the stream was given is done, perhaps after `expectedMs`; rejects with what went wrong. */
  async wait(expectedMs = 0): Promise<void> {
    const event = this.idleEvents.pop() ?? new Event(this.driver);
    try {
      event.record(this);
      await event.wait(expectedMs);
    } finally {
      if (this.own === null) event[Symbol.dispose]();
      else this.idleEvents.push(event);
    }
  }

  /** Zeros. */
  fill(address: Address, bytes: number): void {
    const status = this.driver.cuMemsetD8Async(address, 0, bytes, this.handle);
    checkDriver(this.driver, status, `fill ${bytes} bytes at ${hexadecimal(address)} with zeros`);
  }

  copy(to: Address, from: Address, bytes: number): void {
    const status = this.driver.cuMemcpyDtoDAsync_v2(to, from, bytes, this.handle);
    checkDriver(this.driver, status, `copy ${bytes} bytes from ${hexadecimal(from)} to ${hexadecimal(to)}`);
  }

  [Symbol.dispose](): void {
    const handle = this.own;
    if (handle === null) return;
    this.own = null;
    disposeAll([...this.idleEvents.splice(0), { [Symbol.dispose]: () => this.destroy(handle) }]);
  }

  private destroy(handle: Address): void {
    const status = this.driver.cuStreamDestroy_v2(handle);
    if (!isLost(this.driver)) checkDriver(this.driver, status, "destroy a stream");
  }
}

/** `0x7f00`. */
export function hexadecimal(address: Address): string {
  return `0x${address.toString(16)}`;
}
