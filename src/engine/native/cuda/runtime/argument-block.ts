/**
 * The arguments of a launch as the driver wants them: an array of pointers to values. One block of memory serves all launches, because
 * the driver copies the values before it returns; each value has a slot of 8 bytes, so the pointers never change.
 */
import { addressOf } from "../ffi/host-memory.js";
import type { Address, Argument } from "./launch.js";

const SLOT_BYTES = 8;
const MOST_ARGUMENTS = 64;

export class ArgumentBlock {
  private readonly values: DataView;
  private readonly pointers: Address;

  constructor() {
    const memory = new ArrayBuffer(2 * MOST_ARGUMENTS * SLOT_BYTES);
    const base = addressOf(memory);
    this.values = new DataView(memory);
    const half = MOST_ARGUMENTS * SLOT_BYTES;
    for (let slot = 0; slot < MOST_ARGUMENTS; slot++)
      this.values.setBigUint64(half + slot * SLOT_BYTES, base + BigInt(slot * SLOT_BYTES), true);
    this.pointers = base + BigInt(half);
  }

  /** Where the pointers are; valid until the next call. @throws Error for a value that its type cannot hold. */
  fill(args: readonly Argument[]): Address {
    if (args.length > MOST_ARGUMENTS) throw new Error(`a kernel has at most ${MOST_ARGUMENTS} arguments here`);
    args.forEach((argument, index) => {
      this.set(index * SLOT_BYTES, argument);
    });
    return this.pointers;
  }

  private set(at: number, argument: Argument): void {
    if ("pointer" in argument) this.values.setBigUint64(at, argument.pointer ?? 0n, true);
    else if ("f32" in argument) this.values.setFloat32(at, argument.f32, true);
    else if ("i32" in argument) this.values.setInt32(at, whole(argument.i32, -(2 ** 31), 2 ** 32 - 1), true);
    else {
      const value = whole(argument.i64, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
      this.values.setBigInt64(at, BigInt(value), true);
    }
  }
}

/** Parameters may be signed or not; the bits are the same. */
function whole(value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new Error(`${value} is no whole number from ${least} to ${most}`);
  return value;
}
