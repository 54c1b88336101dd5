/** The contract of devices on the emulated card, and what is particular to a card: bf16, graphs, full memory. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../../../src/base/errors.js";
import type { Buffer, BufferSpec, Operations } from "../../../../src/engine/native/device.js";
import { deviceContract } from "../device-contract.js";
import { ONES, PAIR, pairOf } from "../small-buffers.js";
import { emulator, imbalances, missing, open } from "./small-card.js";

const title = (name: string): string => (missing === null ? name : `${name} (skipped: ${missing})`);

beforeEach(() => emulator.reset());
/** Every test gives back what it took. */
afterEach(() => {
  const report = emulator.report();
  expect([report.device.live, report.pinned.live, report.errors, imbalances(report)]).toEqual([0, 0, [], []]);
});

deviceContract({
  describe: (name, body) => describe.skipIf(missing !== null)(title(name), body),
  open: () => open(),
  alignment: 256,
  long: { width: 32, times: 20 },
});

describe.skipIf(missing !== null)(title("memory on a card"), () => {
  it("rounds what it keeps as bf16 to nearest, ties to even", async () => {
    using device = await open();
    const x = device.allocate([{ name: "x", shape: [4], dtype: "bf16" }]).get("x") as Buffer;
    device.write(x, Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, -3, Number.NaN));
    expect(await device.read(x)).toEqual(Float32Array.of(1, 1 + 2 ** -6, -3, Number.NaN));
  });

  it("tells how much of it is free", async () => {
    using device = await open();
    const before = device.freeBytes;
    const big = device.allocate([{ name: "big", shape: [1 << 20], dtype: "f32" }]);
    expect(before - device.freeBytes).toBe(4 << 20);
    device.free(big.values());
    expect(device.freeBytes).toBe(before);
  });

  it("is given back with the last buffer of a table; nothing is taken for no buffers", async () => {
    using device = await open();
    const live = emulator.report().device.live;
    const { a, b, ids, table } = pairOf(device);
    using program = device.record((operations) => operations.add(a, b));
    device.free([a, ids, table]);
    device.write(b, ONES);
    await device.run(program);
    expect(emulator.report().device.live).toBe(live + 1);
    device.free([b]);
    expect(emulator.report().device.live).toBe(live);
    expect(device.allocate([]).size).toBe(0);
    expect(emulator.report().device.live).toBe(live);
  });

  it("describes the card and its driver", async () => {
    using device = await open();
    expect(device.description).toMatch(/^.+, 8 GiB, compute capability 9\.0, driver for CUDA 13\.0$/);
  });
});

describe.skipIf(missing !== null)(title("programs on a card"), () => {
  it("run as often as wanted on what the buffers then hold", async () => {
    using device = await open();
    const { a, b } = pairOf(device);
    using program = device.record((operations) => operations.add(a, b));
    expect(program.operations).toBe(1);
    expect(await device.read(a)).toEqual(new Float32Array(6));
    for (const value of [1, 2, 3, 4]) {
      device.write(b, new Float32Array(6).fill(value));
      await device.run(program);
    }
    expect(await device.read(a)).toEqual(new Float32Array(6).fill(10));
    // The first run is not worth a graph; all others are one launch each.
    expect(emulator.report()).toMatchObject({ launches: 4, graphLaunches: 3 });
    expect(emulator.report().calls["cuGraphInstantiateWithFlags"]).toBe(1);
  });

  it("replayed as a graph give the bits of the first run", async () => {
    using device = await open();
    const { buffers, body, reset } = variedWork(device);
    using program = device.record(body);
    const results: Float32Array[][] = [];
    for (let run = 0; run < 3; run++) {
      reset();
      await device.run(program);
      results.push(await Promise.all(buffers.map((buffer) => device.read(buffer))));
    }
    reset();
    await device.run(program, new Map());
    results.push(await Promise.all(buffers.map((buffer) => device.read(buffer))));
    for (const result of results.slice(1)) expect(result).toEqual(results[0]);
    expect(results[0].flatMap((values) => [...values]).every(Number.isFinite)).toBe(true);
    expect(emulator.report().graphLaunches).toBe(2);
  });

  it("are forgotten once they are disposed, with the memory that was theirs", async () => {
    using device = await open();
    const { a } = pairOf(device);
    const square = device.allocate([{ name: "square", shape: [1], dtype: "f32" }]).get("square") as Buffer;
    const before = emulator.report().device.live;
    const programs = [1, 2, 3].map(() => device.record((operations) => operations.squaredNorm(square, a)));
    expect(emulator.report().device.live).toBe(before + 3);
    for (const program of programs) {
      await device.run(program);
      await device.run(program);
      program[Symbol.dispose]();
      program[Symbol.dispose]();
    }
    expect(emulator.report().device.live).toBe(before);
    const { calls } = emulator.report();
    expect(calls["cuGraphExecDestroy"]).toBe(3);
  });

  it("of different sizes compile each kernel once, at the same time", async () => {
    const lines: string[] = [];
    using device = await open({ cache: `${emulator.path}-${process.pid}-device`, report: (line) => lines.push(line) });
    const { a, b } = pairOf(device);
    const one = device.record((operations) => operations.add(a, b));
    const two = device.record((operations) => operations.add(device.view(a, "r", 0, [3]), device.view(b, "s", 0, [3])));
    await device.run(one);
    await device.run(two);
    expect(lines.filter((line) => line.startsWith("compiling add.cu")).length).toBeLessThanOrEqual(2);
    const { calls } = emulator.report();
    expect(calls["cuModuleLoadDataEx"]).toBe(calls["nvrtcCompileProgram"] ?? calls["cuModuleLoadDataEx"]);
  });
});

