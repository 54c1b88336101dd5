/**
 * The CPU engine's only door to native code: the kernels' three functions (`kernels/abi.h`) and the C library's memory.
 *
 * Addresses are bigints. koffi makes an asynchronous call from a thread of Node's pool, on a stack of 128 KiB; the kernels have a thread of
 * their own (`kernels/kernel_thread.c`), so that call only waits for it.
 */
import koffi from "koffi";

export type Address = bigint;

/** The functions of a compiled kernel library. */
export interface KernelLibrary {
  /** Size of `op_t` in bytes, as the C compiler laid it out. */
  opSize(): number;
  setThreads(threads: number): void;
  /** Runs `count` operations on another thread. Gives 0, or the number, from 1, of an operation whose code is unknown. */
  runProgram(operations: Address, count: number, millisecondsByCode: Address | null): Promise<number>;
}

/** koffi closes a library that nobody refers to; by path, all that were loaded. */
const loaded = new Map<string, KernelLibrary>();

/** @throws Error when this is no library that the system can load, or one without the kernels' functions. */
export function loadLibrary(path: string): KernelLibrary {
  const known = loaded.get(path);
  if (known !== undefined) return known;
  const library = koffi.load(path);
  const runProgram = library.func("run_program", "int32_t", ["void *", "int32_t", "void *"]);
  const setThreads = library.func("set_threads", "void", ["int32_t"]);
  const opSize = library.func("op_size", "int32_t", []);
  const functions: KernelLibrary = {
    opSize: () => Number(opSize()),
    setThreads: (threads) => void setThreads(threads),
    runProgram: (operations, count, milliseconds) =>
      new Promise((resolve, reject) => {
        runProgram.async(operations, count, milliseconds, (error: unknown, failed: number) =>
          error === null || error === undefined ? resolve(failed) : reject(error),
        );
      }),
  };
  loaded.set(path, functions);
  return functions;
}

/** The C library's memory functions, which work on addresses and, in place, on typed arrays. */
export interface Memory {
  /** Zeroed memory of a multiple of the alignment, or null where there is not enough. */
  allocate(bytes: number): Address | null;
  free(address: Address): void;
  copyIn(to: Address, from: NodeJS.TypedArray): void;
  copyOut(to: NodeJS.TypedArray, from: Address): void;
}

let opened: Memory | null = null;

export function openMemory(): Memory {
  if (opened !== null) return opened;
  const c = koffi.load(null);
  const calloc = c.func("calloc", "void *", ["size_t", "size_t"]);
  const free = c.func("free", "void", ["void *"]);
  const memcpy = c.func("memcpy", "void *", ["void *", "void *", "size_t"]);
  opened = {
    allocate: (bytes) => calloc(1, bytes),
    free: (address) => void free(address),
    copyIn: (to, from) => void memcpy(to, from, from.byteLength),
    copyOut: (to, from) => void memcpy(to, from, to.byteLength),
  };
  return opened;
}
