/**
 * How kernels touch memory: what a dtype is called in them, how many values go into one access, how threads share out the rows of a matrix.
 *
 * A pack is the largest power of two of values, up to 16 bytes, that divides every extent and every address it has to: 8 bf16 values in
 * practice, fewer for odd widths, so that no kernel needs a second path for what is left of a row.
 */
import type { Address, Argument, KernelRef, Launch } from "../runtime/launch.js";

/** How values are stored; they are computed with as float32. */
export type Storage = "f32" | "bf16";

/** What an access may be at most. */
const ACCESS_BYTES = 16;
const WARP = 32;
/** Threads of a block where nothing else decides. */
export const BLOCK = 256;

export function bytesOf(storage: Storage): number {
  return storage === "f32" ? 4 : 2;
}

/** The C++ type of a dtype, for -D. */
export function typeOf(storage: Storage): string {
  return storage === "f32" ? "float" : "bf16";
}

export function ceilDivide(value: number, by: number): number {
  return Math.ceil(value / by);
}

/** The smallest power of two that is not below `value`, which is at least 1. */
export function powerOfTwoFrom(value: number): number {
  let power = 1;
  while (power < value) power *= 2;
  return power;
}

/** The bytes of one access to matrices with these extents (elements of `elementBytes`) at these addresses. */
export function accessBytes(elementBytes: number, extents: readonly number[], addresses: readonly Address[]): number {
  const fits = (bytes: number): boolean =>
    extents.every((extent) => (extent * elementBytes) % bytes === 0) &&
    addresses.every((address) => address % BigInt(bytes) === 0n);
  let bytes = ACCESS_BYTES;
  while (bytes > elementBytes && !fits(bytes)) bytes /= 2;
  if (!fits(bytes)) throw new Error(`an address is no multiple of its ${elementBytes}-byte elements`);
  return bytes;
}

/** Values of a pack: `accessBytes` in elements. */
export function packOf(storage: Storage, extents: readonly number[], addresses: readonly Address[]): number {
  return accessBytes(bytesOf(storage), extents, addresses) / bytesOf(storage);
}

/** A grid of which each block takes some rows, and each row's `units` (packs) are shared out to threads side by side. */
export function rowGrid(rows: number, units: number): Pick<Launch, "grid" | "block"> {
  const across = Math.min(BLOCK, powerOfTwoFrom(units));
  const down = BLOCK / across;
  return { grid: [ceilDivide(rows, down), 1, 1], block: [across, down, 1] };
}

/**
 * Threads that share a row of `units` packs and reduce it: one pack each while a warp can hold the row, else up to `most` packs each.
 * A power of two; rows wider than 1024 threads can hold at that rate get more packs per thread.
 */
export function teamOf(units: number, most: number): number {
  if (units <= WARP) return powerOfTwoFrom(units);
  return Math.min(1024, Math.max(WARP, powerOfTwoFrom(ceilDivide(units, most))));
}

/** Threads of a block, and the rows it takes at a time, for teams of this size. */
export function teamBlock(team: number): { readonly threads: number; readonly rows: number } {
  return team > WARP ? { threads: team, rows: 1 } : { threads: BLOCK, rows: BLOCK / team };
}

export function pointer(address: Address | null): Argument {
  return { pointer: address };
}

export function i32(value: number): Argument {
  if (!Number.isInteger(value) || Math.abs(value) >= 2 ** 31) throw new Error(`${value} is no 32-bit whole number`);
  return { i32: value };
}

export function i64(value: number): Argument {
  if (!Number.isSafeInteger(value)) throw new Error(`${value} is no whole number that can be counted with`);
  return { i64: value };
}

export function f32(value: number): Argument {
  return { f32: value };
}

/** A launch without dynamic shared memory. */
export function launch(kernel: KernelRef, shape: Pick<Launch, "grid" | "block">, args: readonly Argument[]): Launch {
  return { kind: "launch", kernel, ...shape, sharedBytes: 0, args };
}
