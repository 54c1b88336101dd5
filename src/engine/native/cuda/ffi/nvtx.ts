/**
 * NVTX as in `nvToolsExt.h`: prototypes with the C names, nothing else. NVTX 3 is a header; `libnvtx3interop` has its functions for other
 * languages than C, and so had `libnvToolsExt` before CUDA 13. Both do nothing unless a profiler watches the process.
 */
import { type Functions, openFunctions } from "./prototypes.js";

export const PROTOTYPES = {
  nvtxRangeStartA: "uint64_t nvtxRangeStartA(const char *message)",
  nvtxRangeEnd: "void nvtxRangeEnd(uint64_t id)",
} as const;

export const CONSTANTS = {} as const;

export type Nvtx = Functions<typeof PROTOTYPES>;

/** @throws Error when the library cannot be loaded or lacks a function. */
export function openNvtx(path: string): Nvtx {
  return openFunctions(path, PROTOTYPES);
}
