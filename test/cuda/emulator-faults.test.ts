/** What a broken kernel or program is told: out of bounds, divergence, leaks, missing waits; and faults that the tests ask for. */
import { beforeEach, describe, expect, it } from "vitest";
import { emulatorMissing } from "./emulator/build.js";
import { type Card, openCard, type Shape, type Value } from "./emulator/card.js";

const missing = await emulatorMissing();
let card: Card;
beforeEach(async () => {
  card = await openCard();
});

/** Runs `body` with `float *out` and `int n`; gives the status that waiting for it gives, and the errors. */
async function broken(
  body: string,
  shape: Shape,
  ...values: readonly Value[]
): Promise<{ status: string; errors: string }> {
  const source = `extern "C" __global__ void broken(float *out, int n) {\n${body}\n}`;
  const kernel = (await card.kernels(source))("broken");
  card.check(card.launch(kernel, shape, ...values));
  const status = card.nameOf(card.synchronize());
  return { status, errors: card.emulator.report().errors.join("\n") };
}

describe.skipIf(missing !== null)("memory that is not the kernel's", () => {
  it.each([
    {
      what: "a write just past the end",
      body: "out[n] = 1.0f;",
      n: 64,
      says: /illegal address: 0 bytes past the end of 256 bytes/,
    },
    {
      what: "a read just past the end",
      body: "out[0] = out[n];",
      n: 64,
      says: /illegal address: 0 bytes past the end of 256 bytes/,
    },
    { what: "a write before the beginning", body: "out[-n] = 1.0f;", n: 2000, says: /bytes before 256 bytes/ },
    {
      what: "a null pointer",
      body: "((float *)(size_t)(n * 4))[0] = 1.0f;",
      n: 8,
      says: /0x20, which is nowhere near/,
    },
  ])("stops at $what", async ({ body, n, says }) => {
    const result = await broken(body, { block: 1 }, card.allocate(256), { i32: n });
    expect(result.status).toBe("CUDA_ERROR_ILLEGAL_ADDRESS");
    expect(result.errors).toMatch(says);
    expect(result.errors).toMatch(/^kernel broken, block \(0, 0, 0\), thread \(0, 0, 0\): /);
  });

  it.each([
    { what: "behind", n: 3, says: /4 bytes behind the allocation of 12 bytes were written, after kernel broken/ },
    { what: "before", n: -1, says: /4 bytes before the allocation of 12 bytes were written, after kernel broken/ },
  ])("sees writes to the guard $what an allocation", async ({ n, says }) => {
    const result = await broken("out[n] = 1.0f;", { block: 1 }, card.allocate(12), { i32: n });
    expect(result).toMatchObject({ status: "CUDA_ERROR_ILLEGAL_ADDRESS", errors: expect.stringMatching(says) });
  });

  it("sees indices outside of static shared and local arrays, with the line", async () => {
    const body = "__shared__ float tile[32];\ntile[n + threadIdx.x] = 1.0f;\n__syncthreads();\nout[0] = tile[0];";
    const result = await broken(body, { block: 32 }, card.allocate(256), { i32: 1 });
    expect(result.status).toBe("CUDA_ERROR_ILLEGAL_ADDRESS");
    expect(result.errors).toMatch(
      /thread \(31, 0, 0\): test.cu:3: index 32 is outside of an array of type 'float \[32\]'/,
    );
  });

  it.each([
    { n: 25, says: /wrote behind its 100 bytes of dynamic shared memory/ },
    { n: 1024, says: /byte 4096 of 100 of dynamic shared memory/ },
  ])("sees accesses behind dynamic shared memory (float $n)", async ({ n, says }) => {
    const body =
      "extern __shared__ __align__(16) unsigned char shared[];\nreinterpret_cast<float *>(shared)[n] = 1.0f;";
    const result = await broken(body, { block: 1, shared: 100 }, card.allocate(256), { i32: n });
    expect(result).toMatchObject({ status: "CUDA_ERROR_ILLEGAL_ADDRESS", errors: expect.stringMatching(says) });
  });

  it("sees misaligned accesses of 16 bytes, with the line", async () => {
    const body = "*reinterpret_cast<float4 *>(out + n) = make_float4(1, 2, 3, 4);";
    const result = await broken(body, { block: 1 }, card.allocate(256), { i32: 1 });
    expect(result.status).toBe("CUDA_ERROR_MISALIGNED_ADDRESS");
    expect(result.errors).toMatch(
      /test.cu:2: an access of 'struct float4' at an address that is 4 bytes from an alignment of 16/,
    );
  });

  it("sees pointers of the host, and to memory that was freed", async () => {
    const freed = card.allocate(256);
    card.check(card.driver.cuMemFree_v2(freed));
    const result = await broken("if (n > 100) out[0] = 1.0f;", { block: 1 }, freed, { i32: 1 });
    expect(result.status).toBe("CUDA_ERROR_ILLEGAL_ADDRESS");
    expect(result.errors).toMatch(
      /kernel broken: argument 0 points to 0x[0-9a-f]+, which is nowhere near an allocation/,
    );
  });

  it("gives fresh memory as NaN", () => {
    expect([...card.download(card.allocate(32), new Float32Array(8))]).toEqual(new Array(8).fill(Number.NaN));
  });

  it("sees a stack that overflows", async () => {
    const body = "volatile float deep[40000];\nfor (int i = 0; i < 40000; i++) deep[i] = n;\nout[0] = deep[n];";
    const result = await broken(body, { block: 1 }, card.allocate(256), { i32: 1 });
    expect(result.errors).toMatch(/its stack overflowed/);
  });
});

