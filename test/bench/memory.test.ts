import { describe, expect, it } from "vitest";
import { peakOf, peakResidentBytes, residentBytes } from "../../src/bench/memory.js";

describe("peak memory", () => {
  it("is read from Linux's status", () => {
    expect(peakOf("Name:\tnode\nVmPeak:\t  999 kB\nVmHWM:\t   12345 kB\nVmRSS:\t 7 kB\n")).toBe(12345 * 1024);
    expect(peakOf("Name:\tnode\n")).toBeNull();
  });

  it("comes from the system's own count where there is none", () => {
    const peak = peakResidentBytes(() => "");
    expect(peak).toBe(process.resourceUsage().maxRSS * 1024);
  });

  it("is at least what is held, and rises with what is touched", () => {
    const before = peakResidentBytes();
    const held = Buffer.alloc(64 << 20, 1);
    expect(residentBytes()).toBeGreaterThan(held.length);
    const peak = peakResidentBytes();
    expect(peak).toBeGreaterThanOrEqual(before);
    expect(peak).toBeGreaterThan(held.length);
  });
});
