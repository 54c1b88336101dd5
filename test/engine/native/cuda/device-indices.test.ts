/**
 * Indices are checked on the host before a kernel follows them: the device remembers what was written, whole or in parts, through buffers and
 * views, and forgets it with the memory.
 */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CudaDevice } from "../../../../src/engine/native/cuda/device.js";
import type { Buffer, BufferSpec, Program } from "../../../../src/engine/native/device.js";
import { pairOf } from "../small-buffers.js";
import { emulator, missing, open } from "./small-card.js";

beforeEach(() => emulator.reset());
afterEach(() => {
  const { device, errors } = emulator.report();
  expect([device.live, errors]).toEqual([0, []]);
});

const ROWS = 10;
const SPECS: readonly BufferSpec[] = [
  { name: "out", shape: [ROWS, 3], dtype: "f32" },
  { name: "table", shape: [4, 3], dtype: "f32" },
  { name: "ids", shape: [ROWS], dtype: "i32" },
  { name: "others", shape: [ROWS], dtype: "i32" },
];

/** A gather from a table of four rows. */
function gather(device: CudaDevice): { readonly program: Program; readonly ids: Buffer; readonly buffers: Buffer[] } {
  const buffers = [...device.allocate(SPECS).values()];
  const [out, table, ids] = buffers;
  return { program: device.record((operations) => operations.embed(out, table, ids)), ids, buffers };
}

describe.skipIf(missing !== null)(missing === null ? "indices" : `indices (skipped: ${missing})`, () => {
  it("are zeros before anything is written", async () => {
    using device = await open();
    const { program, buffers } = gather(device);
    const [out, table] = buffers;
    device.write(
      table,
      Float32Array.from({ length: 12 }, (_, index) => index),
    );
    await device.run(program);
    expect([...(await device.read(out))]).toEqual(Array.from({ length: 3 * ROWS }, (_, index) => index % 3));
  });

  it.each([
    [Int32Array.of(0, 4), "ids i32[2]: element 1 is 4, expected 0 to 3"],
    [Int32Array.of(-1, 0), "ids i32[2]: element 0 is -1, expected 0 to 3"],
  ])("that leave their table are refused, at the first run and at a replay: %s", async (values, message) => {
    using device = await open();
    const { a, ids, table } = pairOf(device);
    using program = device.record((operations) => operations.embed(a, table, ids));
    device.write(ids, values);
    await expect(device.run(program)).rejects.toThrow(message);
    expect(emulator.report().launches).toBe(0);
    device.write(ids, Int32Array.of(3, 3));
    await device.run(program);
    await device.run(program);
    device.write(ids, values);
    await expect(device.run(program)).rejects.toThrow(message);
    await expect(device.run(program, new Map())).rejects.toThrow(message);
  });

  it("written through a view are seen by programs over the whole buffer, and the other way round", async () => {
    using device = await open();
    const { program, ids, buffers } = gather(device);
    const [out, table] = buffers;
    device.write(ids, new Int32Array(ROWS).fill(1));
    const tail = device.view(ids, "tail", 7, [3]);
    const deep = device.view(tail, "deep", 1, [1]);
    device.write(deep, Int32Array.of(9));
    await expect(device.run(program)).rejects.toThrow("ids i32[10]: element 8 is 9, expected 0 to 3");
    const rows = device.view(out, "rows", 0, [3, 3]);
    using over = device.record((operations) => operations.embed(rows, table, tail));
    await expect(device.run(over)).rejects.toThrow("tail i32[3]: element 1 is 9, expected 0 to 3");
    device.write(ids, new Int32Array(ROWS).fill(3));
    await device.run(over);
    await device.run(program);
  });

  it("at the beginning of a buffer do not hide the rest of it", async () => {
    using device = await open();
    const { program, ids } = gather(device);
    device.write(ids, new Int32Array(ROWS).fill(0).with(5, 77));
    device.write(device.view(ids, "head", 0, [2]), Int32Array.of(1, 2));
    await expect(device.run(program)).rejects.toThrow("element 5 is 77");
  });

  it("do not change what was written when the caller's array changes", async () => {
    using device = await open();
    const { program, ids } = gather(device);
    const values = new Int32Array(ROWS);
    device.write(ids, values);
    values.fill(99);
    await device.run(program);
  });

  it("are forgotten with their memory: what takes its place is zero again", async () => {
    using device = await open();
    const first = gather(device);
    device.write(first.ids, new Int32Array(ROWS).fill(50));
    device.free(first.buffers);
    const second = gather(device);
    await device.run(second.program);
  });

  it("are known whatever is written where: like an array", async () => {
    using device = await open();
    const { program, ids, buffers } = gather(device);
    const write = fc.record({
      start: fc.nat(ROWS - 1),
      values: fc.array(fc.integer({ min: -1, max: 5 }), { minLength: 1, maxLength: ROWS }),
      other: fc.boolean(),
    });
    const expected = new Int32Array(ROWS);
    await fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 4 }), async (writes) => {
        for (const { start, values, other } of writes) {
          const fitting = Int32Array.from(values.slice(0, ROWS - start));
          device.write(device.view(other ? buffers[3] : ids, "v", start, [fitting.length]), fitting);
          if (!other) expected.set(fitting, start);
        }
        const wrong = expected.findIndex((value) => value < 0 || value > 3);
        const running = device.run(program);
        if (wrong < 0) await running;
        else await expect(running).rejects.toThrow(`element ${wrong} is ${expected[wrong]}, expected 0 to 3`);
      }),
      { numRuns: 60 },
    );
  });
});
