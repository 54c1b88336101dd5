/** Memory and programs of the CPU device; the kernels' numbers are in the kernel tests. */
import { freemem, totalmem } from "node:os";
import { expect, it } from "vitest";
import { UserError } from "../../../../src/base/errors.js";
import type { Buffer, BufferSpec, Timings } from "../../../../src/engine/native/device.js";
import { NativeEngine } from "../../../../src/engine/native/engine.js";
import { PRECISIONS } from "../../../../src/engine/native/precision.js";
import { parameterTable } from "../../../../src/model/parameters.js";
import { architectureOf } from "../../cases.js";
import { describeKernels } from "./kernel-devices.js";
import { ONES, open, PAIR, pairOf } from "./small-device.js";

describeKernels("memory", () => {
  it("is zero at first, aligned to cache lines, and keeps what is written", async () => {
    using device = await open();
    const { a, b, ids } = pairOf(device);
    expect(await device.read(a)).toEqual(new Float32Array(6));
    device.write(a, Float32Array.of(1, 2, 3, 4, 5, 6));
    device.write(ids, Int32Array.of(7, -8));
    expect(await device.read(a)).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(await device.read(b)).toEqual(new Float32Array(6));
    const addresses = [a, b, ids].map((buffer) => ("address" in buffer ? (buffer.address as bigint) : 1n));
    expect(addresses.map((address) => address % 64n)).toEqual([0n, 0n, 0n]);
  });

  it("views share it, also views of views", async () => {
    using device = await open();
    const { a } = pairOf(device);
    const view = device.view(device.view(a, "tail", 2, [4]), "two", 1, [1, 2]);
    expect(view).toMatchObject({ name: "two", shape: [1, 2], size: 2, dtype: "f32" });
    device.write(view, Float32Array.of(8, 9));
    expect([...(await device.read(a))]).toEqual([0, 0, 0, 8, 9, 0]);
  });

  it.each([
    ["beyond the end", 3, [4]],
    ["before the beginning", -1, [2]],
    ["of nothing", 0, [0]],
    ["of a part of an element", 0.5, [1]],
    ["with a negative extent twice", 0, [-1, -2]],
  ])("refuses a view %s", async (_, start, shape) => {
    using device = await open();
    expect(() => device.view(pairOf(device).a, "v", start, shape)).toThrow("is not within a f32[2, 3]");
  });

  it("refuses data of another size or dtype, and reading indices", async () => {
    using device = await open();
    const { a, ids } = pairOf(device);
    expect(() => device.write(a, new Float32Array(5))).toThrow("a f32[2, 3] cannot take 5 values of f32");
    expect(() => device.write(a, new Int32Array(6))).toThrow("a f32[2, 3] cannot take 6 values of i32");
    await expect(device.read(ids)).rejects.toThrow("ids i32[2] cannot be read");
  });

  it.each([[[0]], [[2, -1]], [[1.5]], [[Number.NaN]]])("refuses the shape %s", async (shape) => {
    using device = await open();
    expect(() => device.allocate([{ name: "x", shape, dtype: "f32" }])).toThrow("extents must be whole and positive");
  });

  it("refuses bf16 by its own name, before it takes memory", async () => {
    using device = await open();
    const table: BufferSpec[] = [PAIR[0], { name: "narrow", shape: [2 ** 50], dtype: "bf16" }];
    const refusal = `${device.description}: no kernels for bf16, asked for by narrow`;
    expect(device.description).toMatch(/^CPU/);
    expect(() => device.allocate(table)).toThrow(refusal);
    const architecture = architectureOf();
    const options = { name: "native-cpu", precision: PRECISIONS.bf16 };
    const engine = () => new NativeEngine(architecture, parameterTable(architecture), device, options);
    expect(engine).toThrow(/^CPU.* no kernels for bf16, asked for by weight$/);
  });

  it("refuses two buffers of one name; none is no memory", async () => {
    using device = await open();
    expect(() => device.allocate([PAIR[0], PAIR[0]])).toThrow("two buffers are named a");
    expect(device.allocate([]).size).toBe(0);
  });

  it.each([
    ["more than this machine has", totalmem() / 4],
    ["more than any machine has", 2 ** 50],
  ])("says what is short when a table needs %s", async (_, elements) => {
    using device = await open();
    const table: BufferSpec[] = [PAIR[0], { name: "huge", shape: [elements], dtype: "f32" }];
    expect(() => device.allocate(table)).toThrow(UserError);
    expect(() => device.allocate(table)).toThrow(/not enough memory[\s\S]* free[\s\S]*largest buffer is huge/);
  });

  it.skipIf(freemem() < 6 * 2 ** 30)(
    "takes more than 4 GiB at once (skipped where less than 6 GiB are free)",
    async () => {
      using device = await open();
      const large = device.allocate([{ name: "large", shape: [5 * 2 ** 28], dtype: "f32" }]).get("large") as Buffer;
      const end = device.view(large, "end", large.size - 2, [2]);
      device.write(end, Float32Array.of(1, 2));
      expect(await device.read(end)).toEqual(Float32Array.of(1, 2));
    },
  );

  it("is given back with the last buffer of a table, after which buffers and programs are refused", async () => {
    using device = await open();
    const { a, b, ids, table } = pairOf(device);
    using program = device.record((operations) => operations.add(a, b));
    device.free([a, ids, table]);
    device.write(b, ONES);
    await device.run(program);
    device.free([b]);
    expect(() => device.write(b, ONES)).toThrow("b f32[2, 3] was given back");
    await expect(device.run(program)).rejects.toThrow("uses buffers that were given back");
  });
});

