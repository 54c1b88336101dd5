import { describe, expect, it } from "vitest";
import { BandTable, removeNear } from "../../../src/corpus/dedup/near.js";

const table = (sets: readonly number[][], byRank = sets.map((_, number) => number)) => ({
  byRank: Uint32Array.from(byRank),
  shinglesOf: (number: number) => Uint32Array.from(sets[number]),
});
const nothing = (count: number) => ({ representatives: new Uint32Array(count), similarities: new Float32Array(count) });
const groupsOf =
  (...groups: number[][]) =>
  () =>
    groups.map((group) => Uint32Array.from(group));

describe("the table of bands", () => {
  it("gives who stayed in the bands of a document, the last one first", () => {
    const bands = new BandTable(groupsOf([0, 1, 3], [1, 2, 3]), new Uint32Array(4));
    const candidates = (number: number) => [...bands.candidates(number)];
    expect(candidates(3)).toEqual([]);
    bands.stays(1);
    bands.stays(0);
    bands.stays(2);
    expect([candidates(0), candidates(2), candidates(3)]).toEqual([
      [0, 1],
      [2, 1],
      [0, 1, 2, 1],
    ]);
  });

  it("leaves out what is gone", () => {
    const bands = new BandTable(groupsOf([0, 1, 2]), Uint32Array.of(0, 1, 0));
    bands.stays(0);
    bands.stays(1);
    expect([...bands.candidates(2)]).toEqual([0]);
  });
});

describe("near duplicates", () => {
  const chain = [
    [1, 2, 3, 4],
    [2, 3, 4, 5],
    [3, 4, 5, 6],
  ];

  it("go in the order of preference, and only for what stays", () => {
    const removals = nothing(3);
    const bands = () => new BandTable(groupsOf([0, 1, 2]), new Uint32Array(3));
    expect(removeNear(table(chain), bands(), 0.6, removals)).toEqual({ comparisons: 2, cut: 0 });
    // The third is like the second, which is gone.
    expect([...removals.representatives]).toEqual([0, 1, 0]);
    expect(removals.similarities[1]).toBeCloseTo(0.6);
    const other = nothing(3);
    removeNear(table(chain, [1, 0, 2]), bands(), 0.6, other);
    expect([...other.representatives]).toEqual([2, 0, 2]);
  });

  it("are compared with a bounded number of candidates, which is told", () => {
    const count = 1502;
    const sets = Array.from({ length: count }, (_, number) => [number]);
    sets[count - 1] = [0];
    const removals = nothing(count);
    const bands = new BandTable(groupsOf(sets.map((_, number) => number)), new Uint32Array(count));
    const counts = removeNear(table(sets), bands, 0.8, removals);
    // Documents 1001 to 1501 had more than 1000 candidates; the last would have been like the first.
    expect(counts).toEqual({ comparisons: (1000 * 1001) / 2 + 501 * 1000, cut: 501 });
    expect(removals.representatives.every((value) => value === 0)).toBe(true);
  });
});
