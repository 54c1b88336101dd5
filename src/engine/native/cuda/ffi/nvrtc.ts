/**
 * The run-time compiler as in `nvrtc.h`: prototypes and constants with the C names, nothing else.
 *
 * `nvrtcCompileProgram` is called on a thread of Node's pool: it takes seconds. There koffi gives it a stack of its own, by default of
 * 128 KiB, in which a C++ compiler dies at the first deeper expression. koffi takes another size only before it loads the first library,
 * so it is told when this file is imported.
 */
import koffi from "koffi";
import { type Functions, openFunctions } from "./prototypes.js";

export const PROTOTYPES = {
  nvrtcVersion: "int nvrtcVersion(void *major, void *minor)",
  nvrtcGetErrorString: "const char *nvrtcGetErrorString(int result)",
  nvrtcGetNumSupportedArchs: "int nvrtcGetNumSupportedArchs(void *numArchs)",
  nvrtcGetSupportedArchs: "int nvrtcGetSupportedArchs(void *supportedArchs)",
  nvrtcCreateProgram:
    "int nvrtcCreateProgram(void *prog, const char *src, const char *name, int numHeaders, const char **headers, const char **includeNames)",
  nvrtcDestroyProgram: "int nvrtcDestroyProgram(void *prog)",
  nvrtcCompileProgram: "int nvrtcCompileProgram(void *prog, int numOptions, const char **options)",
  nvrtcGetCUBINSize: "int nvrtcGetCUBINSize(void *prog, void *cubinSizeRet)",
  nvrtcGetCUBIN: "int nvrtcGetCUBIN(void *prog, void *cubin)",
  nvrtcGetProgramLogSize: "int nvrtcGetProgramLogSize(void *prog, void *logSizeRet)",
  nvrtcGetProgramLog: "int nvrtcGetProgramLog(void *prog, void *log)",
} as const;

/** As much as koffi grants; it is only reserved, and used as far as a compilation gets. */
const STACK_BYTES = 16 << 20;

function stackBytes(): number {
  return koffi.config().async_stack_size ?? 0;
}

try {
  if (stackBytes() < STACK_BYTES) koffi.config({ async_stack_size: STACK_BYTES });
} catch {
  // A library was loaded before; openNvrtc says so.
}

/** What koffi adds to each function. */
interface Asynchronous {
  async(...values: unknown[]): void;
}

/** Enumerators. */
export const CONSTANTS = { NVRTC_SUCCESS: 0, NVRTC_ERROR_COMPILATION: 6 } as const;

export interface Nvrtc extends Omit<Functions<typeof PROTOTYPES>, "nvrtcCompileProgram"> {
  nvrtcCompileProgram(prog: bigint, numOptions: number, options: readonly string[]): Promise<number>;
}

/** @throws Error when the library cannot be loaded or lacks a function, or this file was imported after koffi had loaded another one. */
export function openNvrtc(path: string): Nvrtc {
  if (stackBytes() < STACK_BYTES)
    throw new Error("ffi/nvrtc.ts must be imported before the first native library is loaded");
  const functions = openFunctions(path, PROTOTYPES);
  const compile = functions.nvrtcCompileProgram as unknown as Asynchronous;
  return {
    ...functions,
    nvrtcCompileProgram: (program, count, options) =>
      new Promise((resolve, reject) => {
        compile.async(program, count, options, (error: unknown, status: number) =>
          error === null || error === undefined ? resolve(status) : reject(error),
        );
      }),
  };
}
