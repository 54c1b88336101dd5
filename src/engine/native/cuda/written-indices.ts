/**
 * What buffers of indices hold: the card's memory cannot be looked at without waiting, and a kernel would follow a wrong index out of its
 * table. Only the host writes them, so a copy of what it wrote is enough; before that they are zeros.
 */
import { describeBuffer } from "../call.js";
import type { DeviceBuffer } from "./runtime/memory.js";

export class WrittenIndices {
  /** By buffer as it was allocated; views are parts of one. Forgotten with the buffer. */
  private readonly known = new WeakMap<DeviceBuffer, Int32Array>();

  /** Keeps a copy of what was written to a buffer or a view of one. */
  write(buffer: DeviceBuffer, data: Int32Array): void {
    const whole = allocated(buffer);
    const values = this.known.get(whole) ?? new Int32Array(whole.size);
    this.known.set(whole, values);
    values.set(data, placeIn(whole, buffer));
  }

  /** What a buffer or a view holds; null where nothing was written to any part of its memory, so that all of it is 0. */
  of(buffer: DeviceBuffer): Int32Array | null {
    const whole = allocated(buffer);
    const start = placeIn(whole, buffer);
    return this.known.get(whole)?.subarray(start, start + buffer.size) ?? null;
  }
}

/** The buffer of the table that a view lies in. */
function allocated(view: DeviceBuffer): DeviceBuffer {
  const end = view.startByte + view.bytes;
  for (const buffer of view.arena.buffers.values())
    if (buffer.startByte <= view.startByte && end <= buffer.startByte + buffer.bytes) return buffer;
  throw new Error(`${describeBuffer(view)} lies in no buffer of its table`);
}

function placeIn(whole: DeviceBuffer, view: DeviceBuffer): number {
  return (view.startByte - whole.startByte) / Int32Array.BYTES_PER_ELEMENT;
}
