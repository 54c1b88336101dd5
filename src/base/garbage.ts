/**
 * Collects garbage at once. Copies of a whole model lie outside V8's heap, where up to 64 MiB of them (and gigabytes, where nothing else is
 * allocated) may wait for a collection that an idle heap sees no reason for; a run that makes its next copies before that holds both.
 *
 * V8 gives its collector only to programs that were started with a flag, or that set it and look from a context made afterwards.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | null = null;

/** Takes some 20 ms: for what happens a few times in a run. Does nothing where V8 has no such function. */
export function collectGarbage(): void {
  collect ??= collector();
  collect();
}

function collector(): () => void {
  setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("typeof gc === 'function' ? gc : null");
  return typeof gc === "function" ? () => void gc() : () => {};
}
