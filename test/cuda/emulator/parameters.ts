/** The array of pointers to arguments that `cuLaunchKernel` wants. */
import { addressOf } from "../../../src/engine/native/cuda/ffi/host-memory.js";

/** `values` must live as long as `list` is used, so it comes along. */
export interface Parameters {
  readonly list: BigUint64Array;
  readonly values: readonly ArrayBuffer[];
}

export function addressesOf(values: readonly ArrayBuffer[]): Parameters {
  return { list: BigUint64Array.from(values, addressOf), values };
}
