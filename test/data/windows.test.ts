import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { type DomainCursor, DomainWindows } from "../../src/data/windows.js";
import { Visits } from "./visits.js";

const domain = { name: "text", seed: 7, whole: null };

function windowsOf(tokens: number, windowTokens: number, start: DomainCursor | null = null): DomainWindows {
  return new DomainWindows({ ...domain, tokens, windowTokens, start });
}

/** A domain, and how many windows of which length are read of it, one length after the other. */
const readings = fc.record({
  tokens: fc.integer({ min: 26, max: 400 }),
  phases: fc.array(fc.record({ windowTokens: fc.integer({ min: 1, max: 25 }), count: fc.nat(40) }), { maxLength: 8 }),
});

describe("the windows of a domain", () => {
  it("are visited once an epoch, each, when the length never changes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.nat(500), (windowTokens, extra) => {
        const tokens = windowTokens + 1 + extra;
        const windows = windowsOf(tokens, windowTokens);
        const { windowsPerEpoch, tailTokens } = windows;
        expect(windowsPerEpoch * windowTokens + tailTokens).toBe(tokens - 1);
        expect(tailTokens).toBeLessThan(windowTokens);
        for (const epoch of [0, 1, 5]) {
          const starts = Array.from({ length: windowsPerEpoch }, (_, k) => {
            const window = windows.windowAt(epoch * windowsPerEpoch + k);
            expect(window).toEqual({ epoch, pieces: [{ start: expect.any(Number), length: windowTokens }] });
            return window.pieces[0].start;
          });
          const all = Array.from({ length: windowsPerEpoch }, (_, w) => w * windowTokens);
          expect(starts.sort((a, b) => a - b)).toEqual(all);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("come in another order every epoch, in every domain and under every seed", () => {
    const order = (options: { name: string; seed: number }, epoch: number) => {
      const windows = new DomainWindows({ ...options, tokens: 401, windowTokens: 10, start: null, whole: null });
      return Array.from({ length: 40 }, (_, k) => windows.windowAt(epoch * 40 + k).pieces[0].start).join();
    };
    const orders = [order(domain, 0), order(domain, 1), order({ ...domain, name: "code" }, 0)];
    expect(new Set([...orders, order({ ...domain, seed: 8 }, 0)]).size).toBe(4);
  });

  it("repeat and lose nothing whenever the length changes", () => {
    fc.assert(
      fc.property(readings, ({ tokens, phases }) => {
        const visits = new Visits(tokens);
        let cursor: DomainCursor = { epoch: 0, documents: "cut", segments: [] };
        let epoch = 0;
        for (const { windowTokens, count } of phases) {
          const windows = windowsOf(tokens, windowTokens, cursor);
          for (let k = 0; k < count; k++) {
            const window = windows.windowAt(k);
            // An epoch is left only when what remains of it fills no window.
            for (; epoch < window.epoch; epoch++) expect(visits.left(epoch)).toBeLessThan(windowTokens);
            expect(window.epoch).toBe(epoch);
            expect(window.pieces.reduce((sum, { length }) => sum + length, 0)).toBe(windowTokens);
            for (const [i, piece] of window.pieces.slice(1).entries())
              expect(piece.start).toBeGreaterThan(window.pieces[i].start + window.pieces[i].length);
            visits.add(window.epoch, window.pieces);
          }
          cursor = windows.cursorAfter(count);
          const used = cursor.segments.reduce((sum, segment) => sum + segment.windowTokens * segment.windows, 0);
          expect(cursor.epoch).toBe(epoch);
          expect(used).toBe(visits.visited(epoch));
          expect(windows.epochsAfter(count)).toBe(epoch + used / (tokens - 1));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("go on from any cursor as if they had never stopped", () => {
    fc.assert(
      fc.property(readings, fc.nat(30), ({ tokens, phases }, more) => {
        let cursor: DomainCursor | null = null;
        for (const { windowTokens, count } of phases) {
          const straight = windowsOf(tokens, windowTokens, cursor);
          const stopped: DomainCursor = straight.cursorAfter(count);
          const resumed = windowsOf(tokens, windowTokens, stopped);
          for (let k = 0; k < more; k++) expect(resumed.windowAt(k)).toEqual(straight.windowAt(count + k));
          if (more > 0) expect(resumed.cursorAfter(more)).toEqual(straight.cursorAfter(count + more));
          cursor = stopped;
        }
      }),
      { numRuns: 100 },
    );
  });

  it("let a shorter length use the tail of an epoch that was read to its end", () => {
    const long = windowsOf(108, 50);
    expect(long.tailTokens).toBe(7);
    const end = long.cursorAfter(2);
    expect(end).toEqual({ epoch: 0, documents: "cut", segments: [{ windowTokens: 50, windows: 2 }] });
    const short = windowsOf(108, 5, end);
    expect(short.windowAt(0)).toEqual({ epoch: 0, pieces: [{ start: 100, length: 5 }] });
    expect(short.windowAt(1).epoch).toBe(1);
    expect(long.windowAt(2).epoch).toBe(1);
  });

  it("are a function of their number, in any order of asking and far away", () => {
    const start = windowsOf(1000, 10).cursorAfter(30);
    const windows = windowsOf(1000, 7, start);
    const asked = [1e12, 3, 250, 0, 1e12 + 1, 3, 99, 1e12];
    const answers = asked.map((k) => windows.windowAt(k));
    expect(answers).toEqual(asked.map((k) => windowsOf(1000, 7, start).windowAt(k)));
    // 699 positions were left of epoch 0, so 99 windows; each later epoch has 142.
    expect(answers[0].epoch).toBe(1 + Math.floor((1e12 - 99) / 142));
    expect(windows.cursorAfter(1e12).epoch).toBe(1 + Math.floor((1e12 - 99 - 1) / 142));
  });

  it("leave a cursor as it was when nothing is read", () => {
    const start = windowsOf(1000, 10).cursorAfter(30);
    expect(windowsOf(1000, 99, start).cursorAfter(0)).toEqual(start);
    expect(windowsOf(1000, 99).cursorAfter(0)).toEqual({ epoch: 0, documents: "cut", segments: [] });
  });

  it("need a domain of at least one window", () => {
    expect(windowsOf(11, 10).windowsPerEpoch).toBe(1);
    expect(() => windowsOf(10, 10)).toThrow(
      /domain "text" is shorter than one window\n {2}expected: at least 11 tokens/,
    );
  });

  it("refuse a cursor that claims more than the domain has", () => {
    const claims: DomainCursor["segments"][] = [
      [{ windowTokens: 10, windows: 11 }],
      [{ windowTokens: 20, windows: 6 }],
      [
        { windowTokens: 20, windows: 3 },
        { windowTokens: 10, windows: 5 },
      ],
      [
        { windowTokens: 20, windows: 3 },
        { windowTokens: 41, windows: 1 },
      ],
    ];
    for (const segments of claims) {
      const open = () => windowsOf(101, 10, { epoch: 2, documents: "cut", segments });
      expect(open).toThrow(UserError);
      expect(open).toThrow(/the ledger does not fit domain "text"[\s\S]*in epoch 2/);
    }
    const full = windowsOf(101, 10, { epoch: 2, documents: "cut", segments: [{ windowTokens: 10, windows: 10 }] });
    expect(full.windowAt(0).epoch).toBe(3);
  });
});
