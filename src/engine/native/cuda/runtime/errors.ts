/**
 * One check of a status per library, in the library's own words together with what was asked.
 *
 * Some statuses destroy the card's context: every later call of this process fails, whatever it asks. The first one is remembered and
 * repeated, because what the driver says afterwards points at innocent calls.
 */
import { UserError } from "../../../../base/errors.js";
import { CONSTANTS as C, type Driver } from "../ffi/driver.js";
import { textAt } from "../ffi/host-memory.js";
import { CONSTANTS as N, type Nvrtc } from "../ffi/nvrtc.js";

/** Statuses after which a context is lost. */
const STICKY: ReadonlySet<number> = new Set([
  ...[C.CUDA_ERROR_DEINITIALIZED, C.CUDA_ERROR_ECC_UNCORRECTABLE, C.CUDA_ERROR_NVLINK_UNCORRECTABLE],
  ...[C.CUDA_ERROR_CONTAINED, C.CUDA_ERROR_ILLEGAL_ADDRESS, C.CUDA_ERROR_LAUNCH_TIMEOUT, C.CUDA_ERROR_ASSERT],
  ...[C.CUDA_ERROR_CONTEXT_IS_DESTROYED, C.CUDA_ERROR_HARDWARE_STACK_ERROR, C.CUDA_ERROR_ILLEGAL_INSTRUCTION],
  ...[C.CUDA_ERROR_MISALIGNED_ADDRESS, C.CUDA_ERROR_INVALID_ADDRESS_SPACE, C.CUDA_ERROR_INVALID_PC],
  ...[C.CUDA_ERROR_LAUNCH_FAILED, C.CUDA_ERROR_EXTERNAL_DEVICE],
]);

/** Statuses that the machine's owner can do something about. */
const HINTS: ReadonlyMap<number, string> = new Map([
  [
    C.CUDA_ERROR_OUT_OF_MEMORY,
    "use fewer rows or shorter ones, or end other programs on this card (`nvidia-smi` lists them)",
  ],
  [
    C.CUDA_ERROR_STUB_LIBRARY,
    "a stub of libcuda.so.1 was loaded; take the toolkit's `stubs` folder out of LD_LIBRARY_PATH",
  ],
  [C.CUDA_ERROR_DEVICE_UNAVAILABLE, "another program has this card for itself; end it, or choose another card"],
  [
    C.CUDA_ERROR_NO_DEVICE,
    "does `nvidia-smi` list a card? A container needs `--gpus all`; CUDA_VISIBLE_DEVICES must not hide it",
  ],
  [C.CUDA_ERROR_SYSTEM_NOT_READY, "start the machine's NVIDIA services (on NVSwitch machines the fabric manager)"],
  [C.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, "the driver's library and its kernel module differ; restart the machine"],
  [C.CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE, "install a newer driver instead of the compatibility package"],
]);

/** A status of the driver that is not success. */
export class CudaError extends Error {
  override readonly name = "CudaError";

  constructor(
    readonly status: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The first loss of the card that a driver told of. */
const losses = new WeakMap<Driver, CudaError>();

/** What the driver calls a status: `CUDA_ERROR_OUT_OF_MEMORY (out of memory)`. */
export function driverWords(driver: Driver, status: number): string {
  const text = new BigUint64Array(1);
  if (driver.cuGetErrorName(status, text) !== C.CUDA_SUCCESS || text[0] === 0n) return `unknown status ${status}`;
  const name = textAt(text[0]);
  if (driver.cuGetErrorString(status, text) !== C.CUDA_SUCCESS || text[0] === 0n) return name;
  return `${name} (${textAt(text[0])})`;
}

/**
 * Demands success. `asked` completes "the card reported ... when asked to".
 * @throws UserError where its reader can help, CudaError otherwise, and always once the card is lost.
 */
export function checkDriver(driver: Driver, status: number, asked: string): void {
  const loss = losses.get(driver);
  if (loss !== undefined) throw new CudaError(loss.status, loss.message, { cause: loss });
  if (status === C.CUDA_SUCCESS) return;
  const reported = `the card reported ${driverWords(driver, status)} when asked to ${asked}`;
  if (STICKY.has(status)) {
    const error = new CudaError(status, `${reported}; nothing works on it any more: the process must be restarted`);
    losses.set(driver, error);
    throw error;
  }
  const error = new CudaError(status, reported);
  const hint = HINTS.get(status);
  throw hint === undefined ? error : new UserError({ what: reported, hint }, { cause: error });
}

/** Whether the card is lost: then nothing needs to be given back. */
export function isLost(driver: Driver): boolean {
  return losses.has(driver);
}

/** Demands success of the run-time compiler; a program that does not compile is for the caller to report. */
export function checkNvrtc(nvrtc: Nvrtc, status: number, asked: string): void {
  if (status === N.NVRTC_SUCCESS) return;
  throw new Error(`NVRTC reported ${nvrtc.nvrtcGetErrorString(status) ?? `status ${status}`} when asked to ${asked}`);
}
