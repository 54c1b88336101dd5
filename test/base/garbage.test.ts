import { describe, expect, it } from "vitest";
import { collectGarbage } from "../../src/base/garbage.js";

describe("collectGarbage", () => {
  it("gives back at once what nobody refers to, and nothing else", () => {
    const bytes = 96 << 20;
    const kept = new Float32Array(bytes / 4).fill(1);
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    const touch = () => new Float32Array(bytes / 4).fill(1).at(-1);
    expect(touch()).toBe(1);
    expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThanOrEqual(bytes);
    collectGarbage();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(bytes / 8);
    expect(kept.at(-1)).toBe(1);
  });
});