describe.skipIf(missing !== null)(title("a card that is full"), () => {
  const huge: BufferSpec[] = [PAIR[0], { name: "huge", shape: [2 ** 25], dtype: "f32" }];

  it("says what is short when a table does not fit, and goes on", async () => {
    emulator.set("memoryBytes", 100 << 20);
    using device = await open();
    expect(() => device.allocate(huge)).toThrow(UserError);
    expect(() => device.allocate(huge)).toThrow(
      /not enough memory[\s\S]*128 MiB[\s\S]*\d MiB free of 100 MiB[\s\S]*fewer rows[\s\S]*largest buffer is huge f32\[33554432\]/,
    );
    const { a } = pairOf(device);
    device.write(a, ONES);
    expect(await device.read(a)).toEqual(ONES);
  });

  it("says so when a program's scratch does not fit", async () => {
    emulator.set("memoryBytes", 40 << 20);
    using device = await open();
    const { a, table } = pairOf(device);
    const one = device.view(table, "one", 0, [1]);
    device.allocate([{ name: "filler", shape: [Math.floor(device.freeBytes / 4)], dtype: "f32" }]);
    expect(() => device.record((operations) => operations.squaredNorm(one, a))).toThrow(UserError);
    expect(() => device.record((operations) => operations.squaredNorm(one, a))).toThrow(/largest buffer is scratch/);
  });

  it("that cannot even hold the workspace of products is not opened", async () => {
    emulator.set("memoryBytes", 1 << 20);
    await expect(open()).rejects.toThrow(/not enough memory[\s\S]*scratch memory of matrix products/);
  });
});

/** Kernels, products, a fill and a copy over a few buffers, with the values that each run begins with. */
function variedWork(device: Awaited<ReturnType<typeof open>>): {
  readonly buffers: readonly Buffer[];
  readonly body: (operations: Operations) => void;
  readonly reset: () => void;
} {
  const shape = [8, 16];
  const specs: BufferSpec[] = [
    ...["x", "y", "z", "copied"].map((name) => ({ name, shape, dtype: "f32" as const })),
    { name: "w", shape: [16, 16], dtype: "f32" },
    { name: "norm", shape: [16], dtype: "f32" },
    { name: "rstd", shape: [8], dtype: "f32" },
    { name: "square", shape: [1], dtype: "f32" },
    { name: "ids", shape: [8], dtype: "i32" },
  ];
  const all = device.allocate(specs);
  const [x, y, z, copied, w, norm, rstd, square, ids] = [...all.values()];
  const values = (buffer: Buffer): Float32Array =>
    Float32Array.from({ length: buffer.size }, (_, index) => Math.sin(index + buffer.size));
  return {
    buffers: [x, y, z, copied, w, rstd, square],
    body: (operations) => {
      operations.embed(x, w, ids);
      operations.matmul(y, x, w, { transposeB: true });
      operations.rmsNorm(z, rstd, y, x, norm, 1e-5);
      operations.zero(x);
      operations.copy(copied, z);
      operations.embedBackward(w, z, ids);
      operations.squaredNorm(square, w);
    },
    reset: () => {
      for (const buffer of [x, y, z, copied, w, norm]) device.write(buffer, values(buffer));
      device.write(ids, Int32Array.of(0, 3, 3, 15, 7, 3, 0, 1));
    },
  };
}
