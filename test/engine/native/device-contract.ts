/** What every device with memory of its own does: memory, programs, and words for every misuse. The numbers are in the kernels' tests. */
import { expect, it } from "vitest";
import type { Buffer, BufferSpec, Device, Timings } from "../../../src/engine/native/device.js";
import { misuseContract } from "./device-contract-misuse.js";
import { longProgram, ONES, PAIR, pairOf, type Work } from "./small-buffers.js";

export interface DeviceUnderTest {
  /** A suite, skipped where there is no such device. */
  readonly describe: (title: string, body: () => void) => void;
  readonly open: () => Promise<Device>;
  /** Every buffer of a table begins at a multiple of so many bytes. */
  readonly alignment: number;
  /** Takes some milliseconds. */
  readonly long: Work;
}

export function deviceContract(device: DeviceUnderTest): void {
  device.describe("memory", () => memoryContract(device));
  device.describe("programs", () => programContract(device));
  device.describe("misuse", () => misuseContract(device));
}

function memoryContract({ open, alignment }: DeviceUnderTest): void {
  it("is zero at first, aligned, and keeps what is written", async () => {
    using device = await open();
    const { a, b, ids } = pairOf(device);
    expect(await device.read(a)).toEqual(new Float32Array(6));
    device.write(a, Float32Array.of(1, 2, 3, 4, 5, 6));
    device.write(ids, Int32Array.of(3, 0));
    expect(await device.read(a)).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(await device.read(b)).toEqual(new Float32Array(6));
    const addresses = [a, b, ids].map((buffer) => ("address" in buffer ? (buffer.address as bigint) : 1n));
    expect(addresses.map((address) => address % BigInt(alignment))).toEqual([0n, 0n, 0n]);
  });

  it("views share it, also views of views", async () => {
    using device = await open();
    const { a } = pairOf(device);
    const view = device.view(device.view(a, "tail", 2, [4]), "two", 1, [1, 2]);
    expect(view).toMatchObject({ name: "two", shape: [1, 2], size: 2, dtype: "f32" });
    device.write(view, Float32Array.of(8, 9));
    expect([...(await device.read(a))]).toEqual([0, 0, 0, 8, 9, 0]);
  });

  it("is used until the last buffer of a table is given back; none is no memory", async () => {
    using device = await open();
    const { a, b, ids, table } = pairOf(device);
    using program = device.record((operations) => operations.add(a, b));
    device.free([a, ids, table]);
    device.write(b, ONES);
    await device.run(program);
    device.free([b]);
    expect(() => device.write(b, ONES)).toThrow("b f32[2, 3] was given back");
    expect(device.allocate([]).size).toBe(0);
  });

  it.each([
    ["beyond the end", 3, [4]],
    ["before the beginning", -1, [2]],
    ["of nothing", 0, [0]],
    ["of a part of an element", 0.5, [1]],
    ["with a negative extent twice", 0, [-1, -2]],
    ["beyond the end of a view", 7, [1]],
  ])("refuses a view %s", async (_, start, shape) => {
    using device = await open();
    expect(() => device.view(pairOf(device).a, "v", start, shape)).toThrow("is not within a f32[2, 3]");
  });

  it("refuses a view beyond the view that it is of", async () => {
    using device = await open();
    const head = device.view(pairOf(device).a, "head", 0, [3]);
    expect(() => device.view(head, "v", 1, [3])).toThrow("view v [3] at 1 is not within head f32[3]");
  });

  it("refuses data of another size or dtype, and reading indices", async () => {
    using device = await open();
    const { a, ids } = pairOf(device);
    expect(() => device.write(a, new Float32Array(5))).toThrow("a f32[2, 3] cannot take 5 values of f32");
    expect(() => device.write(a, new Int32Array(6))).toThrow("a f32[2, 3] cannot take 6 values of i32");
    expect(() => device.write(ids, new Float32Array(2))).toThrow("ids i32[2] cannot take 2 values of f32");
    await expect(device.read(ids)).rejects.toThrow("ids i32[2] cannot be read");
    await expect(device.readInto(a, new Float32Array(5))).rejects.toThrow(/cannot (fill|be read into) 5 values/);
    await expect(device.readInto(a, new Uint16Array(6))).rejects.toThrow(/cannot (fill|be read into) 6 values/);
  });

  it("reads into memory that is there", async () => {
    using device = await open();
    const { a } = pairOf(device);
    device.write(a, Float32Array.of(1, 2, 3, 4, 5, 6));
    const all = new Float32Array(8);
    await device.readInto(a, all.subarray(1, 7));
    expect([...all]).toEqual([0, 1, 2, 3, 4, 5, 6, 0]);
  });

  it.each([[[0]], [[2, -1]], [[1.5]], [[Number.NaN]]])("refuses the shape %s", async (shape) => {
    using device = await open();
    expect(() => device.allocate([{ name: "x", shape, dtype: "f32" }])).toThrow("extents must be whole and positive");
  });

  it("refuses two buffers of one name", async () => {
    using device = await open();
    expect(() => device.allocate([PAIR[0], PAIR[0]])).toThrow("two buffers are named a");
  });
}

