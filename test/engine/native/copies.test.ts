/** Copies of the native engine's state while it goes on computing: batches run beside the copying, an update waits for it. On every device. */
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { messageOf } from "../../../src/base/errors.js";
import type { EngineTensor, Piece } from "../../../src/engine/engine.js";
import { openCpuDevice } from "../../../src/engine/native/cpu/device.js";
import type { Device } from "../../../src/engine/native/device.js";
import { NativeEngine } from "../../../src/engine/native/engine.js";
import { PRECISIONS, type PrecisionName } from "../../../src/engine/native/precision.js";
import { gathered } from "../../../src/engine/seam.js";
import { architectureOf, batchOf, modelOf } from "../cases.js";
import { snapshot } from "../snapshot.js";
import { missing, openEmulatedDevice } from "./cuda/emulated-device.js";
import { plainDevice } from "./plain-device.js";

const architecture = architectureOf({ qkNorm: true });
const KINDS = ["weight", "moment1", "moment2"] as const;
/** A small part of the model. */
const AHEAD = 1000;
const batch = batchOf(architecture);
const cacheFolder = join(import.meta.dirname, "../../../node_modules/.cache/hephaestus-kernels");

/** A device that copies tensors when two programs have begun since the log was emptied: too late for whoever writes too early. */
function lateReads(device: Device) {
  const log: string[] = [];
  const late: Device = {
    description: device.description,
    allocate: (specs) => device.allocate(specs),
    free: (buffers) => device.free(buffers),
    view: (...args) => device.view(...args),
    write: (...args) => device.write(...args),
    record: (body) => device.record(body),
    run: (program, timings) => {
      log.push("run");
      return device.run(program, timings);
    },
    read: (buffer) => device.read(buffer),
    readInto: async (buffer, into) => {
      while (log.length < 2) await nextTurn();
      await device.readInto(buffer, into);
      if (log.at(-1) !== "read") log.push("read");
    },
    [Symbol.dispose]: () => device[Symbol.dispose](),
  };
  return { late, log };
}

async function trained(device: Device, precision: PrecisionName): Promise<NativeEngine> {
  const { table, weights } = modelOf({ architecture });
  const engine = new NativeEngine(architecture, table, device, { name: "native", precision: PRECISIONS[precision] });
  await engine.load(weights);
  await engine.accumulate(batch, 0.1);
  await engine.update(step(1));
  return engine;
}

