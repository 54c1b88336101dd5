import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_SIZE, Permutation } from "../../src/data/permutation.js";

function orderOf(size: number, seed: number, index = 0): number[] {
  const permutation = new Permutation(size, { seed, stream: "test", index });
  return Array.from({ length: size }, (_, position) => permutation.at(position));
}

/** Whether every number below `size` comes exactly once. */
function isBijective(order: readonly number[]): boolean {
  const seen = new Uint8Array(order.length);
  for (const value of order) seen[value]++;
  return seen.every((count) => count === 1);
}

function chiSquare(counts: Iterable<number>, expected: number): number {
  let sum = 0;
  for (const count of counts) sum += (count - expected) ** 2 / expected;
  return sum;
}

/**
 * Chi-square with `freedom` degrees is above this with probability below e^-x, x = 14, about one in a million
 * (Laurent and Massart, "Adaptive estimation of a quadratic functional", 2000, lemma 1).
 */
function chiSquareBound(freedom: number): number {
  const x = 14;
  return freedom + 2 * Math.sqrt(freedom * x) + 2 * x;
}

describe("a permutation", () => {
  it("has every number once, for every size to 300", () => {
    for (let size = 1; size <= 300; size++) expect(isBijective(orderOf(size, size)), `size ${size}`).toBe(true);
  });

  it("has every number once, for any size and key", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.maxSafeNat(), fc.nat(1000), (size, seed, index) =>
        isBijective(orderOf(size, seed, index)),
      ),
      { numRuns: 60 },
    );
  });

  it("stays below its size and never collides up to 2^48", () => {
    const size = fc.oneof(
      fc.integer({ min: 1, max: MAX_SIZE }),
      fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32 + 1, MAX_SIZE - 1, MAX_SIZE),
    );
    fc.assert(
      fc.property(size, fc.maxSafeNat(), (n, seed) => {
        const permutation = new Permutation(n, { seed, stream: "test", index: 1 });
        const positions = Array.from({ length: Math.min(n, 500) }, (_, i) => (i % 2 === 0 ? i / 2 : n - (i + 1) / 2));
        const values = positions.map((position) => permutation.at(position));
        expect(values.every((value) => Number.isSafeInteger(value) && value >= 0 && value < n)).toBe(true);
        expect(new Set(values).size).toBe(new Set(positions).size);
      }),
      { numRuns: 60 },
    );
  });

  it("is the same for ever: checkpoints depend on it", () => {
    // Computed from the description alone by a second program, in whole numbers of any size (Python).
    expect(orderOf(12, 1)).toEqual([1, 8, 7, 2, 10, 4, 0, 11, 9, 6, 5, 3]);
    const huge = new Permutation(MAX_SIZE - 12_345, { seed: 2 ** 40, stream: "order/0/text", index: 3 });
    expect([0, 1, 2 ** 47].map((position) => huge.at(position))).toEqual([
      205_845_579_212_310, 22_597_014_999_429, 132_985_534_896_069,
    ]);
  });

  it("differs by seed, stream and index", () => {
    const key = { seed: 1, stream: "a", index: 0 };
    const keys = [key, { ...key, seed: 2 }, { ...key, stream: "b" }, { ...key, index: 1 }];
    const orders = keys.map((k) => Array.from({ length: 50 }, (_, i) => new Permutation(50, k).at(i)).join());
    expect(new Set(orders).size).toBe(4);
  });

  it.each([2, 3, 4, 5, 6])("gives all orders of %i numbers equally often", (size) => {
    const orders = Array.from({ length: size }, (_, i) => i + 1).reduce((product, i) => product * i, 1);
    const expected = 40;
    const counts = new Map<string, number>();
    for (let seed = 0; seed < orders * expected; seed++) {
      const order = orderOf(size, seed).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(orders);
    expect(chiSquare(counts.values(), expected)).toBeLessThan(chiSquareBound(orders - 1));
  });

  it.each([7, 37, 1000, 24_414_062])("puts the first and the last of %i numbers anywhere", (size) => {
    const bins = Math.min(size, 37);
    const seeds = 4000;
    for (const position of [0, size - 1]) {
      const counts = new Float64Array(bins);
      for (let seed = 0; seed < seeds; seed++) {
        const value = new Permutation(size, { seed, stream: "test", index: 0 }).at(position);
        counts[Math.floor((value / size) * bins)]++;
      }
      // The bins of 1000 are of 27 or 28 numbers: that shifts the statistic by seeds × (1/54)² × ½ < 1.
      expect(chiSquare(counts, seeds / bins)).toBeLessThan(chiSquareBound(bins - 1));
    }
  });

  it("has no trend from one position to the next", () => {
    const size = 10_000_019;
    const permutation = new Permutation(size, { seed: 5, stream: "test", index: 0 });
    const bins = 64;
    const draws = 64_000;
    const counts = new Float64Array(bins);
    for (let i = 0; i < draws; i++) {
      const step = (permutation.at(i + 1) - permutation.at(i) + size) % size;
      counts[Math.floor((step / size) * bins)]++;
    }
    expect(chiSquare(counts, draws / bins)).toBeLessThan(chiSquareBound(bins - 1));
  });

  it("refuses sizes and positions that do not exist", () => {
    for (const size of [0, -1, 1.5, Number.NaN, MAX_SIZE + 1])
      expect(() => new Permutation(size, { seed: 0, stream: "test", index: 0 })).toThrow(RangeError);
    const permutation = new Permutation(10, { seed: 0, stream: "test", index: 0 });
    for (const position of [-1, 10, Number.NaN]) expect(() => permutation.at(position)).toThrow(RangeError);
  });
});