function programContract({ open, long }: DeviceUnderTest): void {
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
  });

  it("may be empty", async () => {
    using device = await open();
    using program = device.record(() => {});
    for (let run = 0; run < 3; run++) await device.run(program);
    await device.run(program, new Map());
    expect(program.operations).toBe(0);
  });

  it("leave the event loop free", async () => {
    using device = await open();
    const { program } = longProgram(device, long);
    let turns = 0;
    const running = device.run(program).then(() => turns);
    const count = (): void => {
      turns++;
      pending = setImmediate(count);
    };
    let pending = setImmediate(count);
    expect(await running).toBeGreaterThan(0);
    clearImmediate(pending);
  });

  it("add their times by operation when asked, each kind as often as it was called", async () => {
    using device = await open();
    const { a, b } = pairOf(device);
    using program = device.record((operations) => {
      operations.add(a, b);
      operations.copy(a, b);
      operations.add(a, b);
      operations.zero(b);
    });
    const timings: Timings = new Map([["add", { ms: 1000, calls: 5 }]]);
    await device.run(program, timings);
    expect(timings.get("add")?.ms).toBeGreaterThan(1000);
    // Six values each: read twice and written once; read and written; written.
    expect(timings.get("add")).toMatchObject({ calls: 7, bytes: 2 * 3 * 6 * 4, flops: 0 });
    expect(timings.get("copy")).toMatchObject({ calls: 1, bytes: 2 * 6 * 4, flops: 0 });
    expect(timings.get("zero")).toMatchObject({ calls: 1, bytes: 6 * 4 });
    for (const { ms } of timings.values()) expect(ms).toBeGreaterThan(0);
    expect([...timings.keys()].sort()).toEqual(["add", "copy", "zero"]);
  });

  it.each([
    [Int32Array.of(0, 4), "ids i32[2]: element 1 is 4, expected 0 to 3"],
    [Int32Array.of(-1, 0), "ids i32[2]: element 0 is -1, expected 0 to 3"],
  ])("are refused while an index leaves its table, at the first run and at later ones: %s", async (values, message) => {
    using device = await open();
    const { a, ids, table } = pairOf(device);
    using program = device.record((operations) => operations.embed(a, table, ids));
    device.write(ids, values);
    await expect(device.run(program)).rejects.toThrow(message);
    device.write(ids, Int32Array.of(3, 3));
    await device.run(program);
    await device.run(program);
    device.write(ids, values);
    await expect(device.run(program)).rejects.toThrow(message);
    await expect(device.run(program, new Map())).rejects.toThrow(message);
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
    const [out, lse, qkv, starts] = [...device.allocate(specs).values()] as [Buffer, Buffer, Buffer, Buffer];
    using program = device.record((operations) => operations.attention(out, lse, qkv, starts, shape));
    device.write(starts, Int32Array.of(0, 1, 1, 1));
    await expect(device.run(program)).rejects.toThrow("element 2 is 1, expected 0 to 0");
  });
}
