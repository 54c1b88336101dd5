import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rational } from "../../src/base/rational.js";
import { parseLedger } from "../../src/data/ledger.js";
import { DataOrder, type DataOrderOptions } from "../../src/data/order.js";
import type { OrderDomain, OrderStage, Row } from "../../src/data/stage-order.js";
import { Visits } from "./visits.js";

const LONGEST = 20;

function domain(name: string, tokens: number): OrderDomain {
  return { name, tokens, fingerprint: `fingerprint of ${name}`, documents: null };
}

function stage(weights: Record<string, number>, sizes: Partial<OrderStage> = {}): OrderStage {
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  const mixture = Object.entries(weights).map(([name, weight]) => ({ domain: name, share: rational(weight, total) }));
  return { name: "mix", steps: 10, rowsPerStep: 4, sequenceLength: 8, packing: "isolated", mixture, ...sizes };
}

/** One to three stages over domains `a`, `b`, ... of which `domains` exist. */
function anyStages(domains: number): fc.Arbitrary<OrderStage[]> {
  const one = fc.record({
    weights: fc
      .array(fc.nat(9), { minLength: domains, maxLength: domains })
      .filter((weights) => weights.some((weight) => weight > 0)),
    steps: fc.integer({ min: 1, max: 12 }),
    rowsPerStep: fc.integer({ min: 1, max: 7 }),
    sequenceLength: fc.integer({ min: 1, max: LONGEST }),
  });
  return fc.array(
    one.map(({ weights, ...sizes }) => stage(Object.fromEntries(weights.map((w, i) => ["abcd"[i], w])), sizes)),
    { minLength: 1, maxLength: 3 },
  );
}

const anyTokens = fc.array(fc.integer({ min: LONGEST + 1, max: 150 }), { minLength: 4, maxLength: 4 });

function domainsOf(tokens: readonly number[], count: number): OrderDomain[] {
  return tokens.slice(0, count).map((size, i) => domain("abcd"[i], size));
}

function allRows(order: DataOrder, from: number, to: number): Row[] {
  return Array.from({ length: to - from }, (_, i) => order.batchAt(from + i)).flat();
}

