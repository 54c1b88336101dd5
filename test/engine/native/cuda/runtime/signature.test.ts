/** Kernels' parameters read from their text, and arguments checked and packed against them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addressOf, viewOf } from "../../../../../src/engine/native/cuda/ffi/host-memory.js";
import { ArgumentBlock } from "../../../../../src/engine/native/cuda/runtime/argument-block.js";
import { KERNEL_FOLDER } from "../../../../../src/engine/native/cuda/runtime/kernel-source.js";
import type { Argument } from "../../../../../src/engine/native/cuda/runtime/launch.js";
import { checkArguments, signaturesOf } from "../../../../../src/engine/native/cuda/runtime/signature.js";

const TEXT = `
/* extern "C" __global__ void scale(int ghost) {} */
// __global__ void scale(int ghost)
__device__ float scale_one(float x) { return x; }
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS)
    scale(ACTIVATION *__restrict__ out_NC, const ACTIVATION* x, // a comment, with a comma
          unsigned long long key, const long long count, float factor, unsigned int n, size_t bytes, COUNT odd) { }
extern "C" __global__ void nothing() { scale_one(1.0f); }
extern "C" __global__ void nothing_either(void) {}
#ifdef EMULATED
extern "C" __global__ void twice(int a) {}
#else
extern "C" __global__ void twice(int a, float b) {}
#endif
`;

const GOOD: readonly Argument[] = [
  ...[{ pointer: 1n }, { pointer: null }, { i64: 1 }, { i64: 2 }, { f32: 3 }, { i32: 4 }, { i64: 5 }, { i32: 6 }],
];

describe("signaturesOf", () => {
  it("reads names and kinds, past comments, qualifiers and launch bounds", () => {
    expect(signaturesOf("a.cu", TEXT, "scale")).toEqual([
      [
        { name: "out_NC", kind: "pointer" },
        { name: "x", kind: "pointer" },
        { name: "key", kind: "i64" },
        { name: "count", kind: "i64" },
        { name: "factor", kind: "f32" },
        { name: "n", kind: "i32" },
        { name: "bytes", kind: "i64" },
        { name: "odd", kind: null },
      ],
    ]);
    for (const name of ["nothing", "nothing_either"]) expect(signaturesOf("a.cu", TEXT, name)).toEqual([[]]);
  });

  it("does not take a device function, or part of a name, for a kernel", () => {
    for (const name of ["scale_one", "scal", "cale", "either"])
      expect(() => signaturesOf("a.cu", TEXT, name)).toThrow(`a.cu has no kernel ${name}`);
  });

  it("reads every kernel of the engine", () => {
    const files = readdirSync(KERNEL_FOLDER).filter((name) => name.endsWith(".cu"));
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) {
      const text = readFileSync(join(KERNEL_FOLDER, file), "utf8");
      const names = [...text.matchAll(/__global__[^;{}]*?(\w+)\((?=[^()]*\)\s*\{)/g)].map(([, name]) => name);
      expect(names, file).not.toEqual([]);
      for (const name of names)
        for (const parameters of signaturesOf(file, text, name))
          for (const { name: parameter, kind } of parameters) expect(kind, `${name} ${parameter}`).not.toBeNull();
    }
  });
});

describe("checkArguments", () => {
  const signatures = signaturesOf("a.cu", TEXT, "scale");

  it("takes what fits, and anything for a type that it does not know", () => {
    checkArguments("scale", signatures, GOOD);
    checkArguments("scale", signatures, [...GOOD.slice(0, 7), { f32: 1 }]);
    for (const args of [[{ i32: 1 }], [{ i32: 1 }, { f32: 1 }]])
      checkArguments("twice", signaturesOf("a.cu", TEXT, "twice"), args);
  });

  it("names the first argument that does not fit, or the number", () => {
    expect(() => checkArguments("scale", signatures, GOOD.slice(1))).toThrow(
      "scale takes 8 arguments (out_NC, x, key, count, factor, n, bytes, odd), not 7",
    );
    expect(() => checkArguments("scale", signatures, GOOD.with(3, { i32: 2 }))).toThrow(
      "scale takes i64 as argument 4 (count), not i32",
    );
    expect(() => checkArguments("scale", signatures, GOOD.with(1, { f32: 2 }))).toThrow(
      "takes pointer as argument 2 (x)",
    );
  });
});

describe("ArgumentBlock", () => {
  it("lays values where its pointers point, for every launch anew", () => {
    const block = new ArgumentBlock();
    const valueAt = (pointers: bigint, index: number): DataView =>
      new DataView(viewOf(new BigUint64Array(viewOf(pointers, 512))[index], 8));
    const pointers = block.fill([{ pointer: 0xffff_8000_1234_5678n }, { f32: 1.5 }, { i32: -7 }, { i64: -(2 ** 40) }]);
    expect(valueAt(pointers, 0).getBigUint64(0, true)).toBe(0xffff_8000_1234_5678n);
    expect(valueAt(pointers, 1).getFloat32(0, true)).toBe(1.5);
    expect(valueAt(pointers, 2).getInt32(0, true)).toBe(-7);
    expect(valueAt(pointers, 3).getBigInt64(0, true)).toBe(BigInt(-(2 ** 40)));
    expect(block.fill([{ pointer: null }, { i32: 2 ** 32 - 1 }])).toBe(pointers);
    expect(valueAt(pointers, 0).getBigUint64(0, true)).toBe(0n);
    expect(valueAt(pointers, 1).getUint32(0, true)).toBe(2 ** 32 - 1);
  });

  it.each<[string, Argument]>([
    ["a fraction", { i32: 0.5 }],
    ["too large a number", { i32: 2 ** 32 }],
    ["too small a number", { i32: -(2 ** 31) - 1 }],
    ["no number", { i64: Number.NaN }],
    ["an inexact number", { i64: 2 ** 60 }],
  ])("refuses %s", (_, argument) => {
    expect(() => new ArgumentBlock().fill([argument])).toThrow("is no whole number from");
  });

  it("refuses more arguments than it has room for", () => {
    const args = Array.from({ length: 65 }, () => ({ i32: 0 }));
    expect(() => new ArgumentBlock().fill(args)).toThrow("at most 64 arguments");
  });

  it("keeps its memory while it lives", () => {
    const memory = new ArrayBuffer(64);
    new Uint8Array(memory).fill(7);
    expect(new Uint8Array(viewOf(addressOf(memory), 64)).every((byte) => byte === 7)).toBe(true);
  });
});
