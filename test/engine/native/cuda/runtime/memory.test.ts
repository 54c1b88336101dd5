/** Arenas of device memory, and copies through pinned memory with conversion to bf16 and back. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../../../../src/base/errors.js";
import { CONSTANTS as C } from "../../../../../src/engine/native/cuda/ffi/driver.js";
import { type Context, openContext } from "../../../../../src/engine/native/cuda/runtime/context.js";
import { Arena } from "../../../../../src/engine/native/cuda/runtime/memory.js";
import { type Span, Staging } from "../../../../../src/engine/native/cuda/runtime/staging.js";
import { DTYPE_BYTES } from "../../../../../src/engine/native/device.js";
import { FakeDriver } from "./fake-driver.js";

let fake: FakeDriver;
let context: Context;

beforeEach(() => {
  fake = new FakeDriver();
  context = openContext(fake.driver);
});

afterEach(() => {
  context[Symbol.dispose]();
  expect([...fake.live.values()]).toEqual([]);
});

async function read(staging: Staging, span: Span): Promise<number[]> {
  const values = span.dtype === "i32" ? new Int32Array(span.size) : new Float32Array(span.size);
  await staging.download(span, values);
  return [...values];
}

describe("Arena", () => {
  it("is one zeroed allocation of aligned buffers of three types", async () => {
    using arena = new Arena(context, [
      { name: "half", shape: [3, 43], dtype: "bf16" },
      { name: "whole", shape: [65], dtype: "f32" },
      { name: "ids", shape: [1], dtype: "i32" },
    ]);
    using staging = new Staging(context, 1024);
    expect([...arena.buffers.values()].map(({ startByte, bytes }) => [startByte, bytes])).toEqual([
      [0, 258],
      [512, 260],
      [1024, 4],
    ]);
    expect(arena.bytes).toBe(1280);
    expect(fake.count("memory")).toBe(1);
    for (const buffer of arena.buffers.values()) {
      expect(buffer.address % 256n).toBe(0n);
      expect(new Set(await read(staging, buffer))).toEqual(new Set([0]));
    }
  });

  it("is freed with its last buffer", () => {
    const arena = new Arena(context, [
      { name: "a", shape: [1], dtype: "f32" },
      { name: "b", shape: [1], dtype: "f32" },
    ]);
    const [a, b] = [...arena.buffers.values()];
    arena.release(a);
    arena.release(a);
    expect(arena.freed).toBe(false);
    arena.release(b);
    expect(arena.freed).toBe(true);
    arena[Symbol.dispose]();
  });

  it("has views that share its memory", () => {
    using arena = new Arena(context, [{ name: "x", shape: [4, 4], dtype: "bf16" }]);
    const [x] = [...arena.buffers.values()];
    const view = x.view("row", 4, [4]);
    expect(view.address - x.address).toBe(8n);
    expect(view.view("tail", 1, [3]).address - x.address).toBe(10n);
    for (const [start, shape] of [
      [13, [4]],
      [-1, [1]],
      [0, [0]],
      [0.5, [1]],
    ] as const)
      expect(() => x.view("row", start, shape)).toThrow("is not within x bf16[4, 4]");
  });

  it.each([
    ["no buffers", [], "must not be empty"],
    ["a name twice", [1, 1].map((extent) => ({ name: "x", shape: [extent], dtype: "f32" as const })), "named x"],
    ["an empty shape", [{ name: "x", shape: [0], dtype: "f32" as const }], "[0]; extents must be whole and positive"],
  ])("refuses %s", (_, specs, problem) => {
    expect(() => new Arena(context, specs)).toThrow(problem);
  });

  it.each([1 << 28, Number.MAX_SAFE_INTEGER])(
    "says how much is missing and what is largest, for %i elements",
    (size) => {
      const error = (() => {
        try {
          new Arena(context, [
            { name: "small", shape: [8], dtype: "f32" },
            { name: "logits", shape: [size], dtype: "f32" },
          ]);
        } catch (thrown) {
          return thrown;
        }
        return null;
      })();
      expect(error).toBeInstanceOf(UserError);
      expect(String(error)).toContain("Fake 100 has not enough memory");
      expect(String(error)).toContain("got: 1 GiB free of 1 GiB");
      expect(String(error)).toContain(`the largest buffer is logits f32[${size}]`);
    },
  );

  it("frees what it could not fill with zeros", () => {
    fake.failures.set("cuMemsetD8Async", C.CUDA_ERROR_INVALID_DEVICE);
    expect(() => new Arena(context, [{ name: "x", shape: [1], dtype: "f32" }])).toThrow("with zeros");
    expect(fake.count("memory")).toBe(0);
  });

  it("knows the bytes of an element", () => {
    expect(DTYPE_BYTES).toEqual({ f32: 4, i32: 4, bf16: 2 });
  });
});

describe("Staging", () => {
  it.each([
    ["less than a slot", 5],
    ["exactly a slot", 16],
    ["a slot and one", 17],
    ["many slots", 16 * 5 + 3],
  ])("carries %s of every type there and back", async (_, size) => {
    using arena = new Arena(context, [
      { name: "f32", shape: [size], dtype: "f32" },
      { name: "i32", shape: [size], dtype: "i32" },
      { name: "bf16", shape: [size], dtype: "bf16" },
    ]);
    using staging = new Staging(context, 64);
    const values = Float32Array.from({ length: size }, (_, index) => index - 3);
    for (const buffer of arena.buffers.values())
      staging.upload(buffer, buffer.dtype === "i32" ? Int32Array.from(values) : values);
    for (const buffer of arena.buffers.values()) expect(await read(staging, buffer)).toEqual([...values]);
  });

  it("rounds to the nearest on the way to bf16", async () => {
    using arena = new Arena(context, [{ name: "x", shape: [3], dtype: "bf16" }]);
    using staging = new Staging(context, 64);
    const [x] = arena.buffers.values();
    staging.upload(x, Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, Number.NaN));
    expect(await read(staging, x)).toEqual([1, 1 + 2 ** -6, Number.NaN]);
  });

  it("carries the bits of bf16 numbers as they are", async () => {
    using arena = new Arena(context, [
      { name: "bf16", shape: [70], dtype: "bf16" },
      { name: "f32", shape: [70], dtype: "f32" },
    ]);
    using staging = new Staging(context, 64);
    const [x, y] = arena.buffers.values();
    const bits = Uint16Array.from({ length: 70 }, (_, index) => 0x7f81 + 911 * index);
    staging.upload(x, bits);
    const found = new Uint16Array(70);
    await staging.download(x, found);
    expect(found).toEqual(bits);
    expect(() => staging.download(y, found)).toThrow("70 elements of f32 cannot fill 70 values of bf16");
  });

  it("keeps downloads that are asked for at once apart", async () => {
    using arena = new Arena(context, [
      { name: "a", shape: [100], dtype: "f32" },
      { name: "b", shape: [100], dtype: "f32" },
    ]);
    using staging = new Staging(context, 64);
    const [a, b] = arena.buffers.values();
    staging.upload(a, new Float32Array(100).fill(1));
    staging.upload(b, new Float32Array(100).fill(2));
    fake.delays = 2;
    const [first, second] = await Promise.all([read(staging, a), read(staging, b)]);
    expect([new Set(first), new Set(second)]).toEqual([new Set([1]), new Set([2])]);
  });

  it("goes on after a download that failed", async () => {
    using arena = new Arena(context, [{ name: "a", shape: [2], dtype: "f32" }]);
    using staging = new Staging(context, 64);
    const [a] = arena.buffers.values();
    fake.failures.set("cuMemcpyDtoHAsync_v2", C.CUDA_ERROR_INVALID_DEVICE);
    await expect(read(staging, a)).rejects.toThrow("copy 8 B from the card");
    fake.failures.clear();
    expect(await read(staging, a)).toEqual([0, 0]);
  });

  it("refuses data of another type or length", () => {
    using arena = new Arena(context, [{ name: "a", shape: [2], dtype: "f32" }]);
    using staging = new Staging(context, 64);
    const [a] = arena.buffers.values();
    expect(() => staging.upload(a, new Int32Array(2))).toThrow("2 elements of f32 cannot take 2 values of i32");
    expect(() => staging.download(a, new Float32Array(3))).toThrow("2 elements of f32 cannot fill 3 values of f32");
  });

  it.each([
    ["cuMemHostAlloc", "pin 64 B of the machine's memory"],
    ["cuEventCreate", "make an event"],
  ])("says so when %s fails at the third slot, and keeps nothing", (name, problem) => {
    fake.failures.set(name, C.CUDA_ERROR_OUT_OF_MEMORY);
    fake.successes.set(name, 2);
    expect(() => new Staging(context, 64)).toThrow(problem);
    expect([fake.count("pinned"), fake.count("event")]).toEqual([0, 0]);
  });
});