describe("the order of data", () => {
  it("keeps every domain within one window of its share at every step of a stage", () => {
    fc.assert(
      fc.property(anyTokens, anyStages(3), (tokens, stages) => {
        const order = new DataOrder({ seed: 1, domains: domainsOf(tokens, 3), stages });
        for (let step = 0; step < order.steps; step++) {
          const { firstStep, stage: current } = order.stageAt(step);
          const rows = allRows(order, firstStep, step + 1);
          expect(rows).toHaveLength((step + 1 - firstStep) * current.rowsPerStep);
          current.mixture.forEach(({ share }, index) => {
            const count = rows.filter((row) => row.domain === index).length;
            const expected = (rows.length * share.numerator) / share.denominator;
            expect(Math.abs(count - expected)).toBeLessThan(1);
          });
        }
      }),
      { numRuns: 40 },
    );
  });

  it("is a function of the step: any order of asking, any instance", () => {
    fc.assert(
      fc.property(anyTokens, anyStages(3), fc.array(fc.nat(100), { maxLength: 20 }), (tokens, stages, asked) => {
        const options = { seed: 3, domains: domainsOf(tokens, 3), stages };
        const straight = new DataOrder(options);
        const batches = Array.from({ length: straight.steps }, (_, step) => straight.batchAt(step));
        const again = new DataOrder(options);
        for (const number of asked) {
          const step = number % again.steps;
          expect(again.batchAt(step)).toEqual(batches[step]);
          expect(again.ledgerAt(step)).toEqual(straight.ledgerAt(step));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("repeats and loses nothing when another plan goes on from any step", () => {
    const plans = fc.tuple(anyTokens, anyStages(3), anyStages(4), anyStages(2), fc.nat(1000), fc.nat(1000));
    fc.assert(
      fc.property(plans, ([tokens, stages, more, last, stop1, stop2]) => {
        const visits = tokens.map((size) => new Visits(size));
        const reached = tokens.map(() => 0);
        const run = (order: DataOrder, steps: number) => {
          for (const { domain: index, epoch, pieces } of allRows(order, 0, steps)) {
            visits[index].add(epoch, pieces);
            for (; reached[index] < epoch; reached[index]++)
              expect(visits[index].left(reached[index])).toBeLessThan(LONGEST);
          }
          const ledger = order.ledgerAt(steps);
          tokens.forEach((_, index) => {
            const entry = ledger.domains["abcd"[index]];
            if (entry === undefined) return;
            const epochs = Array.from({ length: reached[index] + 1 }, (_, epoch) => visits[index].visited(epoch));
            expect(entry.tokens).toBe(epochs.reduce((sum, count) => sum + count, 0));
            expect(entry.epochs).toBe(
              entry.cursor.epoch + visits[index].visited(entry.cursor.epoch) / (tokens[index] - 1),
            );
          });
          return parseLedger(JSON.parse(JSON.stringify(ledger)));
        };
        const first = new DataOrder({ seed: 1, domains: domainsOf(tokens, 3), stages });
        const start1 = run(first, stop1 % (first.steps + 1));
        // A domain is added and the seed changes.
        const second = new DataOrder({ seed: 2, domains: domainsOf(tokens, 4), stages: more, start: start1 });
        const start2 = run(second, stop2 % (second.steps + 1));
        // Two domains are taken out; the ledger keeps them.
        const third = new DataOrder({ seed: 1, domains: domainsOf(tokens, 2), stages: last, start: start2 });
        const end = run(third, third.steps);
        for (const name of ["c", "d"]) expect(end.domains[name]).toEqual(start2.domains[name]);
      }),
      { numRuns: 150 },
    );
  });

  it("gives each domain the same windows whether or not the plan was cut in two", () => {
    fc.assert(
      fc.property(anyTokens, anyStages(3), fc.nat(1000), (tokens, stages, stop) => {
        const whole = stages[0];
        const domains = domainsOf(tokens, 3);
        const straight = new DataOrder({ seed: 5, domains, stages: [{ ...whole, steps: whole.steps + 5 }] });
        const step = stop % (whole.steps + 1);
        const rest = { ...whole, steps: whole.steps + 5 - step };
        const resumed = new DataOrder({ seed: 5, domains, stages: [rest], start: straight.ledgerAt(step) });
        const head = allRows(straight, 0, step);
        const tail = allRows(resumed, 0, resumed.steps);
        domains.forEach((_, index) => {
          const of = (rows: readonly Row[]) => rows.filter((row) => row.domain === index);
          const expected = of(allRows(straight, 0, straight.steps));
          const got = [...of(head), ...of(tail)];
          const common = Math.min(got.length, expected.length);
          expect(got.slice(0, common)).toEqual(expected.slice(0, common));
          // The mixture starts anew with the plan, so the counts may differ, by less than a window for each part.
          expect(Math.abs(got.length - expected.length)).toBeLessThan(3);
        });
      }),
      { numRuns: 60 },
    );
  });

  it("writes down every stage, with its tokens", () => {
    const stages = [
      stage({ a: 3, b: 1 }, { name: "one", steps: 5 }),
      stage({ b: 1, a: 0 }, { name: "two", steps: 2, sequenceLength: 10 }),
    ];
    const domains = [domain("a", 1000), domain("b", 101), domain("idle", 5)];
    const order = new DataOrder({ seed: 1, domains, stages });
    expect(order.steps).toBe(7);
    expect(order.ledgerAt(0).stages).toEqual([]);
    expect(order.ledgerAt(5).stages).toEqual([{ name: "one", steps: 5, tokens: { a: 120, b: 40 } }]);
    const ledger = order.ledgerAt(7);
    expect(ledger.stages[1]).toEqual({ name: "two", steps: 2, tokens: { a: 0, b: 80 } });
    expect(ledger.domains["a"].tokens).toBe(120);
    // 40 positions of 100 are used 8 at a time; 60 are left, six windows of 10, and two more windows are of epoch 1.
    expect(ledger.domains["b"]).toEqual({
      fingerprint: "fingerprint of b",
      seed: 1,
      tokens: 120,
      epochs: 1.2,
      cursor: { epoch: 1, documents: "cut", segments: [{ windowTokens: 10, windows: 2 }] },
    });
    expect(ledger.domains["idle"]).toMatchObject({ tokens: 0, epochs: 0, cursor: { epoch: 0, segments: [] } });
    expect(order.demand()).toMatchObject([
      {
        stage: "one",
        domains: [
          { domain: "a", rows: 15, tokens: 120, epochs: 120 / 999 },
          { domain: "b", rows: 5, tokens: 40, epochs: 0.4, leftOut: { documents: 0, tokens: 0 }, leftEpoch: null },
        ],
      },
      {
        stage: "two",
        domains: [
          { domain: "b", tokens: 80, epochs: 1.2 },
          { domain: "a", tokens: 0, epochs: 120 / 999 },
        ],
      },
    ]);
  });

  it("finds the stage of a step", () => {
    const stages = [stage({ a: 1 }, { steps: 3 }), stage({ a: 1 }, { name: "next", steps: 2 })];
    const order = new DataOrder({ seed: 1, domains: [domain("a", 100)], stages });
    const found = [0, 2, 3, 4].map((step) => order.stageAt(step));
    expect(found.map(({ index, firstStep }) => [index, firstStep])).toEqual([
      [0, 0],
      [0, 0],
      [1, 3],
      [1, 3],
    ]);
    expect(found[3].stage).toBe(stages[1]);
    for (const step of [-1, 5, 0.5, Number.NaN]) {
      expect(() => order.stageAt(step)).toThrow(RangeError);
      expect(() => order.batchAt(step)).toThrow(RangeError);
    }
    expect(() => order.ledgerAt(6)).toThrow(RangeError);
    expect(order.ledgerAt(5).stages).toHaveLength(2);
  });

  it("has a fingerprint of all that it depends on, and of nothing else", () => {
    const base = { seed: 1, domains: [domain("a", 100), domain("b", 100)], stages: [stage({ a: 1, b: 2 })] };
    const print = (change: Partial<DataOrderOptions>) => new DataOrder({ ...base, ...change }).fingerprint;
    const start = new DataOrder(base).ledgerAt(1);
    const others = [
      print({ seed: 2 }),
      print({ domains: [domain("a", 101), domain("b", 100)] }),
      print({ domains: [{ ...domain("a", 100), fingerprint: "other" }, domain("b", 100)] }),
      print({ domains: [domain("b", 100), domain("a", 100)] }),
      print({ stages: [stage({ a: 1, b: 1 })] }),
      print({ stages: [stage({ a: 1, b: 2 }, { steps: 11 })] }),
      print({ stages: [stage({ a: 1, b: 2 }, { rowsPerStep: 5 })] }),
      print({ stages: [stage({ a: 1, b: 2 }, { sequenceLength: 9 })] }),
      print({ start }),
    ];
    expect(new Set([print({}), ...others]).size).toBe(10);
    const extra = { ...stage({ a: 1, b: 2 }), schedule: "cosine" };
    const attending = stage({ a: 1, b: 2 }, { packing: "attend" });
    for (const same of [{ start: null }, { stages: [extra] }, { stages: [attending] }])
      expect(print(same)).toBe(print({}));
  });

  it("refuses other data under a name that the ledger knows", () => {
    const options = { seed: 1, domains: [domain("a", 100)], stages: [stage({ a: 1 })] };
    const start = new DataOrder(options).ledgerAt(1);
    const changed = [{ ...domain("a", 100), fingerprint: "other" }];
    expect(() => new DataOrder({ ...options, domains: changed, start })).toThrow(
      /the data of domain "a" is not[\s\S]*hint: give changed data a new domain name/,
    );
    const renamed = { ...options, domains: [{ ...changed[0], name: "a2" }], stages: [stage({ a2: 1 })], start };
    expect(Object.keys(new DataOrder(renamed).ledgerAt(3).domains)).toEqual(["a", "a2"]);
  });

  it("refuses domains that are absent or too short, but not one that is never drawn", () => {
    const domains = [domain("a", 100), domain("short", 8)];
    const order = (weights: Record<string, number>) => new DataOrder({ seed: 1, domains, stages: [stage(weights)] });
    expect(() => order({ a: 1, bb: 1 })).toThrow(/stage "mix" mixes in a domain that is not there[\s\S]*got: bb/);
    expect(() => order({ a: 1, short: 1 })).toThrow(/domain "short" is shorter than one window/);
    expect(order({ a: 1, short: 0 }).ledgerAt(2).domains["short"].tokens).toBe(0);
  });

  it("refuses sizes that are not positive and whole, and names that come twice", () => {
    const good = { seed: 1, domains: [domain("a", 100)], stages: [stage({ a: 1 })] };
    for (const wrong of [{ steps: 0 }, { rowsPerStep: 1.5 }, { sequenceLength: -1 }, { steps: 2 ** 50 }])
      expect(() => new DataOrder({ ...good, stages: [stage({ a: 1 }, wrong)] })).toThrow(RangeError);
    expect(() => new DataOrder({ ...good, stages: [] })).toThrow(RangeError);
    expect(() => new DataOrder({ ...good, domains: [domain("a", 100), domain("a", 50)] })).toThrow(RangeError);
    const twice = { ...stage({ a: 1 }), mixture: [...stage({ a: 1 }).mixture, { domain: "a", share: rational(0, 1) }] };
    expect(() => new DataOrder({ ...good, stages: [twice] })).toThrow(RangeError);
  });

  it("answers in under a millisecond at step ten million", () => {
    const weights = { a: 360_001, b: 270_000, c: 170_000, d: 199_999 };
    const sizes = { steps: 2e7, rowsPerStep: 32, sequenceLength: 4096 };
    const domains = [1e11, 3e10, 7e9, 5e8].map((tokens, i) => domain("abcd"[i], tokens));
    const order = new DataOrder({ seed: 1, domains, stages: [stage(weights, sizes)] });
    const times = Array.from({ length: 100 }, (_, i) => {
      const began = performance.now();
      expect(order.batchAt(1e7 + i * 977).length).toBe(32);
      return performance.now() - began;
    });
    expect(times.sort((a, b) => a - b)[50]).toBeLessThan(1);
  });
});
