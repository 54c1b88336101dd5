import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addRational, gcd, parseRational, rational, toNumber } from "../../src/base/rational.js";

describe("rational", () => {
  it("is in lowest terms with the sign above", () => {
    expect(rational(6, 8)).toEqual({ numerator: 3, denominator: 4 });
    expect(rational(-6, 8)).toEqual({ numerator: -3, denominator: 4 });
    expect(rational(0, 5)).toEqual({ numerator: 0, denominator: 1 });
  });

  it.each([
    [1, 0],
    [1, -2],
    [0.5, 1],
    [2 ** 53, 1],
    [Number.NaN, 1],
  ])("refuses %d/%d", (numerator, denominator) => {
    expect(() => rational(numerator, denominator)).toThrow(RangeError);
  });

  it("has a denominator that shares no divisor with its numerator", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1 }), (a, b) => {
        const { numerator, denominator } = rational(a, b);
        expect(gcd(Math.abs(numerator), denominator)).toBe(1);
        expect(BigInt(numerator) * BigInt(b)).toBe(BigInt(a) * BigInt(denominator));
      }),
    );
  });
});

describe("parseRational", () => {
  it.each([
    ["1", 1, 1],
    ["0.36", 9, 25],
    [".5", 1, 2],
    ["2.", 2, 1],
    ["1e-3", 1, 1000],
    ["1.5E2", 150, 1],
    ["36%", 9, 25],
    ["12.5 %", 1, 8],
    ["1/3", 1, 3],
    [" 2 / 6 ", 1, 3],
    ["-0.25", -1, 4],
    ["-0", 0, 1],
  ])("reads %j exactly", (text, numerator, denominator) => {
    expect(parseRational(text)).toEqual({ numerator, denominator });
  });

  it.each(["", ".", "%", "-", "abc", "1/0", "1/2/3", "0x10", "1e99", "1 2", "1,5", "Infinity", "12345678901234567890"])(
    "refuses %j",
    (text) => {
      expect(parseRational(text)).toBeNull();
    },
  );

  it("is the number that JavaScript reads, for any decimal", () => {
    fc.assert(
      fc.property(fc.nat({ max: 99999 }), fc.integer({ min: 0, max: 8 }), (digits, places) => {
        const text = `${digits}e-${places}`;
        const parsed = parseRational(text);
        expect(parsed === null ? null : toNumber(parsed)).toBe(Number(text));
      }),
    );
  });
});

describe("addRational", () => {
  it("adds a tenth ten times to exactly one", () => {
    const tenth = rational(1, 10);
    expect(Array.from({ length: 10 }, () => tenth).reduce(addRational, rational(0, 1))).toEqual({
      numerator: 1,
      denominator: 1,
    });
  });

  it("does not round products that cancel", () => {
    const sum = addRational(rational(-115121040, 176615197), rational(67709613, 25636970));
    const top = -115121040n * 25636970n + 67709613n * 176615197n;
    expect(BigInt(sum.numerator) * 176615197n * 25636970n).toBe(top * BigInt(sum.denominator));
  });

  it("is exact, and refuses only a sum that does not fit in lowest terms", () => {
    const gcdOf = (a: bigint, b: bigint): bigint => (b === 0n ? (a < 0n ? -a : a) : gcdOf(b, a % b));
    const part = fc.tuple(fc.integer(), fc.integer({ min: 1 })).map(([a, b]) => rational(a, b));
    fc.assert(
      fc.property(part, part, (a, b) => {
        const top = BigInt(a.numerator) * BigInt(b.denominator) + BigInt(b.numerator) * BigInt(a.denominator);
        const bottom = BigInt(a.denominator) * BigInt(b.denominator);
        const divisor = gcdOf(top, bottom);
        const expected = { numerator: Number(top / divisor), denominator: Number(bottom / divisor) };
        if (Number.isSafeInteger(expected.numerator) && Number.isSafeInteger(expected.denominator))
          expect(addRational(a, b)).toEqual(expected);
        else expect(() => addRational(a, b)).toThrow(RangeError);
      }),
      { numRuns: 2000 },
    );
  });
});
