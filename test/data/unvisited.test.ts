import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Unvisited } from "../../src/data/unvisited.js";

describe("the unvisited windows", () => {
  it("are found by rank, whatever was visited", () => {
    const visits = fc
      .integer({ min: 1, max: 2100 })
      .chain((size) => fc.tuple(fc.constant(size), fc.uniqueArray(fc.nat(size - 1), { maxLength: size })));
    fc.assert(
      fc.property(visits, ([size, visited]) => {
        const gone = new Set(visited);
        const left = Array.from({ length: size }, (_, window) => window).filter((window) => !gone.has(window));
        const unvisited = new Unvisited(size, visited);
        expect(unvisited.count).toBe(left.length);
        expect(left.map((_, rank) => unvisited.select(rank))).toEqual(left);
      }),
      { numRuns: 100 },
    );
  });

  it("may be none, or all, of a size that fills its words or not", () => {
    for (const size of [0, 1, 31, 32, 33, 511, 512, 513, 5000]) {
      const all = Array.from({ length: size }, (_, window) => window);
      expect(new Unvisited(size, all).count).toBe(0);
      const none = new Unvisited(size, []);
      expect(none.count).toBe(size);
      expect(all.map((rank) => none.select(rank))).toEqual(all);
    }
  });

  it("are found after long visited runs", () => {
    const size = 40_000;
    const visited = Array.from({ length: size }, (_, window) => window).filter((window) => window % 9_999 !== 17);
    const unvisited = new Unvisited(size, visited);
    expect([0, 1, 2, 3].map((rank) => unvisited.select(rank))).toEqual([17, 10_016, 20_015, 30_014]);
  });
});
