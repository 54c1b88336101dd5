/**
 * Device memory: one allocation for a table of buffers, each aligned to 256 bytes, zeroed; freed when its last buffer is.
 *
 * Zeros are written in the order of the context's stream, so work that the stream gets later sees them.
 */
import { sizeOf } from "../../../../base/dims.js";
import { UserError } from "../../../../base/errors.js";
import { formatBytes } from "../../../../base/format.js";
import { describeBuffer, type Place } from "../../call.js";
import { type Buffer, type BufferSpec, DTYPE_BYTES, type Dtype } from "../../device.js";
import { CONSTANTS as C } from "../ffi/driver.js";
import type { Context } from "./context.js";
import { isLost } from "./errors.js";
import type { Address } from "./launch.js";

const ALIGNMENT = 256;

/** What a buffer of a table takes. */
export function alignedBytes(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Part of an arena. */
export class DeviceBuffer implements Buffer {
  readonly size: number;

  constructor(
    readonly arena: Arena,
    readonly name: string,
    readonly shape: readonly number[],
    readonly dtype: Dtype,
    /** Where it begins in the arena. */
    readonly startByte: number,
  ) {
    this.size = sizeOf(shape);
  }

  get bytes(): number {
    return this.size * DTYPE_BYTES[this.dtype];
  }

  get address(): Address {
    return this.arena.base + BigInt(this.startByte);
  }

  get place(): Place {
    return { memory: this.arena, start: this.startByte, size: this.bytes };
  }

  /** Consecutive elements of it under another shape. @throws Error when they are not all within. */
  view(name: string, start: number, shape: readonly number[]): DeviceBuffer {
    const sound = [start, ...shape].every((value) => Number.isSafeInteger(value) && value >= 0) && sizeOf(shape) > 0;
    if (!sound || start + sizeOf(shape) > this.size)
      throw new Error(`view ${name} [${shape.join(", ")}] at ${start} is not within ${describeBuffer(this)}`);
    return new DeviceBuffer(this.arena, name, shape, this.dtype, this.startByte + start * DTYPE_BYTES[this.dtype]);
  }
}

export class Arena implements Disposable {
  readonly buffers: ReadonlyMap<string, DeviceBuffer>;
  readonly bytes: number;
  readonly base: Address;
  private readonly kept: Set<DeviceBuffer>;
  private isFreed = false;

  /** @throws UserError when the card's memory is short, Error for a table that makes no sense. */
  constructor(
    private readonly context: Context,
    specs: readonly BufferSpec[],
  ) {
    if (specs.length === 0) throw new Error("a table of buffers must not be empty");
    const starts = layOut(specs);
    this.bytes = starts.end;
    this.base = allocate(context, specs, this.bytes);
    const buffers = specs.map(
      ({ name, shape, dtype }, index) => new DeviceBuffer(this, name, shape, dtype, starts.of[index]),
    );
    this.buffers = new Map(buffers.map((buffer) => [buffer.name, buffer]));
    this.kept = new Set(buffers);
    try {
      context.stream.fill(this.base, this.bytes);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  get freed(): boolean {
    return this.isFreed;
  }

  /** Gives one buffer back; the memory goes with the last. Views are not counted. */
  release(buffer: DeviceBuffer): void {
    this.kept.delete(buffer);
    if (this.kept.size === 0) this[Symbol.dispose]();
  }

  /** Waits, blocking, for work that uses the memory. */
  [Symbol.dispose](): void {
    if (this.isFreed) return;
    this.isFreed = true;
    const { driver } = this.context;
    const status = driver.cuMemFree_v2(this.base);
    if (!isLost(driver)) this.context.check(status, `free ${formatBytes(this.bytes)}`);
  }
}

/** The first byte of every buffer, and the end of the last. @throws Error for an unsound shape or a name given twice. */
function layOut(specs: readonly BufferSpec[]): { readonly of: readonly number[]; readonly end: number } {
  const names = new Set<string>();
  let end = 0;
  const of = specs.map(({ name, shape, dtype }) => {
    if (names.has(name)) throw new Error(`two buffers are named ${name}`);
    if (!shape.every((extent) => Number.isSafeInteger(extent) && extent > 0))
      throw new Error(`${name} has the shape [${shape.join(", ")}]; extents must be whole and positive`);
    names.add(name);
    const start = end;
    end += alignedBytes(sizeOf(shape) * DTYPE_BYTES[dtype]);
    return start;
  });
  return { of, end };
}

function allocate(context: Context, specs: readonly BufferSpec[], bytes: number): Address {
  const address = new BigUint64Array(1);
  const { freeBytes, totalBytes } = context.memory();
  // The driver would round a size beyond the safe integers.
  const status = bytes > totalBytes ? C.CUDA_ERROR_OUT_OF_MEMORY : context.driver.cuMemAlloc_v2(address, bytes);
  if (status === C.CUDA_ERROR_OUT_OF_MEMORY) throw shortage(context, specs, bytes, freeBytes);
  context.check(status, `allocate ${formatBytes(bytes)}`);
  return address[0];
}

function shortage(context: Context, specs: readonly BufferSpec[], bytes: number, freeBytes: number): UserError {
  const bytesOf = ({ shape, dtype }: BufferSpec): number => sizeOf(shape) * DTYPE_BYTES[dtype];
  const largest = specs.reduce((a, b) => (bytesOf(a) >= bytesOf(b) ? a : b));
  return new UserError({
    what: `${context.card.name} has not enough memory for this model and batch`,
    expected: formatBytes(bytes),
    got: `${formatBytes(freeBytes)} free of ${formatBytes(context.card.memoryBytes)}`,
    hint: `use fewer rows or shorter ones; the largest buffer is ${largest.name} ${largest.dtype}[${largest.shape.join(", ")}]`,
  });
}
