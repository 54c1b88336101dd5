/** The order of data where stages pack whole documents, by brute force over what their rows hold. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rational } from "../../src/base/rational.js";
import type { Packing } from "../../src/config/plan.js";
import { type Ledger, parseLedger } from "../../src/data/ledger.js";
import { DataOrder } from "../../src/data/order.js";
import type { OrderDomain, OrderStage, Row } from "../../src/data/stage-order.js";
import { WholeDocuments } from "../../src/data/whole-documents.js";
import { Visits } from "./visits.js";

const SHORTEST_ROW = 12;

function domain(name: string, lengths: readonly number[]): OrderDomain {
  const documents = new WholeDocuments(Int32Array.from(lengths));
  return { name, tokens: documents.tokens, fingerprint: `fingerprint of ${name}`, documents };
}

function stage(sequenceLength: number, change: Partial<OrderStage> = {}): OrderStage {
  const mixture = [
    { domain: "a", share: rational(2, 3) },
    { domain: "b", share: rational(1, 3) },
  ];
  return { name: "chat", steps: 8, rowsPerStep: 3, sequenceLength, packing: "whole", mixture, ...change };
}

/** Two domains, most of whose tokens are in documents of at most `SHORTEST_ROW` + 1 tokens. */
const anyDomains = fc
  .tuple(
    ...[0, 1].map(() =>
      fc.tuple(
        fc.array(fc.integer({ min: 7, max: SHORTEST_ROW + 1 }), { minLength: 12, maxLength: 40 }),
        fc.array(fc.integer({ min: 14, max: 20 }), { maxLength: 3 }),
      ),
    ),
  )
  .map((all) => all.map(([short, long], i) => domain("ab"[i], [...short, ...long])));

const anyStage = fc
  .record({
    sequenceLength: fc.integer({ min: SHORTEST_ROW, max: 25 }),
    steps: fc.integer({ min: 1, max: 9 }),
    rowsPerStep: fc.integer({ min: 1, max: 5 }),
    packing: fc.constantFrom<Packing>("whole", "whole", "whole", "isolated"),
  })
  .map(({ sequenceLength, ...change }) => stage(sequenceLength, change));

function rowsOf(order: DataOrder, from: number, to: number): Row[] {
  return Array.from({ length: to - from }, (_, i) => order.batchAt(from + i)).flat();
}

function tokensOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { pieces }) => sum + pieces.reduce((inRow, { length }) => inRow + length, 0), 0);
}

