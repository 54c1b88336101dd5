/**
 * Named stretches of time for a profiler, where the user names the library that takes them (`HEPHAESTUS_NVTX`). They may overlap: a save
 * goes on beside the passes of the next step.
 */
import { messageOf } from "../../../../base/errors.js";
import { findLibrary, type SearchPlaces } from "../ffi/libraries.js";
import { openNvtx } from "../ffi/nvtx.js";

/** Begins a stretch, which ends when the result is disposed. */
export type Ranges = (name: string) => Disposable;

/** Null where nobody asked for ranges, or, said in a line, where the library that was named is none: nothing depends on it. */
export function openRanges(places: SearchPlaces, report: (line: string) => void): Ranges | null {
  if (places.explicit.nvtx === undefined) return null;
  try {
    const nvtx = openNvtx(findLibrary("nvtx", { places }).path);
    return (name) => {
      const id = nvtx.nvtxRangeStartA(name);
      return { [Symbol.dispose]: () => nvtx.nvtxRangeEnd(id) };
    };
  } catch (error) {
    report(`no ranges for the profiler: ${messageOf(error)}`);
    return null;
  }
}
