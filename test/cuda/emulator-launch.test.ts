/** Modules, launches, the card's facts, and the compiler's words, as the driver and NVRTC would have them. */
import { beforeEach, describe, expect, it } from "vitest";
import { textAt } from "../../src/engine/native/cuda/ffi/host-memory.js";
import { emulatorMissing } from "./emulator/build.js";
import { type Card, openCard } from "./emulator/card.js";

const missing = await emulatorMissing();
let card: Card;
beforeEach(async () => {
  card = await openCard();
});

const TWO = `
#include "one.cuh"
extern "C" __global__ void __launch_bounds__(64 * FACTOR) first(int *out) { *out = one(); }
extern "C" {
__global__ __launch_bounds__(32) void second(int *out, long long big, unsigned char small) { *out = int(big >> 32) + small; }
}`;
const HEADERS = { "one.cuh": "#pragma once\n__device__ inline int one() { return 1; }\n" };

describe.skipIf(missing !== null)("the compiler", () => {
  it("takes headers that are only text, constants, and several kernels", async () => {
    const { status, log, image } = await card.compile(TWO, ["-DFACTOR=2"], HEADERS);
    expect({ status, log }).toEqual({ status: 0, log: "" });
    const module = card.made((out) => card.driver.cuModuleLoadDataEx(out, image, 0, null, null));
    const [first, second] = ["first", "second"].map((name) =>
      card.made((out) => card.driver.cuModuleGetFunction(out, module, name)),
    );
    expect([attribute(first, 0), attribute(second, 0)]).toEqual([128, 32]);
    const missingFunction = card.driver.cuModuleGetFunction(new BigUint64Array(1), module, "third");
    expect(card.nameOf(missingFunction)).toBe("CUDA_ERROR_NOT_FOUND");
    card.check(card.driver.cuModuleUnload(module));
    expect(card.nameOf(card.driver.cuModuleUnload(module))).toBe("CUDA_ERROR_INVALID_HANDLE");
  });

  it("says where an error is, in NVRTC's form", async () => {
    const { status, log } = await card.compile("\n\n__device__ int f() { return nothing; }\n");
    expect(status).toBe(6);
    expect(card.nvrtc.nvrtcGetErrorString(status)).toBe("NVRTC_ERROR_COMPILATION");
    expect(log).toMatch(/^test\.cu\(3\): error: .*nothing/m);
    expect(log).toMatch(/1 error detected in the compilation of "test\.cu"/);
  });

  it("has no toolkit header and no unknown option", async () => {
    const header = await card.compile("#include <cuda_bf16.h>\n");
    expect(header).toMatchObject({ status: 6, log: expect.stringMatching(/test\.cu\(1\): fatal error: cuda_bf16\.h/) });
    const option = await card.compile("", ["--frobnicate"]);
    expect(option).toMatchObject({ status: 5, log: expect.stringMatching(/unrecognized option --frobnicate/) });
  });

  it("keeps what it compiled", async () => {
    const source = `extern "C" __global__ void kept(int *out) { *out = ${process.pid}; }`;
    await card.compile(source);
    await card.compile(source);
    expect(card.emulator.report()).toMatchObject({ compilations: 1, cachedCompilations: 1 });
  });
});

