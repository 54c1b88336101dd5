/** Saving an engine that goes on training, through less memory than its state takes. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import type { CheckpointContent } from "../../src/checkpoint/format.js";
import { openCheckpoint } from "../../src/checkpoint/load.js";
import { SafetensorsFile } from "../../src/checkpoint/safetensors.js";
import { saveCheckpoint } from "../../src/checkpoint/save.js";
import { BackgroundSaver, type SaveRequest } from "../../src/checkpoint/saver.js";
import type { Engine, TensorCopy } from "../../src/engine/engine.js";
import { NativeEngine } from "../../src/engine/native/engine.js";
import { PRECISIONS, type PrecisionName } from "../../src/engine/native/precision.js";
import { architectureOf, batchOf, modelOf } from "../engine/cases.js";
import { plainDevice } from "../engine/native/plain-device.js";
import { snapshot } from "../engine/snapshot.js";
import { comparable, contentOf, newFolder, openedView } from "./content.js";
import { mountSmall, NEEDS } from "./small-disk.js";

const KINDS = ["weight", "moment1", "moment2"] as const;
const AHEAD = 4000;
const architecture = architectureOf({ qkNorm: true });
const batch = batchOf(architecture);
const { table, weights } = modelOf({ architecture });
const parameters = weights.reduce((sum, { data }) => sum + data.length, 0);

/** An engine without weights; it is disposed when the test ends. */
function empty(precision: PrecisionName): NativeEngine {
  const options = { name: "native", precision: PRECISIONS[precision] };
  const engine = new NativeEngine(architecture, table, plainDevice(), options);
  onTestFinished(() => engine[Symbol.dispose]());
  return engine;
}

async function trained(precision: PrecisionName): Promise<NativeEngine> {
  const engine = empty(precision);
  await engine.load(weights);
  await step(engine, 1);
  return engine;
}

async function step(engine: Engine, update: number): Promise<void> {
  const rates = { learningRate: 1e-2, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
  await engine.accumulate(batch, 0.1);
  await engine.update({ ...rates, clipScale: 0.9, update });
}

function requestOf(engine: Engine, onCopy: (copy: TensorCopy) => void = () => {}): SaveRequest {
  const { config, weights: _, moments: __, ...others } = contentOf(1);
  const copies = () => {
    const copy = engine.copyOut(KINDS, AHEAD);
    onCopy(copy);
    const of = (moments: boolean) => copy.tensors.filter(({ kind }) => (kind !== "weight") === moments);
    return { config, weights: of(false), moments: of(true), [Symbol.dispose]: () => copy[Symbol.dispose]() };
  };
  return { ...others, copies, retention: null };
}

describe.each(["fp32", "bf16", "bf16-lean"] as const)("a save in %s while training goes on", (precision) => {
  it("is of the step at which it was asked for, as large as what is kept, and goes on bit for bit", async () => {
    const engine = await trained(precision);
    const before = await snapshot(engine, ...KINDS);
    await using saver = new BackgroundSaver(newFolder());
    const folder = await saver.save(requestOf(engine));
    await step(engine, 2);
    await saver.finish();
    const opened = await openCheckpoint(folder);
    const { weights: savedWeights, moments } = await openedView(opened);
    expect([...savedWeights, ...moments]).toEqual(before.map(comparable));
    for (const [name, each] of [["model", 1] as const, ["optimizer", 2] as const]) {
      const { tensors, bytes } = SafetensorsFile.open(join(folder, `${name}.safetensors`));
      const lean = precision === "bf16-lean";
      expect(new Set(tensors.map(({ dtype }) => dtype))).toEqual(new Set([lean ? "BF16" : "F32"]));
      const data = (lean ? 2 : 4) * each * parameters;
      expect(bytes).toBeGreaterThan(data);
      expect(bytes).toBeLessThan(data + 200 * tensors.length);
    }
    const resumed = empty(precision);
    await resumed.load([...opened.weights(), ...opened.moments()]);
    await step(resumed, 2);
    expect(await snapshot(resumed, ...KINDS)).toEqual(await snapshot(engine, ...KINDS));
  });
});

describe("a save that fails lets the update go on, and its error is told when it is asked for:", () => {
  async function failing(saver: BackgroundSaver): Promise<void> {
    const engine = await trained("fp32");
    await saver.save(requestOf(engine));
    await step(engine, 2);
    const other = await trained("fp32");
    await step(other, 2);
    expect(await snapshot(engine, ...KINDS)).toEqual(await snapshot(other, ...KINDS));
  }

  it("before anything is taken", async () => {
    const saver = new BackgroundSaver(newFolder(), async () => Promise.reject(new Error("disk on fire")));
    await failing(saver);
    await expect(saver.finish()).rejects.toThrow("disk on fire");
  });

  it("in the middle of a tensor", async () => {
    const write = async (_: string, { weights: [first] }: CheckpointContent) => {
      if ("data" in first) throw new Error("the tensor is not copied out");
      for await (const _piece of first.pieces()) {
        await delay(5);
        throw new Error("disk on fire");
      }
      return "";
    };
    const saver = new BackgroundSaver(newFolder(), write);
    await failing(saver);
    await expect(saver.finish()).rejects.toThrow("disk on fire");
  });

  it("on a full disk", async ({ skip }) => {
    const run = mountSmall(32 << 10) ?? skip(NEEDS);
    expect(12 * parameters).toBeGreaterThan(32 << 10);
    const saver = new BackgroundSaver(run, saveCheckpoint);
    await failing(saver);
    await expect(saver.finish()).rejects.toThrow("the disk is full");
  });
});

it("a save waits for a slow disk, holds no more than it may meanwhile, and so does the update", async () => {
  const engine = await trained("fp32");
  let updated = false;
  const seen: boolean[] = [];
  let copied: TensorCopy | null = null;
  const write = async (_: string, { weights: ofWeights, moments }: CheckpointContent) => {
    for (const tensor of [...ofWeights, ...moments])
      if (!("data" in tensor))
        for await (const _piece of tensor.pieces()) {
          await delay(1);
          if (tensor.kind !== "moment2") seen.push(updated);
        }
    return "";
  };
  const saver = new BackgroundSaver("run", write);
  await saver.save(
    requestOf(engine, (copy) => {
      copied = copy;
    }),
  );
  await step(engine, 2).then(() => {
    updated = true;
  });
  await saver.finish();
  expect(copied).not.toBeNull();
  expect(seen.length).toBeGreaterThan((8 * parameters) / AHEAD);
  expect(seen).not.toContain(true);
});
