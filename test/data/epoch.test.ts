import { describe, expect, it } from "vitest";
import { Epoch, type Segment } from "../../src/data/epoch.js";

function epochOf(positions: number, windowTokens: number, finished: readonly Segment[] = []): Epoch {
  return new Epoch({ domain: "text", seed: 3, epoch: 1, positions, finished, windowTokens });
}

function allPieces(epoch: Epoch): (readonly [start: number, length: number])[] {
  return Array.from({ length: epoch.windows }, (_, index) => epoch.piecesAt(index))
    .flat()
    .map(({ start, length }) => [start, length] as const)
    .sort(([a], [b]) => a - b);
}

describe("an epoch", () => {
  it("cuts the unvisited windows and the remainder, in stream order, at a new length", () => {
    const used = 3;
    const first = epochOf(23, 4);
    expect(first.windows).toBe(5);
    const gone = new Set(Array.from({ length: used }, (_, index) => first.piecesAt(index)[0].start));
    // By hand: the positions that are left, joined, cut in windows of 5.
    const left = Array.from({ length: 23 }, (_, p) => p).filter((p) => p >= 20 || !gone.has(p - (p % 4)));
    expect(left).toHaveLength(11);
    const second = epochOf(23, 5, [{ windowTokens: 4, windows: used }]);
    expect(second.windows).toBe(2);
    const positions = [0, 1].map((index) =>
      second.piecesAt(index).flatMap(({ start, length }) => Array.from({ length }, (_, i) => start + i)),
    );
    expect(positions.sort(([a], [b]) => a - b)).toEqual([left.slice(0, 5), left.slice(5, 10)]);
  });

  it("joins pieces that touch, so that an epoch that was not begun is whole again", () => {
    const untouched = epochOf(40, 8, [{ windowTokens: 3, windows: 0 }]);
    expect(allPieces(untouched)).toEqual([0, 8, 16, 24, 32].map((start) => [start, 8]));
  });

  it("shuffles each level by its own key", () => {
    const order = (epoch: Epoch) => Array.from({ length: 40 }, (_, index) => epoch.piecesAt(index)[0].start).join();
    expect(order(epochOf(40, 1))).not.toBe(order(epochOf(40, 1, [{ windowTokens: 3, windows: 0 }])));
  });

  it("may have nothing left", () => {
    const over = epochOf(10, 8, [{ windowTokens: 5, windows: 1 }]);
    expect(over.windows).toBe(0);
    expect(() => over.piecesAt(0)).toThrow(RangeError);
  });
});
