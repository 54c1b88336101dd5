/** Memory of the C side as JavaScript sees it: texts that libraries own, pinned memory, and where a buffer of JavaScript's lies. */
import koffi from "koffi";

/** The text at an address, up to its NUL. */
export function textAt(address: bigint): string {
  return koffi.decode.string(address);
}

/** Memory that C owns; it must not be used after C has freed it. */
export function viewOf(address: bigint, bytes: number): ArrayBuffer {
  return koffi.view(address, bytes);
}

/** Where a buffer's bytes lie; they stay there while the buffer lives. */
export function addressOf(buffer: ArrayBuffer): bigint {
  return koffi.address(buffer);
}
