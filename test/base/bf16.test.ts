/** bfloat16 against a search for the nearest among all its values. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBf16, toBf16 } from "../../src/base/bf16.js";

const all = new Float32Array(1 << 16);
fromBf16(
  Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits),
  all,
);

function round(value: number): number {
  const bits = new Uint16Array(1);
  toBf16(Float32Array.of(value), bits);
  return bits[0];
}

describe("bf16", () => {
  it("keeps every pattern that it has, infinities, the sign of zero and all NaNs included", () => {
    const bits = new Uint16Array(1 << 16);
    toBf16(all, bits);
    expect(bits.findIndex((found, expected) => found !== expected)).toBe(-1);
  });

  it("rounds to the nearest value, to the even one of two", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const found = round(value);
        // The neighbours of a positive value have the next bits; beyond the largest value stands infinity, as if it were 2^128.
        const magnitude = (bits: number): number => (Number.isFinite(all[bits]) ? Math.abs(all[bits]) : 2 ** 128);
        const distance = (bits: number): number => Math.abs(magnitude(bits) - Math.abs(value));
        for (const other of [found - 1, found + 1].filter((bits) => (bits & 0x7fff) <= 0x7f80 && bits >= 0)) {
          if ((other & 0x8000) !== (found & 0x8000)) continue;
          expect(distance(found)).toBeLessThanOrEqual(distance(other));
          if (distance(found) === distance(other)) expect(found & 1).toBe(0);
        }
        expect(Math.sign(all[found]) * Math.sign(value)).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });

  it("does not make a NaN infinite when only its lowest bits are set", () => {
    const value = new Float32Array(Uint32Array.of(0x7f800001).buffer);
    const bits = new Uint16Array(1);
    toBf16(value, bits);
    expect(all[bits[0]]).toBeNaN();
  });

  it("works on parts of buffers", () => {
    const values = Float32Array.of(1, 2, 3, 4);
    const bits = new Uint16Array(4);
    toBf16(values.subarray(1, 3), bits.subarray(2));
    const out = new Float32Array(4);
    fromBf16(bits.subarray(2), out.subarray(1, 3));
    expect([...out]).toEqual([0, 2, 3, 0]);
  });
});
