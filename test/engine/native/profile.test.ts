/** What the native engine tells about itself beside the seam: operation times, ceiling, threads. */
import { describe, expect, it } from "vitest";
import { timeCopy, timeProduct } from "../../../src/engine/native/ceiling.js";
import type { Device, Program, Timings } from "../../../src/engine/native/device.js";
import { NativeEngine } from "../../../src/engine/native/engine.js";
import { initialWeights } from "../../../src/model/initialise.js";
import { parameterTable } from "../../../src/model/parameters.js";
import { variants } from "../../model/architectures.js";
import { plainDevice } from "./plain-device.js";

const architecture = {
  ...Object.values(variants)[0],
  vocabulary: 40,
  width: 16,
  layers: 1,
  heads: 2,
  kvHeads: 1,
  headWidth: 8,
  feedForward: 24,
};
const ROWS = 2;
const LENGTH = 8;

/** A plain device whose clock says that every run of a program is 2 ms of one kind of operation. */
function clockedDevice(): Device {
  const device = plainDevice();
  const run = device.run.bind(device);
  device.run = async (program: Program, timings?: Timings) => {
    await run(program);
    const before = timings?.get("matmul") ?? { ms: 0, calls: 0 };
    timings?.set("matmul", { ms: before.ms + 2, calls: before.calls + 1, flops: 7 });
  };
  return device;
}

function batch() {
  const tokens = Int32Array.from({ length: ROWS * LENGTH + 1 }, (_, i) => (i * 7) % architecture.vocabulary);
  return {
    rows: ROWS,
    length: LENGTH,
    inputs_BT: tokens.slice(0, -1),
    targets_BT: tokens.slice(1),
    lossMask_BT: new Uint8Array(ROWS * LENGTH).fill(1),
    documentStart_BT: new Int32Array(ROWS * LENGTH),
    domains_B: new Int32Array(ROWS),
  };
}

async function open(device: Device): Promise<NativeEngine> {
  const table = parameterTable(architecture);
  const engine = new NativeEngine(architecture, table, device, { name: "native-test" });
  await engine.load(initialWeights(table, 1));
  return engine;
}

describe("profile", () => {
  it("starts its clocks at the first call and then gives what ran since the call before", async () => {
    using engine = await open(clockedDevice());
    await engine.accumulate(batch(), 1);
    expect(engine.profile()).toEqual([]);
    await engine.accumulate(batch(), 1);
    await engine.gradientNorm();
    expect(engine.profile()).toEqual([{ kind: "matmul", ms: 4, calls: 2, flops: 7 }]);
    expect(engine.profile()).toEqual([]);
  });
});

describe("threads", async () => {
  it("are the device's, where it has a number of them", async () => {
    using silent = await open(plainDevice());
    expect(silent.threads).toBeUndefined();
    const device: Device = { ...plainDevice(), threads: 3 };
    using telling = await open(device);
    expect(telling.threads).toBe(3);
  });
});

describe("matmulCeiling", () => {
  it("times the product that was asked for, with at most 8192 rows, and frees its buffers", async () => {
    const device = plainDevice();
    const freed: string[] = [];
    const free = device.free.bind(device);
    device.free = (buffers) => {
      const list = [...buffers];
      freed.push(...list.map(({ name }) => name));
      free(list);
    };
    const ceiling = await timeProduct(device, { rows: 9000, columns: 2, inner: 1 });
    expect(ceiling).toMatchObject({ rows: 8192, columns: 2, inner: 1 });
    expect(ceiling.flopsPerSecond).toBeGreaterThan(0);
    expect(freed).toEqual(["out", "a", "b"]);
  });

  it("times a copy, of which both ways count", async () => {
    const ceiling = await timeCopy(plainDevice(), 4096);
    expect(ceiling.bytes).toBe(4096);
    expect(ceiling.bytesPerSecond).toBeGreaterThan(0);
  });

  it("waits for its turn on the engine's device", async () => {
    using engine = await open(plainDevice());
    const [losses, ceiling] = await Promise.all([
      engine.accumulate(batch(), 1),
      engine.matmulCeiling({ rows: 4, columns: 4, inner: 4 }),
    ]);
    expect(losses.tokens_B).toEqual(Int32Array.of(LENGTH, LENGTH));
    expect(ceiling.flopsPerSecond).toBeGreaterThan(0);
  });
});
