/** The CUDA device used wrongly: every mistake is refused in words before the card sees it, and the device goes on working. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CudaDevice } from "../../../../src/engine/native/cuda/device.js";
import type { Buffer, BufferSpec, Program } from "../../../../src/engine/native/device.js";
import { plainDevice } from "../plain-device.js";
import { emulator, imbalances, missing, ONES, open, PAIR, pairOf } from "./small-card.js";

beforeEach(() => emulator.reset());
afterEach(() => {
  const report = emulator.report();
  expect([report.device.live, report.pinned.live, report.errors, imbalances(report)]).toEqual([0, 0, [], []]);
});

function longProgram(device: CudaDevice): { readonly program: Program; readonly x: Buffer } {
  const specs = ["x", "y", "z"].map((name): BufferSpec => ({ name, shape: [32, 32], dtype: "f32" }));
  const [x, y, z] = [...device.allocate(specs).values()];
  const program = device.record((operations) => {
    for (let time = 0; time < 20; time++) operations.matmul(x, y, z);
  });
  return { program, x };
}

describe.skipIf(missing !== null)(missing === null ? "misuse of memory" : `misuse (skipped: ${missing})`, () => {
  it.each([
    ["beyond the end", 3, [4]],
    ["before the beginning", -1, [2]],
    ["of nothing", 0, [0]],
    ["of a part of an element", 0.5, [1]],
    ["with a negative extent twice", 0, [-1, -2]],
    ["beyond the end of a view", 7, [1]],
  ])("a view %s", async (_, start, shape) => {
    using device = await open();
    expect(() => device.view(pairOf(device).a, "v", start, shape)).toThrow("is not within a [2, 3]");
  });

  it("a view beyond the view that it is of", async () => {
    using device = await open();
    const head = device.view(pairOf(device).a, "head", 0, [3]);
    expect(() => device.view(head, "v", 1, [3])).toThrow("view v [3] at 1 is not within head [3]");
  });

  it("data of another size or dtype, and reading indices", async () => {
    using device = await open();
    const { a, ids } = pairOf(device);
    expect(() => device.write(a, new Float32Array(5))).toThrow("a f32[2, 3] cannot take 5 values of f32");
    expect(() => device.write(a, new Int32Array(6))).toThrow("a f32[2, 3] cannot take 6 values of i32");
    expect(() => device.write(ids, new Float32Array(2))).toThrow("ids i32[2] cannot take 2 values of f32");
    await expect(device.read(ids)).rejects.toThrow("ids i32[2] cannot be read");
  });

  it.each([[[0]], [[2, -1]], [[1.5]], [[Number.NaN]]])("the shape %s", async (shape) => {
    using device = await open();
    expect(() => device.allocate([{ name: "x", shape, dtype: "f32" }])).toThrow("extents must be whole and positive");
  });

  it("two buffers of one name", async () => {
    using device = await open();
    expect(() => device.allocate([PAIR[0], PAIR[0]])).toThrow("two buffers are named a");
  });

  it("memory that was given back, its views, and programs over it", async () => {
    using device = await open();
    const buffers = pairOf(device);
    const { a, b } = buffers;
    const view = device.view(b, "v", 0, [3]);
    using program = device.record((operations) => operations.add(a, b));
    device.free(Object.values(buffers));
    for (const gone of [b, view]) {
      expect(() => device.write(gone, new Float32Array(gone.size))).toThrow("was given back");
      expect(() => device.view(gone, "w", 0, [1])).toThrow("was given back");
      expect(() => device.free([gone])).toThrow("was given back");
      await expect(device.read(gone)).rejects.toThrow("was given back");
    }
    expect(() => device.record((operations) => operations.add(a, b))).toThrow("a f32[2, 3] was given back");
    await expect(device.run(program)).rejects.toThrow("uses buffers that were given back");
  });

  it("buffers of another device, whether of another kind or of the same", async () => {
    using device = await open();
    using second = await open();
    using plain = plainDevice();
    const { a } = pairOf(device);
    for (const foreign of [plain.allocate(PAIR).get("b") as Buffer, pairOf(second).b]) {
      const refused = "b f32[2, 3] belongs to another device";
      expect(() => device.record((operations) => operations.add(a, foreign))).toThrow(refused);
      expect(() => device.write(foreign, ONES)).toThrow(refused);
      expect(() => device.view(foreign, "v", 0, [1])).toThrow(refused);
      expect(() => device.free([foreign])).toThrow(refused);
      await expect(device.read(foreign)).rejects.toThrow(refused);
    }
  });
});

describe.skipIf(missing !== null)("misuse of programs", () => {
  it("wrong shapes and shared memory, when they are recorded", async () => {
    using device = await open();
    const { a, b, table, ids } = pairOf(device);
    expect(() => device.record((operations) => operations.add(a, table))).toThrow("add(out: a f32[2, 3]; x: table");
    const overlapping = () => [device.view(a, "head", 0, [3]), device.view(a, "mid", 1, [3])] as const;
    expect(() => device.record((operations) => operations.copy(...overlapping()))).toThrow("shares memory with mid");
    // The host knows what indices there are, so the card may not change them.
    expect(() => device.record((operations) => operations.zero(ids))).toThrow(
      "zero: ids i32[2] can only be written by",
    );
    expect(() => device.record((operations) => operations.copy(a, b)).operations).not.toThrow();
  });

  it("takes nothing for a recording that fails after its scratch was taken", async () => {
    using device = await open();
    const spec = (name: string, shape: readonly number[]): BufferSpec => ({ name, shape, dtype: "bf16" });
    const X = 3 * 264;
    const table = [spec("qkv", [2, X]), spec("out", [2, 264]), spec("dOut", [2, 264]), spec("x", [8])];
    const [qkv, out, , x] = [...device.allocate(table).values()];
    const numbers: BufferSpec[] = [
      { name: "lse", shape: [2], dtype: "f32" },
      { name: "sum", shape: [1], dtype: "f32" },
      { name: "starts", shape: [2], dtype: "i32" },
    ];
    const [lse, sum, starts] = [...device.allocate(numbers).values()];
    const before = emulator.report().device.live;
    // No kernel of attention is that wide.
    const shape = { B: 1, T: 2, H: 1, K: 1, D: 264, window: null };
    expect(() =>
      device.record((operations) => {
        operations.squaredNorm(sum, x);
        operations.attention(out, lse, qkv, starts, shape);
      }),
    ).toThrow(/264/);
    expect(emulator.report().device.live).toBe(before);
  });

  it("a second run, reading, writing and freeing while a program runs", async () => {
    using device = await open();
    const { program, x } = longProgram(device);
    for (let round = 0; round < 2; round++) {
      const first = device.run(program);
      await expect(device.run(program)).rejects.toThrow("a program is running");
      await expect(device.read(x)).rejects.toThrow("a program is running");
      expect(() => device.write(x, new Float32Array(x.size))).toThrow("a program is running");
      expect(() => device.free([x])).toThrow("a program is running");
      await first;
    }
    await device.run(program);
  });

  it("running, writing and freeing while a buffer is read; other reads wait", async () => {
    using device = await open();
    const { program, x } = longProgram(device);
    const reads = [device.read(x), device.read(x)];
    const refused = "a buffer of this device is being read";
    await expect(device.run(program)).rejects.toThrow(refused);
    expect(() => device.write(x, new Float32Array(x.size))).toThrow(refused);
    expect(() => device.free([x])).toThrow(refused);
    expect(await Promise.all(reads)).toEqual([new Float32Array(x.size), new Float32Array(x.size)]);
    await device.run(program);
  });

  it("programs of another device, and disposed ones", async () => {
    using device = await open();
    using second = await open();
    using plain = plainDevice();
    for (const foreign of [plain.record(() => {}), second.record(() => {})])
      await expect(device.run(foreign)).rejects.toThrow("this program belongs to another device");
    const { a, b } = pairOf(device);
    const program = device.record((operations) => operations.add(a, b));
    program[Symbol.dispose]();
    await expect(device.run(program)).rejects.toThrow("this program was disposed");
  });
});

describe.skipIf(missing !== null)("disposal", () => {
  it("waits for a running program, then gives the memory back", async () => {
    const device = await open();
    const { program, x } = longProgram(device);
    await device.run(program);
    const running = device.run(program);
    program[Symbol.dispose]();
    device[Symbol.dispose]();
    expect(emulator.report().device.live).toBeGreaterThan(0);
    await running;
    expect(emulator.report().device.live).toBe(0);
    await expect(device.read(x)).rejects.toThrow("this device was disposed");
  });

  it("waits for a buffer that is being read", async () => {
    const device = await open();
    const { a } = pairOf(device);
    device.write(a, ONES);
    const reading = device.read(a);
    device[Symbol.dispose]();
    expect(await reading).toEqual(ONES);
    expect(emulator.report().device.live).toBe(0);
  });

  it("may happen twice, and everything is refused after it", async () => {
    const device = await open();
    const { a, b } = pairOf(device);
    const program = device.record((operations) => operations.add(a, b));
    device[Symbol.dispose]();
    device[Symbol.dispose]();
    const refused = "this device was disposed";
    expect(() => device.allocate(PAIR)).toThrow(refused);
    expect(() => device.write(a, ONES)).toThrow(refused);
    expect(() => device.view(a, "v", 0, [1])).toThrow(refused);
    expect(() => device.record(() => {})).toThrow(refused);
    expect(() => device.free([a])).toThrow(refused);
    await expect(device.read(a)).rejects.toThrow(refused);
    await expect(device.run(program)).rejects.toThrow(refused);
  });

  it("of one device leaves another one on the same card alone", async () => {
    using stays = await open();
    const { a, b } = pairOf(stays);
    const goes = await open();
    pairOf(goes);
    goes[Symbol.dispose]();
    stays.write(b, ONES);
    using program = stays.record((operations) => operations.add(a, b));
    await stays.run(program);
    expect(await stays.read(a)).toEqual(ONES);
  });
});