describe.skipIf(missing !== null)("modules and launches", () => {
  it("takes arguments of every size", async () => {
    const { image } = await card.compile(TWO, ["-DFACTOR=1"], HEADERS);
    const module = card.made((out) => card.driver.cuModuleLoadDataEx(out, image, 0, null, null));
    const second = card.made((out) => card.driver.cuModuleGetFunction(out, module, "second"));
    const out = card.allocate(4);
    card.run(second, { block: 1 }, out, 5n << 32n, { i32: 250 });
    expect(card.download(out, new Int32Array(1))[0]).toBe(255);
  });

  it.each([
    { what: "more threads than its bounds", shape: { block: 65 }, status: "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES" },
    { what: "more threads than a block has", shape: { block: [64, 32, 1] }, status: "CUDA_ERROR_INVALID_VALUE" },
    { what: "an empty grid", shape: { grid: 0 }, status: "CUDA_ERROR_INVALID_VALUE" },
    { what: "more shared memory than is granted", shape: { shared: 49153 }, status: "CUDA_ERROR_INVALID_VALUE" },
  ] as const)("refuses $what", async ({ shape, status }) => {
    const source = `extern "C" __global__ void __launch_bounds__(64) small(int n) {}`;
    const small = (await card.kernels(source))("small");
    expect(card.nameOf(card.launch(small, shape, { i32: 1 }))).toBe(status);
  });

  it("grants more shared memory when asked, up to the card's", async () => {
    const source = `extern "C" __global__ void big(int n) { extern __shared__ char shared[]; shared[n] = 1; }`;
    const big = (await card.kernels(source))("big");
    expect(card.nameOf(card.driver.cuFuncSetAttribute(big, 8, (227 << 10) + 1))).toBe("CUDA_ERROR_INVALID_VALUE");
    card.check(card.driver.cuFuncSetAttribute(big, 8, 227 << 10));
    card.run(big, { block: 1, shared: 227 << 10 }, { i32: (227 << 10) - 1 });
    expect(card.emulator.report().errors).toEqual([]);
  });

  it("keeps modules apart whose kernels have the same name", async () => {
    const kernels = await Promise.all(
      [1, 2, 3].map((value) => card.kernels(`extern "C" __global__ void same(int *out) { *out = ${value}; }`)),
    );
    const out = card.allocate(4);
    const values = kernels.map((kernel) => {
      card.run(kernel("same"), {}, out);
      return card.download(out, new Int32Array(1))[0];
    });
    expect(values).toEqual([1, 2, 3]);
  });

  it("refuses images that are none, and those of another generation", async () => {
    const { image } = await card.compile(`extern "C" __global__ void nothing() {}`);
    const out = new BigUint64Array(1);
    const log = new Uint8Array(64);
    const values = new BigUint64Array([card.made((address) => card.driver.cuMemHostAlloc(address, 64, 0)), 64n]);
    const garbage = new Uint8Array(100).fill(7);
    const refused = card.driver.cuModuleLoadDataEx(out, garbage, 2, new Int32Array([5, 6]), values);
    expect(card.nameOf(refused)).toBe("CUDA_ERROR_INVALID_IMAGE");
    expect(textAt(values[0])).toMatch(/not compiled by the emulator/);
    expect(log[0]).toBe(0);
    card.emulator.set("computeCapability", 80);
    expect(card.nameOf(card.driver.cuModuleLoadDataEx(out, image, 0, null, null))).toBe("CUDA_ERROR_NO_BINARY_FOR_GPU");
  });
});

describe.skipIf(missing !== null)("the card", () => {
  it("tells its name and its facts", () => {
    const name = new Uint8Array(64);
    card.check(card.driver.cuDeviceGetName(name, name.length, 0));
    expect(Buffer.from(name).toString().replace(/\0.*$/s, "")).toBe("Emulated card");
    card.emulator.set("computeCapability", 103);
    card.emulator.set("multiprocessors", 132);
    const value = new Int32Array(1);
    const facts = [75, 76, 16, 97].map((which) => {
      card.check(card.driver.cuDeviceGetAttribute(value, which, 0));
      return value[0];
    });
    expect(facts).toEqual([10, 3, 132, 232448]);
  });

  it("serves only threads that have its context, and nobody before cuInit", async () => {
    const out = new BigUint64Array(1);
    card.check(card.driver.cuCtxSetCurrent(null));
    expect(card.nameOf(card.driver.cuMemAlloc_v2(out, 4))).toBe("CUDA_ERROR_INVALID_CONTEXT");
    card.emulator.reset();
    expect(card.nameOf(card.driver.cuDeviceGetCount(new Int32Array(1)))).toBe("CUDA_ERROR_NOT_INITIALIZED");
  });
});

function attribute(kernel: bigint, which: number): number {
  const value = new Int32Array(1);
  card.check(card.driver.cuFuncGetAttribute(value, which, kernel));
  return value[0];
}
