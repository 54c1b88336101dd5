/** All 65536 patterns of both 16-bit formats against the formula of IEEE 754. */
import { describe, expect, it } from "vitest";
import { fromBf16 } from "../../src/base/bf16.js";
import { fromF16 } from "../../src/checkpoint/half.js";

/** Value of a float pattern: (−1)^s · 2^(e−bias) · 1.m, or 0.m with the smallest exponent. */
function ieeeValue(bits: number, exponentBits: number, mantissaBits: number): number {
  const sign = bits >> (exponentBits + mantissaBits) === 1 ? -1 : 1;
  const exponent = (bits >> mantissaBits) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * 2 ** (1 - bias) * fraction : sign * 2 ** (exponent - bias) * (1 + fraction);
}

const ALL = Uint16Array.from({ length: 65536 }, (_, i) => i);

describe("widening", () => {
  for (const [dtype, widen, exponentBits, mantissaBits] of [
    ["F16", fromF16, 5, 10],
    ["BF16", fromBf16, 8, 7],
  ] as const)
    it(`gives every ${dtype} its value, with the sign of zero and the payload of NaN`, () => {
      const out = new Float32Array(ALL.length);
      widen(ALL, out);
      const bits = new Uint32Array(out.buffer);
      const wrong = [...ALL].filter((half) => !Object.is(out[half], ieeeValue(half, exponentBits, mantissaBits)));
      expect(wrong).toEqual([]);
      const kept = [...ALL].filter(
        (half) =>
          Number.isNaN(out[half]) && (bits[half] & 0x7fffff) >>> (23 - mantissaBits) !== half % 2 ** mantissaBits,
      );
      expect(kept).toEqual([]);
    });

  it("writes into a part of an array", () => {
    const out = new Float32Array(4);
    fromF16(Uint16Array.of(0x3c00), out.subarray(2, 3));
    expect([...out]).toEqual([0, 0, 1, 0]);
  });
});
