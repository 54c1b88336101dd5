/**
 * Copies between the card and JavaScript's memory through pinned memory of fixed size, which the card reads and writes by itself while
 * JavaScript goes on. Two slots take turns: one is filled or emptied while the other is being copied.
 *
 * float32 values become bf16 on the way to a bf16 buffer (nearest, ties to even), and float32 again on the way back.
 */
import { formatBytes } from "../../../../base/format.js";
import { DTYPE_BYTES, type Dtype } from "../../device.js";
import { viewOf } from "../ffi/host-memory.js";
import { fromBf16, toBf16 } from "./bf16.js";
import type { Context } from "./context.js";
import { isLost } from "./errors.js";
import type { Address } from "./launch.js";
import { Event } from "./stream.js";

/** A copy takes under a millisecond per slot; more would not be faster. */
const SLOT_BYTES = 8 << 20;
const SLOTS = 2;

/** What JavaScript holds, and what the card holds of it: f32 and bf16 are Float32Array here, i32 is Int32Array. */
export type HostArray = Float32Array | Int32Array;

/** Elements on the card. */
export interface Span {
  readonly address: Address;
  readonly size: number;
  readonly dtype: Dtype;
}

/** Pinned memory, and the mark of its last copy. */
class Slot implements Disposable {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly address: Address;
  readonly copied: Event;
  private freed = false;

  constructor(
    private readonly context: Context,
    bytes: number,
  ) {
    const address = new BigUint64Array(1);
    const asked = `pin ${formatBytes(bytes)} of the machine's memory`;
    this.copied = new Event(context.driver);
    try {
      context.check(context.driver.cuMemHostAlloc(address, bytes, 0), asked);
    } catch (error) {
      this.copied[Symbol.dispose]();
      throw error;
    }
    this.address = address[0];
    this.bytes = new Uint8Array(viewOf(this.address, bytes));
  }

  /** Its beginning as elements. */
  elements(dtype: Dtype, count: number): Float32Array | Int32Array | Uint16Array {
    const { buffer } = this.bytes;
    if (dtype === "bf16") return new Uint16Array(buffer, 0, count);
    return dtype === "f32" ? new Float32Array(buffer, 0, count) : new Int32Array(buffer, 0, count);
  }

  [Symbol.dispose](): void {
    if (this.freed) return;
    this.freed = true;
    this.copied[Symbol.dispose]();
    const status = this.context.driver.cuMemFreeHost(this.address);
    if (!isLost(this.context.driver)) this.context.check(status, "free pinned memory");
  }
}

/** Uploads and downloads in the order of the context's stream. */
export class Staging implements Disposable {
  private readonly up: Slot[] = [];
  private readonly down: Slot[] = [];
  private turn = 0;
  private downloads: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly context: Context,
    private readonly slotBytes: number = SLOT_BYTES,
  ) {
    try {
      for (const slots of [this.up, this.down]) while (slots.length < SLOTS) slots.push(new Slot(context, slotBytes));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Hands `data` to the stream; it may be changed once this returns. Data beyond two slots waits, blocking, for its own copies, so the
   * stream should have little else to do.
   */
  upload(to: Span, data: HostArray): void {
    checkArray(to, data, "take");
    for (const { start, count } of this.pieces(to)) {
      const slot = this.up[this.turn++ % SLOTS];
      slot.copied.block();
      const elements = slot.elements(to.dtype, count);
      const piece = data.subarray(start, start + count);
      if (elements instanceof Uint16Array) toBf16(piece as Float32Array, elements);
      else elements.set(piece);
      const { context } = this;
      const status = context.driver.cuMemcpyHtoDAsync_v2(
        addressOf(to, start),
        slot.address,
        elements.byteLength,
        context.stream.handle,
      );
      context.check(status, `copy ${formatBytes(elements.byteLength)} to the card`);
      slot.copied.record(context.stream);
    }
  }

  /** Fills `data` with what the span holds when the stream has done what it has now. One download at a time; others wait. */
  download(from: Span, data: HostArray): Promise<void> {
    checkArray(from, data, "fill");
    const turn = this.downloads.then(() => this.receive(from, data));
    this.downloads = turn.catch(() => {});
    return turn;
  }

  private async receive(from: Span, data: HostArray): Promise<void> {
    const pieces = this.pieces(from);
    for (const [index, piece] of pieces.entries()) {
      if (index === 0) this.request(from, piece, this.down[0]);
      const next = pieces[index + 1];
      if (next !== undefined) this.request(from, next, this.down[(index + 1) % SLOTS]);
      const slot = this.down[index % SLOTS];
      await slot.copied.wait();
      const elements = slot.elements(from.dtype, piece.count);
      const target = data.subarray(piece.start, piece.start + piece.count);
      if (elements instanceof Uint16Array) fromBf16(elements, target as Float32Array);
      else target.set(elements);
    }
  }

  private request(from: Span, { start, count }: Piece, slot: Slot): void {
    const { context } = this;
    const bytes = count * DTYPE_BYTES[from.dtype];
    const status = context.driver.cuMemcpyDtoHAsync_v2(
      slot.address,
      addressOf(from, start),
      bytes,
      context.stream.handle,
    );
    context.check(status, `copy ${formatBytes(bytes)} from the card`);
    slot.copied.record(context.stream);
  }

  private pieces({ size, dtype }: Span): Piece[] {
    const most = Math.floor(this.slotBytes / DTYPE_BYTES[dtype]);
    return Array.from({ length: Math.ceil(size / most) }, (_, index) => ({
      start: index * most,
      count: Math.min(most, size - index * most),
    }));
  }

  [Symbol.dispose](): void {
    for (const slot of [...this.up, ...this.down]) slot[Symbol.dispose]();
  }
}

interface Piece {
  readonly start: number;
  readonly count: number;
}

function addressOf({ address, dtype }: Span, start: number): Address {
  return address + BigInt(start * DTYPE_BYTES[dtype]);
}

function checkArray({ size, dtype }: Span, data: HostArray, verb: "take" | "fill"): void {
  const fits = dtype === "i32" ? data instanceof Int32Array : data instanceof Float32Array;
  const found = data instanceof Float32Array ? "f32" : "i32";
  if (!fits || data.length !== size)
    throw new Error(`${size} elements of ${dtype} cannot ${verb} ${data.length} values of ${found}`);
}
