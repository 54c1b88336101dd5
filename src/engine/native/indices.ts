/** Indices are data, so they are checked when a program runs: a kernel would follow a wrong one out of its memory. */
import { allowedIndex, describeBuffer, type IndexRule, type Operation, type Place } from "./call.js";
import type { Buffer } from "./device.js";

/** A buffer of indices that a program reads, and what they may be. */
export interface IndexUse<Own extends Buffer> {
  readonly buffer: Own;
  readonly rule: IndexRule;
}

/** What a program's operations demand of their indices. Every layer asks the same of the same tokens; once is enough. */
export function indexUses<Own extends Buffer & { readonly place: Place }>(
  operations: readonly Operation[],
  own: (buffer: Buffer) => Own,
): IndexUse<Own>[] {
  const uses: IndexUse<Own>[] = [];
  const known = new Map<unknown, Set<string>>();
  for (const { buffer: named, rule } of operations.flatMap(({ indices }) => indices)) {
    const buffer = own(named);
    const { memory, start, size } = buffer.place;
    const keys = known.get(memory) ?? new Set();
    known.set(memory, keys);
    const key = JSON.stringify([start, size, rule]);
    if (keys.has(key)) continue;
    keys.add(key);
    uses.push({ buffer, rule });
  }
  return uses;
}

/** @throws Error that names the buffer and the first index that leaves its table. */
export function checkIndices(buffer: Buffer, values: Int32Array, rule: IndexRule): void {
  const stray = firstStray(values, rule);
  if (stray === null) return;
  const [least, limit] = allowedIndex(rule, stray, values);
  throw new Error(`${describeBuffer(buffer)}: element ${stray} is ${values[stray]}, expected ${least} to ${limit - 1}`);
}

function firstStray(values: Int32Array, rule: IndexRule): number | null {
  if ("limit" in rule) return beyond(values, rule.limit);
  if ("causal" in rule) return ahead(values, rule.causal.T);
  for (let n = 0; n < values.length; n++) {
    const [least, limit] = allowedIndex(rule, n, values);
    if (values[n] < least || values[n] >= limit) return n;
  }
  return null;
}

function beyond(values: Int32Array, limit: number): number | null {
  for (let n = 0; n < values.length; n++) if (values[n] < 0 || values[n] >= limit) return n;
  return null;
}

function ahead(values: Int32Array, T: number): number | null {
  for (let n = 0; n < values.length; n++) if (values[n] < 0 || values[n] > n % T) return n;
  return null;
}
