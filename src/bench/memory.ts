/** Memory that this process holds and may hold, as the operating system counts it. */
import { readFileSync } from "node:fs";
import { freemem } from "node:os";
import { constrainedMemory } from "node:process";

/**
 * Peak resident bytes since the process began. Linux's `VmHWM` is read where there is one: `maxRSS` survives `exec`, so a process started by a
 * large parent would report its parent's peak.
 */
export function peakResidentBytes(status: () => string = processStatus): number {
  return peakOf(status()) ?? process.resourceUsage().maxRSS * 1024;
}

/** `VmHWM` of a `/proc/<pid>/status` in bytes; null when it has none. */
export function peakOf(status: string): number | null {
  const found = /^VmHWM:\s+(\d+) kB$/m.exec(status);
  return found === null ? null : Number(found[1]) * 1024;
}

export function residentBytes(): number {
  return process.memoryUsage.rss();
}

/** What a prediction may be wrong by, either way: what is predicted to fill the machine to the last page would not fit. */
const HEADROOM = 0.05;

/** Bytes that this process may hold in all without taking from others; a container's limit counts. */
export function attainableBytes(
  free: number = freemem(),
  held: number = residentBytes(),
  container: number = constrainedMemory(),
): number {
  const all = free + held;
  return Math.floor((1 - HEADROOM) * (container > 0 ? Math.min(all, container) : all));
}

function processStatus(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}
