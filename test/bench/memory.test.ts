import { describe, expect, it } from "vitest";
import { attainableBytes, peakOf, peakResidentBytes, residentBytes } from "../../src/bench/memory.js";

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

describe("attainable memory", () => {
  it("is what is free and what is held, within the container's limit, less what a prediction may be wrong by", () => {
    expect(attainableBytes(900, 100, 2000)).toBe(950);
    expect(attainableBytes(900, 100, 500)).toBe(475);
    // Without a limit Node gives 0, or a number larger than any memory.
    expect(attainableBytes(900, 100, 0)).toBe(950);
    expect(attainableBytes(900, 100, 2 ** 64)).toBe(950);
    expect(attainableBytes()).toBeGreaterThan(64 << 20);
  });
});
