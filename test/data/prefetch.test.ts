import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rational } from "../../src/base/rational.js";
import { assemble } from "../../src/data/batches.js";
import { DataOrder } from "../../src/data/order.js";
import { type PrefetchOptions, prefetch } from "../../src/data/prefetch.js";
import { CountingStream, drain } from "./counting-stream.js";

const share = [{ domain: "a", share: rational(1, 1) }];
const order = new DataOrder({
  seed: 1,
  domains: [{ name: "a", tokens: 401, fingerprint: "f", documents: null }],
  stages: [
    { name: "one", steps: 6, rowsPerStep: 5, sequenceLength: 8, packing: "isolated", mixture: share },
    { name: "two", steps: 4, rowsPerStep: 3, sequenceLength: 12, packing: "attend", mixture: share },
  ],
});

function setUp(change: Partial<PrefetchOptions> & { broken?: number } = {}) {
  const { broken, ...options } = change;
  const base = { first: 0, tokens: 401, documentLength: 7, masked: true };
  const stream = new CountingStream(broken === undefined ? base : { ...base, broken });
  const steps = prefetch({
    order,
    streams: [stream],
    fromStep: 0,
    toStep: order.steps,
    depth: 2,
    microBatchRows: 2,
    ...options,
  });
  return { stream, steps };
}

/** The step whose rows read token `token` first. */
function stepOf(token: number): number {
  const steps = Array.from({ length: order.steps }, (_, step) => step);
  return steps.filter((step) =>
    order.batchAt(step).some(({ pieces }) => pieces.some((p) => p.start <= token && token <= p.start + p.length)),
  )[0];
}

const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);
beforeAll(() => void process.on("unhandledRejection", note));
afterAll(() => void process.off("unhandledRejection", note));

describe("prefetching", () => {
  it.each([0, 1, 3, 50])("yields what reading each step alone gives, %i steps ahead", async (depth) => {
    const { stream, steps } = setUp({ depth });
    let expected = 0;
    for await (const { step, batches } of steps) {
      expect(step).toBe(expected++);
      const packing = step < 6 ? "isolated" : "attend";
      const rows = order.batchAt(step);
      const parts = [rows.slice(0, 2), rows.slice(2, 4), rows.slice(4)].filter((part) => part.length > 0);
      const length = step < 6 ? 8 : 12;
      expect(batches).toEqual(await Promise.all(parts.map((part) => assemble(part, [stream], { packing, length }))));
    }
    expect(expected).toBe(10);
  });

  it("yields a part of the steps, or none", async () => {
    const numbers = async (fromStep: number, toStep: number) =>
      (await drain(setUp({ fromStep, toStep }).steps)).map(({ step }) => step);
    expect(await numbers(4, 8)).toEqual([4, 5, 6, 7]);
    expect(await numbers(4, 4)).toEqual([]);
  });

  it("reads at most `depth` steps ahead, and does read them while a step is computed", async () => {
    const { stream, steps } = setUp({ depth: 2 });
    const pieces = (to: number) =>
      Array.from({ length: Math.min(to, order.steps) }, (_, step) => order.batchAt(step))
        .flat()
        .reduce((sum, row) => sum + row.pieces.length, 0);
    for await (const { step } of steps) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(stream.begun).toBe(pieces(step + 3));
      expect(stream.running).toBe(0);
    }
  });

  it("lets the loop start on a step before it reads the next, even where reads do not give way", async () => {
    const log: string[] = [];
    const { stream } = setUp();
    const blocking = {
      read: async (start: number, length: number) => {
        log.push("read");
        return stream.window(start, length);
      },
    };
    const { steps } = setUp({ streams: [blocking], depth: 1, microBatchRows: 5 });
    await steps.next();
    // While the first step is computed, the second is read to its end.
    await new Promise((resolve) => setTimeout(resolve, 20));
    log.length = 0;
    await steps.next();
    log.push("launched");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(log[0]).toBe("launched");
    expect(log.filter((entry) => entry === "read").length).toBeGreaterThan(0);
    await steps.return();
  });

  it("throws a failed read at its own step, after all reads have ended", async () => {
    const broken = order.batchAt(3)[0].pieces[0].start + 3;
    expect(stepOf(broken)).toBe(3);
    const { stream, steps } = setUp({ broken, depth: 4 });
    const seen: number[] = [];
    const loop = async () => {
      for await (const { step } of steps) {
        seen.push(step);
        // Long enough for the read of step 3 to fail while an earlier step is computed.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await expect(loop()).rejects.toThrow(`token ${broken} is broken`);
    expect(seen).toEqual([0, 1, 2]);
    expect(unhandled).toEqual([]);
    expect(stream.running).toBe(0);
    expect(await steps.next()).toEqual({ done: true, value: undefined });
  });

  it("leaves no read running and no rejection behind when the loop is left early", async () => {
    const broken = order.batchAt(2)[0].pieces[0].start + 3;
    for (const leave of ["break", "throw"] as const) {
      const { stream, steps } = setUp({ broken, depth: 5 });
      const loop = async () => {
        for await (const { step } of steps) {
          expect(step).toBe(0);
          if (leave === "break") break;
          throw new Error("the engine failed");
        }
      };
      if (leave === "throw") await expect(loop()).rejects.toThrow("the engine failed");
      else await loop();
      expect(stream.begun).toBeGreaterThan(10);
      expect(stream.running).toBe(0);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(unhandled).toEqual([]);
  });

  it("throws at a step that does not exist", async () => {
    const { steps } = setUp({ fromStep: 9, toStep: 11 });
    expect((await steps.next()).value?.step).toBe(9);
    await expect(steps.next()).rejects.toThrow(RangeError);
  });
});
