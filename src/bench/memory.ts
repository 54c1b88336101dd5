/** Memory that this process holds, as the operating system counts it. */
import { readFileSync } from "node:fs";

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

function processStatus(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}
