import { writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ShardFile } from "../../../src/data/shards/shard-file.js";
import type { ValueType } from "../../../src/data/shards/shard-layout.js";
import { readValues } from "../../../src/data/shards/shard-values.js";
import { temporaryFolder } from "./shard-samples.js";

/** Reads `length` values of a file made of `bytes`. */
async function read(bytes: Uint8Array, type: ValueType, from: number, length: number, limit: number, at = 0) {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("a"), bytes);
  using file = new ShardFile(folder.file("a"));
  const into = new Int32Array(length);
  const bad = readValues(file, { at, type }, from, into, limit);
  return { into, bad };
}

const ARRAYS = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
} as const;
const NARROW = Object.keys(ARRAYS) as (keyof typeof ARRAYS)[];

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

describe("readValues", () => {
  it.each(NARROW)("reads %s values from any place", async (type) => {
    const values = ARRAYS[type].from([0, 1, 2, 100, 127, 5, 6]);
    const shifted = new Uint8Array(values.byteLength + 16);
    shifted.set(bytesOf(values), 16);
    expect(await read(shifted, type, 2, 4, 128, 16)).toEqual({ into: Int32Array.of(2, 100, 127, 5), bad: null });
  });

  it.each(["int64", "uint64"] as const)("reads %s values", async (type) => {
    const values = BigInt64Array.of(9n, 0n, 2n ** 31n - 2n, 7n);
    expect(await read(bytesOf(values), type, 1, 3, 2 ** 31 - 1)).toEqual({
      into: Int32Array.of(0, 2 ** 31 - 2, 7),
      bad: null,
    });
  });

  it.each([
    ["int8", Int8Array.of(1, 2, -1), "-1"],
    ["uint8", Uint8Array.of(1, 2, 50), "50"],
    ["int16", Int16Array.of(1, 2, -300), "-300"],
    ["uint16", Uint16Array.of(1, 2, 65535), "65535"],
    ["int32", Int32Array.of(1, 2, -2147483648), "-2147483648"],
    ["uint32", Uint32Array.of(1, 2, 4294967295), "4294967295"],
    ["int64", BigInt64Array.of(1n, 2n, -1n), "-1"],
    ["int64", BigInt64Array.of(1n, 2n, 2n ** 32n + 3n), "4294967299"],
    ["int64", BigInt64Array.of(1n, 2n, 2n ** 31n), "2147483648"],
  ] as const)("stops at the first %s value out of bounds", async (type, values, value) => {
    expect((await read(bytesOf(values), type, 0, 3, 50)).bad).toEqual({ index: 2, value });
    expect((await read(bytesOf(values), type, 2, 1, 50)).bad).toEqual({ index: 0, value });
    expect((await read(bytesOf(values), type, 0, 2, 50)).bad).toBeNull();
  });

  it("does not take a value for a byte that it is not", async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file("a"), bytesOf(Int32Array.of(1, 256, 0)));
    using file = new ShardFile(folder.file("a"));
    expect(readValues(file, { at: 0, type: "int32" }, 0, new Uint8Array(3), 2)).toEqual({ index: 1, value: "256" });
  });

  it("reads bits from any bit on", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 6 }), fc.nat(), fc.nat(), async (bytes, a, b) => {
        const bits = Array.from({ length: bytes.length * 8 }, (_, i) => (bytes[i >> 3] >> (i & 7)) & 1);
        const from = a % bits.length;
        const length = b % (bits.length - from + 1);
        const { into, bad } = await read(bytes, "bool", from, length, 2);
        expect(Array.from(into)).toEqual(bits.slice(from, from + length));
        expect(bad).toBeNull();
      }),
    );
  });

  it("goes on where a piece ends, also with a value out of bounds", async () => {
    const values = Uint16Array.from({ length: 150_000 }, (_, i) => i % 60_000);
    const { into, bad } = await read(bytesOf(values), "uint16", 0, values.length, 60_000);
    expect(bad).toBeNull();
    expect(into.every((value, i) => value === i % 60_000)).toBe(true);
    values[140_000] = 60_001;
    expect((await read(bytesOf(values), "uint16", 5, values.length - 5, 60_000)).bad).toEqual({
      index: 139_995,
      value: "60001",
    });
  });
});

describe("ShardFile", () => {
  it("refuses to read outside the file or after its end", async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file("a"), "12345678");
    const file = new ShardFile(folder.file("a"));
    expect(file.slice(2, 3).toString()).toBe("345");
    for (const [at, length] of [
      [-1, 2],
      [0, 9],
      [8, 1],
      [2, -1],
    ] as const)
      expect(() => file.slice(at, length)).toThrow(RangeError);
    file[Symbol.dispose]();
    expect(() => file.slice(0, 1)).toThrow("closed");
    file[Symbol.dispose]();
  });
});
