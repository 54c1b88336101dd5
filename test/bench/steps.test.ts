import { describe, expect, it } from "vitest";
import { madeUpBatch, madeUpBatches, timeSteps } from "../../src/bench/steps.js";
import { lossTokens } from "../../src/data/batch.js";
import { SilentEngine } from "./engines.js";

const optimizer = { learningRate: 1e-4, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };

describe("madeUpBatch", () => {
  it("is a whole batch of tokens of the vocabulary, the same every time", () => {
    const batch = madeUpBatch({ rows: 3, length: 50 }, 7);
    expect([batch.rows, batch.length, batch.domains_B.length]).toEqual([3, 50, 3]);
    for (const tokens of [batch.inputs_BT, batch.targets_BT]) {
      expect(tokens.length).toBe(150);
      // All 7 tokens appear among 150 draws but with probability 7·(6/7)^150 < 1e-9.
      expect(new Set(tokens)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
    }
    expect(lossTokens(batch)).toBe(150);
    expect(batch.documentStart_BT.every((start) => start === 0)).toBe(true);
    expect(madeUpBatch({ rows: 3, length: 50 }, 7)).toEqual(batch);
  });

  it("is another one for another number", () => {
    const batches = madeUpBatches({ rows: 2, length: 8 }, 1000);
    expect(new Set(batches.map(({ inputs_BT }) => String(inputs_BT))).size).toBe(batches.length);
    expect(batches.every(({ inputs_BT, targets_BT }) => String(inputs_BT) !== String(targets_BT))).toBe(true);
  });
});

describe("timeSteps", () => {
  const batches = madeUpBatches({ rows: 2, length: 8 }, 10);

  it("runs whole steps: micro-batches in turn, the mean's scale, clipping, numbered updates", async () => {
    const engine = new SilentEngine();
    const done: number[] = [];
    const run = { batches, accumulate: 3, optimizer, clip: 2, steps: 2, first: 5 };
    const times = await timeSteps(engine, { ...run, onStep: (step) => done.push(step) });
    expect(times).toHaveLength(2);
    expect(times.every((ms) => ms >= 0)).toBe(true);
    expect(done).toEqual([1, 2]);
    expect(engine.batches).toEqual([0, 1, 2, 3, 0, 1].map((number) => batches[number]));
    expect(new Set(engine.scales)).toEqual(new Set([1 / 48]));
    expect(engine.updates.map(({ update }) => update)).toEqual([6, 7]);
    expect(engine.updates[0].clipScale).toBeCloseTo(0.5, 6);
    expect(engine.updates[0].learningRate).toBe(1e-4);
  });

  it("does not clip when it should not, and ends at the limit", async () => {
    const engine = new SilentEngine();
    engine.delayMs = 30;
    const times = await timeSteps(engine, { batches, accumulate: 1, optimizer, clip: null, steps: 100, limitMs: 40 });
    expect(times.length).toBeLessThanOrEqual(2);
    // A timer may ring a millisecond early.
    expect(times[0]).toBeGreaterThanOrEqual(29);
    expect(engine.updates[0].clipScale).toBe(1);
  });
});