describe("an order with stages of whole documents", () => {
  it("reads nothing twice in an epoch and counts exactly what it reads, over any stages and plans", () => {
    fc.assert(
      fc.property(
        anyDomains,
        fc.array(anyStage, { minLength: 2, maxLength: 5 }),
        fc.nat(100),
        (domains, stages, cut) => {
          const visits = domains.map(({ tokens }) => new Visits(tokens));
          const tokens = [0, 0];
          const run = (order: DataOrder, steps: number): Ledger => {
            for (let step = 0; step < steps; step++) {
              for (const row of order.batchAt(step)) {
                visits[row.domain].add(row.epoch, row.pieces);
                tokens[row.domain] += tokensOf([row]);
              }
              const ledger = order.ledgerAt(step + 1);
              expect(domains.map(({ name }) => ledger.domains[name].tokens)).toEqual(tokens);
              for (const { name } of domains) {
                const { epochs, cursor } = ledger.domains[name];
                expect(epochs).toBeGreaterThanOrEqual(cursor.epoch);
                expect(epochs).toBeLessThanOrEqual(cursor.epoch + 1);
              }
            }
            return parseLedger(JSON.parse(JSON.stringify(order.ledgerAt(steps))));
          };
          const first = new DataOrder({ seed: 1, domains, stages: stages.slice(0, 1) });
          const start = run(first, cut % (first.steps + 1));
          const second = new DataOrder({ seed: 2, domains, stages: stages.slice(1), start });
          run(second, second.steps);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("loses no document that fits when T changes in the middle of an epoch", () => {
    fc.assert(
      fc.property(anyDomains, fc.integer({ min: SHORTEST_ROW, max: 25 }), fc.nat(7), (domains, next, stop) => {
        const alone = [{ domain: "a", share: rational(1, 1) }];
        const one = new DataOrder({ seed: 1, domains, stages: [stage(13, { mixture: alone, rowsPerStep: 1 })] });
        const start = one.ledgerAt(stop);
        const long = stage(next, { mixture: alone, rowsPerStep: 1, steps: 80 });
        const two = new DataOrder({ seed: 1, domains, stages: [long], start });
        const rows = [...rowsOf(one, 0, stop), ...rowsOf(two, 0, two.steps)].filter(({ epoch }) => epoch === 0);
        const starts = rows.flatMap(({ pieces }) => pieces.map(({ start: at }) => at));
        const { documents } = domains[0];
        const expected = Array.from({ length: documents?.count ?? 0 }, (_, i) => documents?.pieceOf(i))
          .filter((piece) => piece !== undefined && (piece.length <= next || starts.includes(piece.start)))
          .map((piece) => piece?.start);
        expect(starts.sort((a, b) => a - b)).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  it("gives the same rows from any step of any instance, and after a stop", () => {
    fc.assert(
      fc.property(
        anyDomains,
        fc.array(anyStage, { minLength: 1, maxLength: 3 }),
        fc.nat(100),
        (domains, stages, at) => {
          const straight = new DataOrder({ seed: 4, domains, stages });
          const rows = Array.from({ length: straight.steps }, (_, step) => straight.batchAt(step));
          const step = at % straight.steps;
          const fresh = domains.map((one, i) => domain("ab"[i], lengthsOf(one)));
          const again = new DataOrder({ seed: 4, domains: fresh, stages });
          expect(again.fingerprint).toBe(straight.fingerprint);
          expect(again.batchAt(step)).toEqual(rows[step]);
          expect(again.ledgerAt(step)).toEqual(straight.ledgerAt(step));
        },
      ),
      { numRuns: 50 },
    );
  });

  it("says what a stage takes: rows, the tokens in them, and what it leaves unread", () => {
    // Ten documents of 6 inputs, two to a row of 12, and one of 20 that fits none.
    const domains = [domain("a", [...Array(10).fill(7), 21]), domain("b", Array(6).fill(13))];
    const stages = [stage(12, { steps: 2 }), stage(12, { name: "cut", steps: 1, packing: "isolated" })];
    const order = new DataOrder({ seed: 1, domains, stages });
    expect(order.demand()).toEqual([
      {
        stage: "chat",
        domains: [
          { domain: "a", rows: 4, tokens: 48, epochs: 0.8, leftOut: { documents: 1, tokens: 21 }, leftEpoch: null },
          { domain: "b", rows: 2, tokens: 24, epochs: 2 / 6, leftOut: { documents: 0, tokens: 0 }, leftEpoch: null },
        ],
      },
      {
        stage: "cut",
        domains: [
          {
            domain: "a",
            rows: 2,
            tokens: 24,
            epochs: 1 + 24 / 90,
            leftOut: { documents: 0, tokens: 0 },
            leftEpoch: { epoch: 0, unread: 1 - 0.8 },
          },
          {
            domain: "b",
            rows: 1,
            tokens: 12,
            epochs: 1 + 12 / 77,
            leftOut: { documents: 0, tokens: 0 },
            leftEpoch: { epoch: 0, unread: 1 - 2 / 6 },
          },
        ],
      },
    ]);
    expect(order.ledgerAt(2).domains["a"].cursor).toEqual({
      epoch: 0,
      documents: "whole",
      segments: [{ windowTokens: 12, windows: 4 }],
    });
    expect(tokensOf(rowsOf(order, 0, 3))).toBe(48 + 24 + 24 + 12);
  });

  it("has another fingerprint than that of cut documents", () => {
    const domains = [domain("a", Array(30).fill(9)), domain("b", Array(30).fill(9))];
    const print = (packing: Packing) =>
      new DataOrder({ seed: 1, domains, stages: [stage(16, { packing })] }).fingerprint;
    expect(print("whole")).not.toBe(print("isolated"));
  });

  it("refuses a domain most of which would not fit, or that has nothing to predict", () => {
    const orderOf = (lengths: readonly number[]) =>
      new DataOrder({ seed: 1, domains: [domain("a", lengths), domain("b", [9])], stages: [stage(10)] });
    expect(() => orderOf([11, 12])).toThrow(
      /most of domain "a"[\s\S]*at most 11 tokens[\s\S]*got: 12 tokens in 1 longer documents\s+hint: raise sequenceLength/,
    );
    expect(orderOf([11, 12, 11]).demand()[0].domains[0].leftOut).toEqual({ documents: 1, tokens: 12 });
    expect(() => orderOf([1, 0, 1])).toThrow(/domain "a" has no document with anything to predict/);
  });

  it("answers in under a millisecond at step ten million", () => {
    const lengths = Array.from({ length: 100_000 }, (_, i) => 20 + ((i * 7919) % 3000));
    const domains = [domain("a", lengths), domain("b", lengths)];
    const order = new DataOrder({ seed: 1, domains, stages: [stage(4096, { steps: 2e7, rowsPerStep: 32 })] });
    const times = Array.from({ length: 100 }, (_, i) => {
      const began = performance.now();
      expect(order.batchAt(1e7 + i * 3).length).toBe(32);
      return performance.now() - began;
    });
    expect(times.sort((x, y) => x - y)[50]).toBeLessThan(1);
  });
});

function lengthsOf({ documents }: OrderDomain): number[] {
  return Array.from({ length: documents?.count ?? 0 }, (_, i) => (documents?.inputsOf(i) ?? 0) + 1);
}
