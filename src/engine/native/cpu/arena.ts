/**
 * Native memory of a device: one allocation for a table of buffers, each aligned to a cache line, freed when its last buffer is.
 *
 * The C library's `calloc` gives zeroed pages that cost nothing until they are touched. Then they cost more than the work on them: a step
 * that finds its memory untouched takes twice its time. So large arenas are of huge pages, and the kernels touch what a program uses, on
 * all threads, before it first runs.
 */
import { freemem } from "node:os";
import { constrainedMemory } from "node:process";
import { sizeOf } from "../../../base/dims.js";
import { UserError } from "../../../base/errors.js";
import { formatBytes } from "../../../base/format.js";
import type { Place } from "../call.js";
import type { Buffer, BufferSpec, Dtype } from "../device.js";
import { type Address, type Memory, openMemory } from "./ffi.js";
import { HUGE_PAGE, Pages } from "./pages.js";

const ALIGNMENT = 64;
const ELEMENT_BYTES = 4;

/** Part of an arena; elements of both dtypes have 4 bytes. */
export class ArenaBuffer implements Buffer {
  readonly size: number;

  constructor(
    readonly arena: Arena,
    readonly name: string,
    readonly shape: readonly number[],
    readonly dtype: Dtype,
    /** Its first element, counted from the beginning of the arena. */
    readonly start: number,
  ) {
    this.size = sizeOf(shape);
  }

  get address(): Address {
    return this.arena.base + BigInt(this.start * ELEMENT_BYTES);
  }

  get place(): Place {
    return { memory: this.arena, start: this.start, size: this.size };
  }
}

/** Native memory by its address. */
export interface Stretch {
  readonly address: Address;
  readonly bytes: number;
}

export class Arena implements Disposable {
  readonly buffers: ReadonlyMap<string, ArenaBuffer>;
  /** Address of the first element, aligned. */
  readonly base: Address;
  readonly bytes: number;
  private readonly memory: Memory;
  /** What the C library gave and takes back; null when freed. */
  private allocation: Address | null;
  private readonly kept: Set<ArenaBuffer>;
  private readonly pages: Pages;

  /** @throws UserError when memory is short, Error for a table that makes no sense. */
  constructor(specs: readonly BufferSpec[]) {
    const starts = layOut(specs);
    this.bytes = starts.end * ELEMENT_BYTES;
    this.memory = openMemory();
    const alignment = this.bytes < HUGE_PAGE ? ALIGNMENT : HUGE_PAGE;
    const allocation = this.bytes > availableBytes() ? null : this.memory.allocate(this.bytes + alignment);
    if (allocation === null) throw shortage(specs, this.bytes);
    this.allocation = allocation;
    this.base = (allocation + BigInt(alignment - 1)) & ~BigInt(alignment - 1);
    if (alignment === HUGE_PAGE) this.memory.preferHugePages(this.base, this.bytes);
    this.pages = new Pages(this.bytes);
    const buffers = specs.map(
      ({ name, shape, dtype }, index) => new ArenaBuffer(this, name, shape, dtype, starts.of[index]),
    );
    this.buffers = new Map(buffers.map((buffer) => [buffer.name, buffer]));
    this.kept = new Set(buffers);
  }

  get freed(): boolean {
    return this.allocation === null;
  }

  /** Gives one buffer back; the memory goes with the last. */
  release(buffer: ArenaBuffer): void {
    this.kept.delete(buffer);
    if (this.kept.size === 0) this[Symbol.dispose]();
  }

  /** Memory around some of its buffers that no program has used yet. */
  untouched(buffers: readonly ArenaBuffer[]): Stretch[] {
    const spans = buffers.map(({ start, size }) => ({
      from: start * ELEMENT_BYTES,
      end: (start + size) * ELEMENT_BYTES,
    }));
    return this.pages.take(spans).map(({ from, end }) => ({ address: this.base + BigInt(from), bytes: end - from }));
  }

  write(buffer: ArenaBuffer, data: Float32Array | Int32Array): void {
    this.memory.copyIn(buffer.address, data);
  }

  read(buffer: ArenaBuffer, into: Float32Array | Int32Array): void {
    this.memory.copyOut(into, buffer.address);
  }

  [Symbol.dispose](): void {
    if (this.allocation !== null) this.memory.free(this.allocation);
    this.allocation = null;
  }
}

/** The first element of every buffer, and the end of the last. @throws Error for an unsound shape or a name given twice. */
function layOut(specs: readonly BufferSpec[]): { readonly of: readonly number[]; readonly end: number } {
  const names = new Set<string>();
  const line = ALIGNMENT / ELEMENT_BYTES;
  let end = 0;
  const of = specs.map(({ name, shape }) => {
    if (names.has(name)) throw new Error(`two buffers are named ${name}`);
    if (!shape.every((extent) => Number.isSafeInteger(extent) && extent > 0))
      throw new Error(`${name} has the shape [${shape.join(", ")}]; extents must be whole and positive`);
    names.add(name);
    const start = end;
    end += Math.ceil(sizeOf(shape) / line) * line;
    return start;
  });
  if (!Number.isSafeInteger(end * ELEMENT_BYTES)) throw shortage(specs, end * ELEMENT_BYTES);
  return { of, end };
}

/** What can be used without taking from others: the system would grant more and then kill the process that touches it. */
function availableBytes(): number {
  const limit = constrainedMemory();
  return limit > 0 ? Math.min(freemem(), limit) : freemem();
}

function shortage(specs: readonly BufferSpec[], bytes: number): UserError {
  const largest = specs.reduce((a, b) => (sizeOf(a.shape) >= sizeOf(b.shape) ? a : b));
  return new UserError({
    what: "there is not enough memory for this model and batch",
    expected: formatBytes(bytes),
    got: `${formatBytes(availableBytes())} free`,
    hint: `use fewer rows or shorter ones; the largest buffer is ${largest.name} [${largest.shape.join(", ")}]`,
  });
}
