/** The emulator as tests hold it: its path for the engine's openers, its report, its settings and its faults. */
import koffi from "koffi";
import { buildEmulator } from "./build.js";

interface MemoryReport {
  /** Allocations that were not freed. */
  readonly live: number;
  readonly bytes: number;
  readonly peakBytes: number;
  readonly allocations: number;
}

export interface EmulatorReport {
  readonly device: MemoryReport;
  readonly pinned: MemoryReport;
  /** Kernels that ran, also those in graphs. */
  readonly launches: number;
  readonly graphLaunches: number;
  readonly matmuls: number;
  readonly copies: number;
  readonly fills: number;
  readonly compilations: number;
  readonly cachedCompilations: number;
  /** The status that every call gives since a kernel failed, or 0. */
  readonly sticky: number;
  /** What a real card would have done silently, or not at all; empty in a sound program. */
  readonly errors: readonly string[];
  /** With the setting `log`: a line for each piece of work that ran. */
  readonly log: readonly string[];
  /** Calls by name of the function. */
  readonly calls: Readonly<Record<string, number>>;
}

export type EmulatorSetting =
  | "memoryBytes"
  /** 90 means 9.0. */
  | "computeCapability"
  | "multiprocessors"
  | "sharedBytesPerBlock"
  | "l2Bytes"
  | "driverVersion"
  | "nvrtcVersion"
  /** In which order threads and blocks begin: 0 forwards, 1 backwards, more: shuffled by that number. */
  | "order"
  /** 1: work waits in its stream until somebody waits for it; 0: it runs at once. */
  | "deferred"
  | "log";

export interface Emulator {
  /** For `openDriver`, `openNvrtc` and `openCublasLt`. */
  readonly path: string;
  report(): EmulatorReport;
  /** As if the process had just begun: nothing allocated, settings as they come, no errors. Handles of before are void. */
  reset(): void;
  set(name: EmulatorSetting, value: number): void;
  /** Lets the `nth` call from now (1: the next) of a function of the vendor's return a status. */
  fail(name: string, nth: number, status: number): void;
}

export async function openEmulator(): Promise<Emulator> {
  const path = await buildEmulator();
  const library = koffi.load(path);
  const report = library.func("const char *emulator_report()");
  const reset = library.func("void emulator_reset()");
  const set = library.func("int emulator_set(const char *name, int64_t value)");
  const fail = library.func("void emulator_fail(const char *name, int64_t nth, int status)");
  return {
    path,
    report: () => JSON.parse(report()) as EmulatorReport,
    reset: () => void reset(),
    set: (name, value) => {
      if (set(name, value) !== 0) throw new Error(`the emulator has no setting ${name}`);
    },
    fail: (name, nth, status) => void fail(name, nth, status),
  };
}