describeKernels("programs", () => {
  it("run as often as wanted on what the buffers then hold", async () => {
    using device = await open();
    const { a, b } = pairOf(device);
    using program = device.record((operations) => operations.add(a, b));
    expect(program.operations).toBe(1);
    expect(await device.read(a)).toEqual(new Float32Array(6));
    for (const value of [1, 2]) {
      device.write(b, new Float32Array(6).fill(value));
      await device.run(program);
    }
    expect(await device.read(a)).toEqual(new Float32Array(6).fill(3));
  });

  it("may be empty", async () => {
    using device = await open();
    using program = device.record(() => {});
    await device.run(program);
    expect(program.operations).toBe(0);
  });

  it("leave the event loop free", async () => {
    using device = await open();
    const specs = ["x", "y", "z"].map((name): BufferSpec => ({ name, shape: [512, 512], dtype: "f32" }));
    const [x, y, z] = [...device.allocate(specs).values()];
    using program = device.record((operations) => {
      for (let time = 0; time < 100; time++) operations.matmul(x, y, z);
    });
    let turns = 0;
    const clock = setInterval(() => turns++, 1);
    await device.run(program);
    clearInterval(clock);
    expect(turns).toBeGreaterThan(3);
  });

  it("add their times by operation when asked", async () => {
    using device = await open();
    const { a, b } = pairOf(device);
    using program = device.record((operations) => {
      operations.add(a, b);
      operations.copy(a, b);
    });
    const timings: Timings = new Map([["add", { ms: 1000, calls: 5 }]]);
    await device.run(program, timings);
    expect(timings.get("add")?.ms).toBeGreaterThan(1000);
    expect(timings.get("add")?.calls).toBe(6);
    expect(timings.get("copy")?.ms).toBeGreaterThan(0);
    expect(timings.get("copy")?.calls).toBe(1);
    // Six values each: read twice and written once; read and written.
    expect(timings.get("add")).toMatchObject({ bytes: 3 * 6 * 4, flops: 0 });
    expect(timings.get("copy")).toMatchObject({ bytes: 2 * 6 * 4, flops: 0 });
    expect([...timings.keys()].sort()).toEqual(["add", "copy"]);
  });

  it("are refused at recording for wrong shapes and shared memory", async () => {
    using device = await open();
    const { a, b, table } = pairOf(device);
    expect(() => device.record((operations) => operations.add(a, table))).toThrow("add(out: a f32[2, 3]; x: table");
    expect(() =>
      device.record((operations) => operations.copy(device.view(a, "head", 0, [3]), device.view(a, "mid", 1, [3]))),
    ).toThrow("shares memory with mid");
    expect(() => device.record((operations) => operations.copy(a, b)).operations).not.toThrow();
  });

  it.each([
    [Int32Array.of(0, 4), "ids i32[2]: element 1 is 4, expected 0 to 3"],
    [Int32Array.of(-1, 0), "ids i32[2]: element 0 is -1, expected 0 to 3"],
  ])("are refused while an index leaves its table: %s", async (values, message) => {
    using device = await open();
    const { a, ids, table } = pairOf(device);
    using program = device.record((operations) => operations.embed(a, table, ids));
    device.write(ids, values);
    await expect(device.run(program)).rejects.toThrow(message);
    device.write(ids, Int32Array.of(3, 3));
    await device.run(program);
  });

  it("are refused while a document starts after its token", async () => {
    using device = await open();
    const shape = { B: 2, T: 2, H: 1, K: 1, D: 2, window: null };
    const specs: BufferSpec[] = [
      { name: "out", shape: [4, 2], dtype: "f32" },
      { name: "lse", shape: [4], dtype: "f32" },
      { name: "qkv", shape: [4, 6], dtype: "f32" },
      { name: "starts", shape: [4], dtype: "i32" },
    ];
    const [out, lse, qkv, starts] = [...device.allocate(specs).values()];
    using program = device.record((operations) => operations.attention(out, lse, qkv, starts, shape));
    device.write(starts, Int32Array.of(0, 1, 1, 1));
    await expect(device.run(program)).rejects.toThrow("element 2 is 1, expected 0 to 0");
  });
});
