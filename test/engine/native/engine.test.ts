/** What is particular to the native engine: chunks of the head, long prompts, sizes that come and go, and taking turns. */

import { describe, expect, it } from "vitest";
import type { Engine, EngineTensor } from "../../../src/engine/engine.js";
import { SCALARS } from "../../../src/engine/native/device.js";
import { NativeEngine } from "../../../src/engine/native/engine.js";
import { updateScalars } from "../../../src/engine/native/update.js";
import type { Architecture } from "../../../src/model/architecture.js";
import { architectureOf, batchOf, modelOf } from "../cases.js";
import { rowOf } from "../contract-numbers.js";
import { oneRow } from "../one-row.js";
import { snapshot } from "../snapshot.js";
import { distance } from "../tolerance.js";
import { plainDevice } from "./plain-device.js";

const STEP = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.1,
  clipScale: 0.5,
  update: 1,
};
const architecture = architectureOf({ qkNorm: true });

/** In double precision, so that the order of sums shows only when results are rounded to float32. */
async function opened(model: Architecture = architecture): Promise<NativeEngine> {
  const { table, weights } = modelOf({ architecture: model });
  const engine = new NativeEngine(model, table, plainDevice({ storage: "f64" }), { name: "native-plain" });
  await engine.load(weights);
  return engine;
}

/** Equal but for the rounding of each value to float32. */
function expectSame(found: readonly EngineTensor[], expected: readonly EngineTensor[]): void {
  found.forEach(({ name, data }, index) => {
    const norm = distance(expected[index].data, new Float32Array(data.length));
    expect(distance(data, expected[index].data), name).toBeLessThanOrEqual(2 ** -23 * norm);
  });
}

describe("batches", () => {
  it("adds twice a batch up to one of twice the rows", async () => {
    const batch = batchOf(architecture, { rows: 2, length: 9, counts: (row, at) => at !== row });
    using whole = await opened();
    using parts = await opened();
    await whole.accumulate(batch, 0.1);
    for (const row of [0, 1]) await parts.accumulate(rowOf(batch, row), 0.1);
    expectSame(await snapshot(parts, "gradient"), await snapshot(whole, "gradient"));
  });

  it("takes the head in chunks when the vocabulary is large", async () => {
    const wide = architectureOf({ vocabulary: 17_000, width: 4, layers: 1, tied: true, feedForward: 4 });
    const batch = batchOf(wide, { rows: 2, length: 70 });
    using whole = await opened(wide);
    using parts = await opened(wide);
    const together = await whole.accumulate(batch, 0.1);
    const apart = [await parts.accumulate(rowOf(batch, 0), 0.1), await parts.accumulate(rowOf(batch, 1), 0.1)];
    expect([...together.lossSum_B]).toEqual(apart.map(({ lossSum_B }) => lossSum_B[0]));
    expectSame(await snapshot(parts, "gradient"), await snapshot(whole, "gradient"));
  });

  it("gives the same bits after other sizes, more of them than are remembered", async () => {
    using engine = await opened();
    const batch = batchOf(architecture, { rows: 3, length: 4 });
    const first = await engine.evaluate(batch);
    for (let length = 1; length <= 40; length++) await engine.evaluate(batchOf(architecture, { rows: 1, length }));
    expect(await engine.evaluate(batch)).toEqual(first);
  });

  it.each([
    ["no rows", { rows: 0 }, /rows and tokens/],
    ["too few starts", { documentStart_BT: new Int32Array(3) }, /documentStart_BT has 3 values/],
    ["a document that starts after its token", { documentStart_BT: new Int32Array(18).fill(1) }, /token 0 starts/],
    ["a document that starts before its row", { documentStart_BT: new Int32Array(18).fill(-1) }, /token 0 starts/],
  ])("are refused with %s", async (_name, changes, message) => {
    using engine = await opened();
    const batch = { ...batchOf(architecture), ...changes };
    await expect(engine.accumulate(batch, 1)).rejects.toThrow(message);
    await expect(engine.evaluate(batch)).rejects.toThrow(RangeError);
    await expect(engine.update(STEP)).rejects.toThrow(/gradient/);
  });
});

