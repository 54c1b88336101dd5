/** What is particular to the tfjs engine: no tensor is leaked, and the process is left as it was. */

import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { createEngine } from "../../../src/engine/select.js";
import { openBackend } from "../../../src/engine/tfjs/backend.js";
import { architectureOf, batchOf, modelOf } from "../cases.js";
import { oneRow } from "../one-row.js";
import { snapshot } from "../snapshot.js";

const STEP = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipScale: 0.5 };
const architecture = architectureOf({ qkvBias: true, qkNorm: true });

describe.each(["tfjs-cpu", "tfjs-wasm"] as const)("memory of %s", (kind) => {
  it("holds the same tensors after every step, and none after disposal", async () => {
    (await openBackend(kind)).use();
    const before = tf.memory();
    const { table, weights } = modelOf({ architecture });
    const { engine } = await createEngine(architecture, table, { kind });
    await engine.load(weights);
    const counts: number[] = [];
    for (let update = 1; update <= 4; update++) {
      await engine.accumulate(batchOf(architecture, { seed: update }), 0.1);
      await engine.accumulate(batchOf(architecture, { seed: -update + 10, length: 5 }), 0.1);
      await engine.gradientNorm();
      await engine.update({ ...STEP, update });
      await engine.evaluate(batchOf(architecture));
      await snapshot(engine, "moment2");
      counts.push(tf.memory().numTensors);
    }
    expect(counts).toEqual(counts.map(() => before.numTensors + 3 * table.length));
    engine[Symbol.dispose]();
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
  });

  it("frees sessions, also after a refused token and when disposed twice", async () => {
    const { table, weights } = modelOf({ architecture });
    const { engine } = await createEngine(architecture, table, { kind });
    await engine.load(weights);
    const before = tf.memory().numTensors;
    const session = oneRow(engine, 6);
    await session.feed([1, 2, 3]);
    await session.feed([4]);
    await expect(session.feed([-1])).rejects.toThrow(RangeError);
    expect(tf.memory().numTensors).toBe(before + 2 * architecture.layers);
    session[Symbol.dispose]();
    session[Symbol.dispose]();
    expect(tf.memory().numTensors).toBe(before);
    engine[Symbol.dispose]();
  });

  it("frees everything when a batch cannot be computed", async () => {
    const { table, weights } = modelOf({ architecture });
    const { engine } = await createEngine(architecture, table, { kind });
    await engine.load(weights);
    const before = tf.memory().numTensors;
    const batch = batchOf(architecture);
    await expect(engine.accumulate({ ...batch, documentStart_BT: new Int32Array(3) }, 1)).rejects.toThrow();
    expect(tf.memory().numTensors).toBe(before);
    engine[Symbol.dispose]();
  });
});

describe("two backends in one process", () => {
  it("each engine keeps computing on its own", async () => {
    const { table, weights } = modelOf({ architecture });
    const { engine: cpu } = await createEngine(architecture, table, { kind: "tfjs-cpu" });
    const { engine: wasm } = await createEngine(architecture, table, { kind: "tfjs-wasm" });
    const batch = batchOf(architecture);
    for (const engine of [cpu, wasm]) await engine.load(weights);
    const [alone] = [await cpu.evaluate(batch)];
    await wasm.evaluate(batch);
    expect(tf.getBackend()).toBe("wasm");
    expect(await cpu.evaluate(batch)).toEqual(alone);
    expect(tf.getBackend()).toBe("cpu");
    for (const engine of [cpu, wasm]) engine[Symbol.dispose]();
  });
});

describe("the wasm backend", () => {
  it("leaves no handler for uncaught errors behind", async () => {
    await openBackend("tfjs-wasm");
    const sources = [...process.listeners("uncaughtException"), ...process.listeners("unhandledRejection")].map(String);
    expect(sources.filter((source) => source.includes("ExitStatus") || source.includes("throw reason"))).toEqual([]);
  });
});