describe.skipIf(missing !== null)("threads that do not come", () => {
  it.each([
    {
      what: "some threads skip a barrier and exit",
      body: "if (threadIdx.x >= 32) return;\n__syncthreads();",
      says: /thread \(32, 0, 0\): exits while thread \(0, 0, 0\) waits at the barrier at test.cu:3/,
    },
    {
      what: "some threads have exited before the others come",
      body: "if (threadIdx.x < 32) return;\n__syncthreads();",
      says: /thread \(32, 0, 0\): waits at the barrier at test.cu:3, but thread \(0, 0, 0\) has exited/,
    },
    {
      what: "threads wait at different barriers",
      body: "if (threadIdx.x < 32)\n__syncthreads();\nelse\n__syncthreads();",
      says: /thread \(32, 0, 0\): waits at the barrier at test.cu:5, but others at test.cu:3/,
    },
    {
      what: "half a warp shuffles and the other half waits at a barrier",
      body: "if (threadIdx.x % 32 < 16)\nout[0] = __shfl_xor_sync(0xffffffffu, 1.0f, 16);\n__syncthreads();",
      says: /its threads wait for each other: thread \(0, 0, 0\) waits at a warp operation at test.cu:3; thread \(16, 0, 0\) waits at the barrier at test.cu:4/,
    },
    {
      what: "a lane is not in its own mask",
      body: "__syncwarp(0xfffffffeu);",
      says: /thread \(0, 0, 0\): test.cu:2: lane 0 is not in its own mask 0xfffffffe/,
    },
    {
      what: "a shuffle reads a lane that has exited",
      body: "if (threadIdx.x % 32 == 5) return;\nout[0] = __shfl_sync(0xffffffffu, 1.0f, 5);",
      says: /a shuffle of lane 0 reads lane 5, which takes no part \(0xffffffdf do\)/,
    },
    { what: "an assertion fails", body: "assert(n == 2);", says: /test.cu:2: assertion n == 2/ },
  ])("stops when $what", async ({ body, says }) => {
    const result = await broken(body, { block: 64 }, card.allocate(256), { i32: 1 });
    expect(result).toMatchObject({ status: "CUDA_ERROR_LAUNCH_FAILED", errors: expect.stringMatching(says) });
  });

  it("lets a warp whose other lanes have exited go on", async () => {
    const body = "if (threadIdx.x >= 3) return;\nout[threadIdx.x] = __ballot_sync(0xffffffffu, 1);";
    const out = card.allocate(12);
    expect(await broken(body, { block: 40 }, out, { i32: 1 })).toEqual({ status: "CUDA_SUCCESS", errors: "" });
    expect([...card.download(out, new Float32Array(3))]).toEqual([7, 7, 7]);
  });

  it("gives the same error from every later call, as a card does, until it is reset", async () => {
    await broken("assert(false);", { block: 1 }, card.allocate(4), { i32: 0 });
    const out = new BigUint64Array(1);
    expect(card.nameOf(card.driver.cuMemAlloc_v2(out, 4))).toBe("CUDA_ERROR_LAUNCH_FAILED");
    expect(card.nameOf(card.driver.cuMemFree_v2(0n))).toBe("CUDA_ERROR_LAUNCH_FAILED");
    card = await openCard();
    expect(card.emulator.report()).toMatchObject({ sticky: 0, errors: [], device: { live: 0 } });
    card.check(card.driver.cuMemAlloc_v2(out, 4));
  });
});

