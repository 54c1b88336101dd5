import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Segment } from "../../src/data/epoch.js";
import { WholeDocuments } from "../../src/data/whole-documents.js";
import { WholeEpoch } from "../../src/data/whole-epoch.js";

function epochOf(lengths: readonly number[], windowTokens: number, finished: readonly Segment[] = [], epoch = 0) {
  const documents = new WholeDocuments(Int32Array.from(lengths));
  return new WholeEpoch({ domain: "chat", seed: 3, epoch, documents, finished, windowTokens });
}

/** Documents by their first token: what a piece may be. */
function piecesOf(lengths: readonly number[]): Map<number, number> {
  const pieces = new Map<number, number>();
  lengths.reduce((start, length) => {
    if (length > 1) pieces.set(start, length - 1);
    return start + length;
  }, 0);
  return pieces;
}

const anyLengths = fc.array(fc.oneof(fc.nat(40), fc.nat(8)), { minLength: 1, maxLength: 200 });

describe("whole documents", () => {
  it("know where each begins and how much there is to predict in it", () => {
    fc.assert(
      fc.property(anyLengths, (lengths) => {
        const documents = new WholeDocuments(Int32Array.from(lengths));
        let start = 0;
        lengths.forEach((length, document) => {
          expect(documents.pieceOf(document)).toEqual({ start, length: Math.max(0, length - 1) });
          start += length;
        });
        expect([documents.count, documents.tokens]).toEqual([lengths.length, start]);
      }),
    );
  });

  it("are left out where they are longer than a row", () => {
    const documents = new WholeDocuments(Int32Array.of(11, 12, 0, 1, 30));
    expect(documents.leftOut(10)).toEqual({ documents: 2, tokens: 42 });
    expect(documents.leftOut(29)).toEqual({ documents: 0, tokens: 0 });
  });
});

describe("an epoch of whole documents", () => {
  it("has every document that fits in exactly one row, whole, whatever T was before", () => {
    const phases = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.nat(30)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(anyLengths, phases, fc.nat(5), (lengths, all, number) => {
        const pieces = piecesOf(lengths);
        const finished: Segment[] = [];
        const read = new Set<number>();
        let tokens = 0;
        all.forEach(([windowTokens, most], phase) => {
          const epoch = epochOf(lengths, windowTokens, finished, number);
          expect(epoch.finishedTokens).toBe(tokens);
          const last = phase === all.length - 1;
          const windows = last ? epoch.windows : Math.min(most, epoch.windows);
          const before = tokens;
          for (let index = 0; index < windows; index++) {
            const row = epoch.piecesAt(index);
            expect(row.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(windowTokens);
            for (const { start, length } of row) {
              expect(pieces.get(start)).toBe(length);
              expect(read.has(start)).toBe(false);
              read.add(start);
              tokens += length;
            }
            expect(epoch.tokensBefore(index + 1)).toBe(tokens - before);
          }
          if (windows > 0) finished.push({ windowTokens, windows });
          // At the end of an epoch nothing that fits its rows is unread.
          if (last) {
            expect(epoch.tokens).toBe(tokens);
            for (const [start, length] of pieces) expect(read.has(start) || length > windowTokens).toBe(true);
          }
        });
      }),
      { numRuns: 200 },
    );
  });

  it("visits its rows in another order every time", () => {
    const lengths = Array.from({ length: 300 }, (_, i) => 5 + (i % 13));
    const orderOf = (epoch: number) => {
      const rows = epochOf(lengths, 32, [], epoch);
      return Array.from({ length: rows.windows }, (_, index) => JSON.stringify(rows.piecesAt(index)));
    };
    expect(orderOf(0)).toEqual(orderOf(0));
    expect(orderOf(1)).not.toEqual(orderOf(0));
    expect(orderOf(1).sort()).toEqual(orderOf(0).sort());
  });

  it("refuses a ledger that claims more rows than there were, and has no row where none is left", () => {
    expect(() => epochOf([5, 5], 8, [{ windowTokens: 4, windows: 3 }])).toThrow(
      /does not fit domain "chat"[\s\S]*at most 2 windows of 4 tokens in epoch 0/,
    );
    const done = epochOf([5, 5], 8, [{ windowTokens: 4, windows: 2 }]);
    expect([done.windows, done.finishedTokens, done.tokens, done.tokensBefore(0)]).toEqual([0, 8, 8, 0]);
    expect(() => done.piecesAt(0)).toThrow("this epoch has no row left");
  });
});
