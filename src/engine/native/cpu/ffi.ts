/**
 * The CPU engine's only door to native code: the kernels' functions (`kernels/abi.h`) and the C library's memory.
 *
 * Addresses are bigints. koffi makes an asynchronous call from a thread of Node's pool, on a stack of 128 KiB; the kernels have a thread of
 * their own (`kernels/kernel_thread.c`), so that call only waits for it.
 */
import { platform } from "node:os";
import koffi, { type KoffiFunc } from "koffi";

export type Address = bigint;

/** The functions of a compiled kernel library. */
export interface KernelLibrary {
  /** Size of `op_t` in bytes, as the C compiler laid it out. */
  opSize(): number;
  setThreads(threads: number): void;
  /**
   * Runs `count` operations on another thread. Gives 0; or n > 0: the n-th operation, from 1, has an unknown code; or −n: an operation did
   * not get n bytes of scratch memory.
   */
  runProgram(operations: Address, count: number, millisecondsByCode: Address | null): Promise<number>;
  /** Has the system provide this memory's pages now, on other threads. */
  touch(memory: Address, bytes: number): Promise<void>;
}

/** koffi closes a library that nobody refers to; by path, all that were loaded. */
const loaded = new Map<string, KernelLibrary>();

/** @throws Error when this is no library that the system can load, or one without the kernels' functions. */
export function loadLibrary(path: string): KernelLibrary {
  const known = loaded.get(path);
  if (known !== undefined) return known;
  const library = koffi.load(path);
  const runProgram = promising(library.func("run_program", "int64_t", ["void *", "int32_t", "void *"]));
  const touch = promising(library.func("touch_memory", "void", ["void *", "int64_t"]));
  const setThreads = library.func("set_threads", "void", ["int32_t"]);
  const opSize = library.func("op_size", "int32_t", []);
  const functions: KernelLibrary = {
    opSize: () => Number(opSize()),
    setThreads: (threads) => void setThreads(threads),
    runProgram: async (operations, count, milliseconds) => Number(await runProgram(operations, count, milliseconds)),
    touch: async (memory, bytes) => void (await touch(memory, bytes)),
  };
  loaded.set(path, functions);
  return functions;
}

/** A native function as a call from another thread. */
function promising(native: KoffiFunc<(...args: unknown[]) => unknown>): (...args: unknown[]) => Promise<unknown> {
  return (...args) =>
    new Promise((resolve, reject) => {
      native.async(...args, (error: unknown, result: unknown) =>
        error === null || error === undefined ? resolve(result) : reject(error),
      );
    });
}

/** The C library's memory functions, which work on addresses and, in place, on typed arrays. */
export interface Memory {
  /** Zeroed memory, or null where there is not enough. */
  allocate(bytes: number): Address | null;
  /** Asks for huge pages, where the system has them, before the memory is touched. The address is that of a page. */
  preferHugePages(address: Address, bytes: number): void;
  free(address: Address): void;
  copyIn(to: Address, from: NodeJS.TypedArray): void;
  copyOut(to: NodeJS.TypedArray, from: Address): void;
}

/** `MADV_HUGEPAGE` of Linux on every processor. */
const HUGE_PAGES = 14;

let opened: Memory | null = null;

export function openMemory(): Memory {
  if (opened !== null) return opened;
  const c = koffi.load(null);
  const calloc = c.func("calloc", "void *", ["size_t", "size_t"]);
  const free = c.func("free", "void", ["void *"]);
  const memcpy = c.func("memcpy", "void *", ["void *", "void *", "size_t"]);
  const madvise = platform() === "linux" ? c.func("madvise", "int", ["void *", "size_t", "int"]) : null;
  opened = {
    allocate: (bytes) => calloc(1, bytes),
    // A system that refuses uses small pages.
    preferHugePages: (address, bytes) => void madvise?.(address, bytes, HUGE_PAGES),
    free: (address) => void free(address),
    copyIn: (to, from) => void memcpy(to, from, from.byteLength),
    copyOut: (to, from) => void memcpy(to, from, to.byteLength),
  };
  return opened;
}