describe("sessions", () => {
  it("feed a prompt longer than a portion as any other", async () => {
    const tokens = [...batchOf(architecture, { rows: 1, length: 300 }).inputs_BT];
    using engine = await opened();
    using one = oneRow(engine, 300);
    using other = oneRow(engine, 300);
    const whole = await one.feed(tokens);
    await other.feed(tokens.slice(0, 100));
    await other.feed(tokens.slice(100, 299));
    const pieces = await other.feed(tokens.slice(299));
    expect(distance(pieces, whole)).toBeLessThanOrEqual(2 ** -23 * distance(whole, new Float32Array(whole.length)));
  });

  it("go on where they were after a refused feed", async () => {
    using engine = await opened();
    using session = oneRow(engine, 4);
    using alone = oneRow(engine, 4);
    await session.feed([1, 2]);
    await expect(session.feed([3, 4, 5])).rejects.toThrow(RangeError);
    expect(await session.feed([3])).toEqual(await alone.feed([1, 2]).then(() => alone.feed([3])));
  });
});

describe("turns", () => {
  const batch = batchOf(architecture);

  async function inOrder(engine: Engine): Promise<EngineTensor[]> {
    await engine.accumulate(batch, 0.1);
    await engine.update(STEP);
    return snapshot(engine, "weight");
  }

  it("are taken in the order of the calls, without waiting for each", async () => {
    using patient = await opened();
    using hasty = await opened();
    const [, , , weights] = await Promise.all([
      hasty.evaluate(batch),
      hasty.accumulate(batch, 0.1),
      hasty.update(STEP),
      snapshot(hasty, "weight"),
    ]);
    expect(weights).toEqual(await inOrder(patient));
  });

  it("hold a discard back until the batch before is through", async () => {
    using engine = await opened();
    const running = engine.accumulate(batch, 1);
    engine.discard();
    await running;
    expect(await engine.gradientNorm()).toBe(0);
    await expect(engine.update(STEP)).rejects.toThrow(/gradient/);
    await engine.accumulate(batch, 0.1);
    await engine.update(STEP);
    using fresh = await opened();
    expect(await snapshot(engine, "weight")).toEqual(await inOrder(fresh));
  });

  it("refuse weights while a batch runs, end after disposal, and let a running batch finish", async () => {
    const engine = await opened();
    const running = engine.evaluate(batch);
    await expect(engine.load(modelOf({ architecture }).weights)).rejects.toThrow(/while the engine computes/);
    engine[Symbol.dispose]();
    engine[Symbol.dispose]();
    await expect(running).resolves.toMatchObject({ tokens_B: Int32Array.of(9, 9) });
    await expect(engine.evaluate(batch)).rejects.toThrow(/disposed/);
  });

  it("fail without weights", async () => {
    const { table } = modelOf({ architecture });
    using engine = new NativeEngine(architecture, table, plainDevice(), { name: "native-plain" });
    await expect(engine.evaluate(batch)).rejects.toThrow(/no weights/);
    await expect(snapshot(engine, "weight")).rejects.toThrow(/no weights/);
  });
});

describe("the scalars of an update", () => {
  it("are rounded after they were subtracted from 1", () => {
    const packed = updateScalars({ ...STEP, update: 7 });
    const scalar = (name: (typeof SCALARS)[number]): number => packed[SCALARS.indexOf(name)];
    expect(scalar("correction1")).toBe(Math.fround(1 - 0.9 ** 7));
    expect(scalar("correction2")).toBe(Math.fround(1 - 0.999 ** 7));
    expect(scalar("oneMinusBeta1")).toBe(Math.fround(1 - 0.9));
    expect(scalar("oneMinusBeta2")).toBe(Math.fround(1 - 0.999));
    expect(scalar("oneMinusBeta2")).not.toBe(Math.fround(1 - Math.fround(0.999)));
  });
});