describe.skipIf(missing !== null)("what a program does to its memory", () => {
  it("counts what lives and tells of leaks when the context goes", () => {
    const kept = card.allocate(1000);
    card.check(card.driver.cuMemFree_v2(card.allocate(24)));
    const pinned = card.made((out) => card.driver.cuMemHostAlloc(out, 100, 0));
    expect(card.emulator.report()).toMatchObject({
      device: { live: 1, bytes: 1000, peakBytes: 1024, allocations: 2 },
      pinned: { live: 1, bytes: 100 },
    });
    card.check(card.driver.cuMemFreeHost(pinned));
    card.check(card.driver.cuDevicePrimaryCtxRelease_v2(0));
    const { errors, device } = card.emulator.report();
    expect(errors).toEqual(["leak: 1000 bytes of device memory were not freed before their context"]);
    expect(device.live).toBe(0);
    expect(kept).toBeGreaterThan(0n);
  });

  it("tells a second free from a free of what never was", () => {
    const address = card.allocate(16);
    card.check(card.driver.cuMemFree_v2(address));
    expect(card.nameOf(card.driver.cuMemFree_v2(address))).toBe("CUDA_ERROR_INVALID_VALUE");
    expect(card.nameOf(card.driver.cuMemFree_v2(12345n))).toBe("CUDA_ERROR_INVALID_VALUE");
    const { errors } = card.emulator.report();
    expect(errors).toEqual([
      `cuMemFree_v2 frees a second time ${`0x${address.toString(16)}`}`,
      "cuMemFree_v2 frees what was never allocated: 0x3039",
    ]);
  });

  it("refuses copies that leave an allocation", () => {
    const address = card.allocate(16);
    const data = new Float32Array(5);
    expect(card.nameOf(card.driver.cuMemcpyHtoDAsync_v2(address, data, 20, null))).toBe("CUDA_ERROR_INVALID_VALUE");
    expect(card.emulator.report().errors).toEqual(["cuMemcpyHtoD: 20 bytes at byte 0 of 16 of device memory"]);
  });

  it("has as much memory as it is told", () => {
    card.emulator.set("memoryBytes", 1 << 20);
    const first = card.allocate(1 << 19);
    const out = new BigUint64Array(2);
    expect(card.nameOf(card.driver.cuMemAlloc_v2(out, (1 << 19) + 1))).toBe("CUDA_ERROR_OUT_OF_MEMORY");
    card.check(card.driver.cuMemGetInfo_v2(out.subarray(0, 1), out.subarray(1)));
    expect([...out]).toEqual([1n << 19n, 1n << 20n]);
    card.check(card.driver.cuMemFree_v2(first));
    card.allocate(1 << 20);
  });

  it("lets the call that a test names fail, once", () => {
    card.emulator.fail("cuMemAlloc_v2", 2, 2);
    const out = new BigUint64Array(1);
    const statuses = [1, 2, 3].map(() => card.driver.cuMemAlloc_v2(out, 8));
    expect(statuses).toEqual([0, 2, 0]);
    expect(card.emulator.report().calls).toMatchObject({ cuMemAlloc_v2: 3, cuInit: 1 });
  });
});
