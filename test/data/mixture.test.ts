import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Rational, rational } from "../../src/base/rational.js";
import { MAX_PERIOD, Mixture } from "../../src/data/mixture.js";

function sharesOf(weights: readonly number[]): Rational[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => rational(weight, total));
}

const anyShares = fc
  .array(fc.oneof(fc.nat(60), fc.nat(2000)), { minLength: 1, maxLength: 9 })
  .filter((weights) => weights.some((weight) => weight > 0))
  .map(sharesOf);

/** |count − share × rows| × denominator, exactly. */
function deviation(share: Rational, rows: number, count: number): bigint {
  const difference = BigInt(count) * BigInt(share.denominator) - BigInt(share.numerator) * BigInt(rows);
  return difference < 0n ? -difference : difference;
}

describe("a mixture", () => {
  it("keeps every domain within Tijdeman's bound of its quota at every prefix", () => {
    fc.assert(
      fc.property(anyShares, (shares) => {
        const mixture = new Mixture(shares);
        const domains = shares.filter(({ numerator }) => numerator > 0).length;
        const grain = BigInt(Math.max(1, 2 * domains - 2));
        const counts = shares.map(() => 0);
        for (let rows = 0; rows <= Math.min(2 * mixture.period, 3000); rows++) {
          shares.forEach((share, i) => {
            // deviation ≤ 1 − 1/(2k−2), multiplied by the denominator and by 2k−2.
            const bound = BigInt(share.denominator) * (grain - 1n);
            if (deviation(share, rows, counts[i]) * grain > bound)
              expect.fail(`domain ${i} has ${counts[i]} of ${rows} rows`);
          });
          counts[mixture.domainAt(rows)]++;
        }
      }),
      { numRuns: 40 },
    );
  });

  it("is within one row of the quota at any huge prefix, and counts what it draws", () => {
    fc.assert(
      fc.property(anyShares, fc.integer({ min: 0, max: 1e12 }), (shares, rows) => {
        const mixture = new Mixture(shares);
        const before = shares.map((_, domain) => mixture.countBefore(domain, rows));
        expect(before.reduce((sum, count) => sum + count, 0)).toBe(rows);
        shares.forEach((share, i) => {
          expect(deviation(share, rows, before[i]) < BigInt(share.denominator)).toBe(true);
        });
        for (let row = rows; row < rows + 200; row++) before[mixture.domainAt(row)]++;
        expect(shares.map((_, domain) => mixture.countBefore(domain, rows + 200))).toEqual(before);
      }),
      { numRuns: 200 },
    );
  });

  it("alternates equal shares and never draws a share of 0", () => {
    const mixture = new Mixture(sharesOf([1, 0, 1, 1]));
    const drawn = Array.from({ length: 30 }, (_, row) => mixture.domainAt(row));
    for (let row = 0; row < 30; row += 3) expect(drawn.slice(row, row + 3).sort()).toEqual([0, 2, 3]);
    expect(mixture.countBefore(1, 1e12)).toBe(0);
  });

  it("draws one domain alone when it has everything", () => {
    const mixture = new Mixture(sharesOf([0, 5]));
    expect(mixture.period).toBe(1);
    expect([0, 1, 1e12].map((row) => mixture.domainAt(row))).toEqual([1, 1, 1]);
    expect(mixture.countBefore(1, 1e12)).toBe(1e12);
  });

  it("counts at the end of periods that fill whole blocks", () => {
    const mixture = new Mixture(sharesOf([1, 127]));
    for (const rows of [63, 64, 65, 127, 128, 129]) {
      const drawn = Array.from({ length: rows }, (_, row) => mixture.domainAt(row)).filter((d) => d === 1).length;
      expect(mixture.countBefore(1, rows)).toBe(drawn);
    }
  });

  it("is the same for ever: checkpoints depend on it", () => {
    const mixture = new Mixture(sharesOf([6, 3, 2]));
    expect(Array.from({ length: 11 }, (_, row) => mixture.domainAt(row)).join("")).toBe("01020100210");
  });

  it("takes shares with six decimals", () => {
    const mixture = new Mixture([rational(1, 1e6), rational(333_333, 1e6), rational(666_666, 1e6)]);
    expect(mixture.countBefore(0, 1e12)).toBe(1e6);
    expect(mixture.countBefore(1, 1e12)).toBe(333_333 * 1e6);
  });

  it("refuses shares with a period that is too long, with a hint", () => {
    const primes = [rational(1, 2053), rational(1, 2063), rational(4_231_222, 2053 * 2063)];
    for (const shares of [primes, [rational(1, 2 ** 40), rational(2 ** 40 - 1, 2 ** 40)]])
      expect(() => new Mixture(shares)).toThrow(
        expect.objectContaining({ name: "UserError", message: expect.stringContaining("hint:") }),
      );
    expect(new Mixture([rational(1, MAX_PERIOD), rational(MAX_PERIOD - 1, MAX_PERIOD)]).period).toBe(MAX_PERIOD);
  });

  it("refuses shares that are negative or do not sum to 1", () => {
    for (const shares of [[], [rational(1, 2)], [rational(2, 3), rational(2, 3)], [rational(3, 2), rational(-1, 2)]])
      expect(() => new Mixture(shares)).toThrow(RangeError);
  });
});