function step(update: number) {
  const rates = { learningRate: 1e-2, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
  return { ...rates, clipScale: 0.9, update };
}

async function everything(engine: NativeEngine): Promise<EngineTensor[]> {
  return snapshot(engine, ...KINDS);
}

/** Pieces, all of which must be of the type. */
async function* checked(pieces: Iterable<Piece> | AsyncIterable<Piece>, type: unknown): AsyncGenerator<Piece> {
  for await (const piece of pieces) {
    expect(piece.constructor).toBe(type);
    yield piece;
  }
}

const withCompiler: string | null = await openCpuDevice({ cacheFolder }).then(
  (device) => {
    device[Symbol.dispose]();
    return null;
  },
  (error: unknown) => messageOf(error),
);
type Row = readonly [name: string, obstacle: string | null, open: () => Promise<Device>, precision: PrecisionName];
const DEVICES: readonly Row[] = [
  ["plain", null, async () => plainDevice(), "fp32"],
  ["plain", null, async () => plainDevice(), "bf16"],
  ["plain", null, async () => plainDevice(), "bf16-lean"],
  ["cpu", withCompiler, () => openCpuDevice({ threads: 2, cacheFolder }), "fp32"],
  ["emulated card", missing, () => openEmulatedDevice(), "fp32"],
  ["emulated card", missing, () => openEmulatedDevice(), "bf16"],
  ["emulated card", missing, () => openEmulatedDevice(), "bf16-lean"],
];

describe.each(DEVICES)("on the device: %s", (name, obstacle, open, precision) => {
  const title = `in ${precision}, a copy is of the step after which it was asked for, whatever is asked for next`;
  it.skipIf(obstacle !== null)(obstacle === null ? title : `${title} (${name} skipped: ${obstacle})`, async () => {
    using resting = await trained(await open(), precision);
    const { late, log } = lateReads(await open());
    using busy = await trained(late, precision);
    log.length = 0;
    // Larger than the batch before, so that memory is given back and taken beside the copying as well.
    const larger = batchOf(architecture, { rows: 3, length: 11 });
    const asked = [
      everything(busy),
      busy.accumulate(batch, 0.1),
      busy.accumulate(larger, 0.1),
      busy.update(step(2)),
      everything(busy),
    ] as const;
    const [first, , , , second] = await Promise.all(asked);

    expect(first).toEqual(await everything(resting));
    await resting.accumulate(batch, 0.1);
    await resting.accumulate(larger, 0.1);
    await resting.update(step(2));
    expect(second).toEqual(await everything(resting));
    expect(second).not.toEqual(first);
    // Two batches beside the copying; the update not.
    expect(log).toEqual(["run", "run", "read", "run", "read"]);
  });
});

describe.each(DEVICES)("with little memory on the device: %s", (name, obstacle, open, precision) => {
  const title = `in ${precision}, an update waits until all is taken or given up, and what is kept in bf16 comes as it is`;
  it.skipIf(obstacle !== null)(obstacle === null ? title : `${title} (${name} skipped: ${obstacle})`, async () => {
    using engine = await trained(await open(), precision);
    const before = await everything(engine);
    const log: string[] = [];
    const bounded = async () => {
      const copy = engine.copyOut(KINDS, AHEAD);
      await engine.accumulate(batch, 0.1);
      const updated = engine.update(step(2)).then(() => log.push("updated"));
      for (let turn = 0; turn < 100; turn++) await nextTurn();
      return { copy, updated };
    };
    const { copy, updated } = await bounded();
    const types = { fp32: ["F32"], bf16: ["F32"], "bf16-lean": ["BF16"] };
    expect([...new Set(copy.tensors.map(({ dtype }) => dtype))]).toEqual(types[precision]);
    const taken: EngineTensor[] = [];
    for (const { dtype, ...tensor } of copy.tensors) {
      // The last of what is copied ahead are all moments.
      if (tensor.kind !== "moment2") expect(log).toEqual([]);
      const pieces = checked(tensor.pieces(), dtype === "BF16" ? Uint16Array : Float32Array);
      const { name, kind, shape } = tensor;
      taken.push({ name, kind, shape, data: await gathered({ ...tensor, pieces: () => pieces }) });
    }
    expect(taken).toEqual(before);
    await updated;

    const given = await bounded();
    expect(log).toEqual(["updated"]);
    given.copy[Symbol.dispose]();
    await given.updated;
    await expect(gathered(given.copy.tensors[0])).rejects.toThrow("disposed");
  });
});

describe("while weights are copied", () => {
  it("loading is refused, evaluation and the norm go on, and disposal waits", async () => {
    const { late, log } = lateReads(plainDevice());
    const engine = await trained(late, "fp32");
    const { weights } = modelOf({ architecture });
    await engine.accumulate(batch, 0.1);
    log.length = 0;
    const copying = everything(engine);
    await expect(engine.load(weights)).rejects.toThrow(/while the engine computes/);
    expect(await engine.gradientNorm()).toBeGreaterThan(0);
    await engine.evaluate(batch);
    expect(log).toEqual(["run", "run"]);
    engine[Symbol.dispose]();
    const tensors = await copying;
    expect(tensors.length).toBe(3 * weights.length);
    await expect(engine.evaluate(batch)).rejects.toThrow(/disposed/);
  });

  it("a copy that fails is told to who asked for it, and the update goes on", async () => {
    const device = plainDevice();
    let torn = false;
    const tearing: Device = {
      ...device,
      readInto: (buffer, into) =>
        torn && buffer.name.startsWith("weight") ? Promise.reject(new Error("torn")) : device.readInto(buffer, into),
    };
    using engine = await trained(tearing, "fp32");
    torn = true;
    const failing = expect(snapshot(engine, "weight")).rejects.toThrow("torn");
    await engine.accumulate(batch, 0.1);
    await engine.update(step(2));
    await failing;
    torn = false;
    using resting = await trained(plainDevice(), "fp32");
    await resting.accumulate(batch, 0.1);
    await resting.update(step(2));
    expect(await everything(engine)).toEqual(await everything(resting));
  });
});
