/**
 * Copies between the card and JavaScript's memory through pinned memory of fixed size, which the card reads and writes by itself while
 * JavaScript goes on. Two slots take turns: one is filled or emptied while the other is being copied.
 *
 * Uploads are in the order of the context's stream. Downloads have streams of their own, so that a checkpoint leaves the card while a program
 * runs: a lane for what is small, such as losses that the next batch waits for, and one for the rest.
 *
 * float32 values become bf16 on the way to a bf16 buffer (nearest, ties to even), and float32 again on the way back. Bits of bf16 numbers
 * go to such a buffer, and come from it, as they are.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { fromBf16, toBf16 } from "../../../../base/bf16.js";
import { formatBytes } from "../../../../base/format.js";
import { DTYPE_BYTES, type Dtype, type HostArray } from "../../device.js";
import { disposeAll } from "../disposal.js";
import { viewOf } from "../ffi/host-memory.js";
import type { Context } from "./context.js";
import { isLost } from "./errors.js";
import type { Address } from "./launch.js";
import { Event, Stream } from "./stream.js";

/** A copy takes under a millisecond per slot; more would not be faster. */
const SLOT_BYTES = 8 << 20;
/** Emptying a slot holds up the event loop, and with it the launch of the next program: for half a millisecond. */
const DOWN_SLOT_BYTES = 2 << 20;
/** A download up to here does not queue with larger ones. Losses of 64 Ki tokens are this long. */
const SMALL_BYTES = 256 << 10;
const SLOTS = 2;

/** Pinned memory in all. */
export const STAGING_BYTES = SLOTS * (SLOT_BYTES + DOWN_SLOT_BYTES + SMALL_BYTES);

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
  elements(dtype: Dtype, count: number): HostArray {
    const { buffer } = this.bytes;
    if (dtype === "bf16") return new Uint16Array(buffer, 0, count);
    return dtype === "f32" ? new Float32Array(buffer, 0, count) : new Int32Array(buffer, 0, count);
  }

  [Symbol.dispose](): void {
    if (this.freed) return;
    this.freed = true;
    disposeAll([this.copied, { [Symbol.dispose]: () => this.unpin() }]);
  }

  private unpin(): void {
    const status = this.context.driver.cuMemFreeHost(this.address);
    if (!isLost(this.context.driver)) this.context.check(status, "free pinned memory");
  }
}

/** A stream for downloads, one after the other, and the slots that they pass through. */
class Lane implements Disposable {
  readonly stream: Stream;
  readonly slots: readonly Slot[];
  last: Promise<unknown> = Promise.resolve();

  constructor(
    context: Context,
    readonly slotBytes: number,
  ) {
    this.stream = new Stream(context.driver);
    const slots: Slot[] = [];
    this.slots = slots;
    try {
      while (slots.length < SLOTS) slots.push(new Slot(context, slotBytes));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    disposeAll([...this.slots, this.stream]);
  }
}

/** Uploads in the order of the context's stream, downloads beside it. */
export class Staging implements Disposable {
  private readonly owned: Disposable[] = [];
  private readonly up: Slot[];
  private readonly small: Lane;
  private readonly large: Lane;
  /** What downloads wait for. */
  private readonly marked: Event;
  private turn = 0;

  constructor(
    private readonly context: Context,
    private readonly slotBytes: number = SLOT_BYTES,
  ) {
    const own = <T extends Disposable>(thing: T): T => {
      this.owned.push(thing);
      return thing;
    };
    try {
      this.up = Array.from({ length: SLOTS }, () => own(new Slot(context, slotBytes)));
      this.small = own(new Lane(context, Math.min(slotBytes, SMALL_BYTES)));
      this.large = own(new Lane(context, Math.min(slotBytes, DOWN_SLOT_BYTES)));
      this.marked = own(new Event(context.driver));
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
    for (const { start, count } of pieces(to, this.slotBytes)) {
      const slot = this.up[this.turn++ % SLOTS];
      slot.copied.block();
      const elements = slot.elements(to.dtype, count);
      const piece = data.subarray(start, start + count);
      place(piece, elements);
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

  /** Downloads that go on `beside` what the stream gets from now on wait for what it has been given until now. */
  mark(): void {
    this.marked.record(this.context.stream);
  }

  /**
   * Fills `data` with what the span holds when the stream has done what it has now, or had at the last mark; nothing may write it until then.
   * The event loop turns between pieces. One download of a lane at a time; others wait.
   */
  download(from: Span, data: HostArray, { beside = false }: { readonly beside?: boolean } = {}): Promise<void> {
    checkArray(from, data, "fill");
    if (!beside) this.mark();
    const lane = from.size * DTYPE_BYTES[from.dtype] <= this.small.slotBytes ? this.small : this.large;
    const turn = lane.last.then(() => this.receive(lane, from, data));
    lane.last = turn.catch(() => {});
    return turn;
  }

  private async receive({ stream, slots, slotBytes }: Lane, from: Span, data: HostArray): Promise<void> {
    this.marked.holdBack(stream);
    const all = pieces(from, slotBytes);
    for (const [index, piece] of all.entries()) {
      if (index === 0) this.request(from, piece, slots[0], stream);
      else await nextTurn();
      const next = all[index + 1];
      if (next !== undefined) this.request(from, next, slots[(index + 1) % SLOTS], stream);
      const slot = slots[index % SLOTS];
      await slot.copied.wait();
      const elements = slot.elements(from.dtype, piece.count);
      place(elements, data.subarray(piece.start, piece.start + piece.count));
    }
  }

  private request(from: Span, { start, count }: Piece, slot: Slot, stream: Stream): void {
    const { context } = this;
    const bytes = count * DTYPE_BYTES[from.dtype];
    const status = context.driver.cuMemcpyDtoHAsync_v2(slot.address, addressOf(from, start), bytes, stream.handle);
    context.check(status, `copy ${formatBytes(bytes)} from the card`);
    slot.copied.record(stream);
  }

  [Symbol.dispose](): void {
    disposeAll(this.owned.splice(0).reverse());
  }
}

/** Values in an array of another type of float, or of their own. */
function place(values: HostArray, into: HostArray): void {
  if (into instanceof Uint16Array && values instanceof Float32Array) toBf16(values, into);
  else if (into instanceof Float32Array && values instanceof Uint16Array) fromBf16(values, into);
  else into.set(values);
}

interface Piece {
  readonly start: number;
  readonly count: number;
}

/** What passes through a slot at a time. */
function pieces({ size, dtype }: Span, slotBytes: number): Piece[] {
  const most = Math.floor(slotBytes / DTYPE_BYTES[dtype]);
  return Array.from({ length: Math.ceil(size / most) }, (_, index) => ({
    start: index * most,
    count: Math.min(most, size - index * most),
  }));
}

function addressOf({ address, dtype }: Span, start: number): Address {
  return address + BigInt(start * DTYPE_BYTES[dtype]);
}

function checkArray({ size, dtype }: Span, data: HostArray, verb: "take" | "fill"): void {
  const found = data instanceof Int32Array ? "i32" : data instanceof Uint16Array ? "bf16" : "f32";
  const rounds = verb === "fill" && found === "bf16" && dtype === "f32";
  const fits = (dtype === "i32") === (found === "i32") && !rounds;
  if (!fits || data.length !== size)
    throw new Error(`${size} elements of ${dtype} cannot ${verb} ${data.length} values of ${found}`);
}
