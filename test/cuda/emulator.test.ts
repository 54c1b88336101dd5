/** Kernels on the emulator: threads, blocks, barriers, shuffles, shared memory. */
import { beforeEach, describe, expect, it } from "vitest";
import { emulatorMissing } from "./emulator/build.js";
import { type Card, openCard } from "./emulator/card.js";

const missing = await emulatorMissing();
let card: Card;
beforeEach(async () => {
  card = await openCard();
});

const ADD = `
extern "C" __global__ void add(float *__restrict__ out, const float *__restrict__ a, const float *__restrict__ b, int n, float scale) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = scale * (a[i] + b[i]);
}`;

describe.skipIf(missing !== null)("kernels without barriers", () => {
  it("adds vectors whose length is no multiple of the block", async () => {
    const add = (await card.kernels(ADD))("add");
    const n = 1000;
    const a = Float32Array.from({ length: n }, (_, i) => i);
    const b = Float32Array.from({ length: n }, (_, i) => 2 * i + 1);
    const out = card.allocate(4 * n);
    card.run(add, { grid: 4, block: 256 }, out, card.upload(a), card.upload(b), { i32: n }, { f32: 0.5 });
    expect(card.download(out, new Float32Array(n))).toEqual(a.map((value, i) => 0.5 * (value + b[i])));
    expect(card.emulator.report()).toMatchObject({ launches: 1, errors: [], device: { live: 3 } });
  });

  it("gives every thread its place in three dimensions", async () => {
    const source = `extern "C" __global__ void place(uint4 *out) {
      const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
      const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
      out[block * blockDim.x * blockDim.y * blockDim.z + thread] = make_uint4(block, threadIdx.x, threadIdx.y, threadIdx.z);
    }`;
    const place = (await card.kernels(source))("place");
    const out = card.allocate(16 * 24 * 30);
    card.run(place, { grid: [2, 3, 4], block: [5, 3, 2] }, out);
    const got = card.download(out, new Uint32Array(4 * 24 * 30));
    const expected: number[] = [];
    for (let block = 0; block < 24; block++)
      for (let z = 0; z < 2; z++) for (let y = 0; y < 3; y++) for (let x = 0; x < 5; x++) expected.push(block, x, y, z);
    expect([...got]).toEqual(expected);
  });

  it("has CUDA's words for bits, numbers and rounding", async () => {
    const source = `extern "C" __global__ void words(float *f, unsigned *u) {
      f[0] = __expf(1.0f), f[1] = exp2f(3.0f), f[2] = rsqrtf(4.0f), f[3] = __frcp_rn(8.0f), f[4] = __fmaf_rn(2.0f, 3.0f, 4.0f);
      f[5] = __uint_as_float(0x3fc00000u), f[6] = fmaxf(__uint_as_float(0x7fc00000u), 1.0f), f[7] = __saturatef(-3.0f);
      f[8] = __fadd_rn(__fmul_rn(16777217.0f, 3.0f), 1.0f);
      u[0] = __float_as_uint(1.5f), u[1] = __popc(0xf0f0u), u[2] = __clz(1), u[3] = __umulhi(0x80000000u, 6u);
      u[4] = __byte_perm(0x33221100u, 0x77665544u, 0x7531u), u[5] = min(3u, 7u), u[6] = __ffs(8), u[7] = __brev(1u);
      u[8] = __float2uint_rn(2.5f), u[9] = unsigned(__float2int_rn(-1e30f)), u[10] = __funnelshift_l(0x80000000u, 1u, 1u);
    }`;
    const words = (await card.kernels(source))("words");
    const f = card.allocate(4 * 9);
    const u = card.allocate(4 * 11);
    card.run(words, { block: 1 }, f, u);
    expect([...card.download(f, new Float32Array(9))]).toEqual([
      Math.fround(Math.E),
      8,
      0.5,
      0.125,
      10,
      1.5,
      1,
      0,
      50331648,
    ]);
    expect([...card.download(u, new Uint32Array(11))]).toEqual([
      ...[0x3fc00000, 8, 31, 3, 0x77553311, 3, 4, 0x80000000, 2, 0x80000000, 3],
    ]);
  });
});

const SUM = `
extern "C" __global__ void __launch_bounds__(256) sum(float *out, const float *x, int n) {
  __shared__ float partial[32];
  float total = 0.0f;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) total += x[i];
  for (int offset = 16; offset > 0; offset >>= 1) total += __shfl_xor_sync(0xffffffffu, total, offset);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = total;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  total = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0.0f;
  for (int offset = 16; offset > 0; offset >>= 1) total += __shfl_down_sync(0xffffffffu, total, offset);
  if (threadIdx.x == 0) out[blockIdx.x] = total;
}`;

const TRANSPOSE = `
extern "C" __global__ void transpose(float *out, const float *x, int rows, int width) {
  extern __shared__ __align__(16) unsigned char shared[];
  float *tile = reinterpret_cast<float *>(shared);
  const int row = blockIdx.y * 16 + threadIdx.y, column = blockIdx.x * 16 + threadIdx.x;
  if (row < rows && column < width) tile[threadIdx.y * 17 + threadIdx.x] = x[row * width + column];
  __syncthreads();
  const int to_row = blockIdx.x * 16 + threadIdx.y, to_column = blockIdx.y * 16 + threadIdx.x;
  if (to_row < width && to_column < rows) out[to_row * rows + to_column] = tile[threadIdx.x * 17 + threadIdx.y];
}`;

describe.skipIf(missing !== null)("kernels whose threads wait for each other", () => {
  it.each([0, 1, 7, 1234])("sums with shuffles and a barrier, threads beginning in order %i", async (order) => {
    card.emulator.set("order", order);
    const sum = (await card.kernels(SUM))("sum");
    const x = Float32Array.from({ length: 5000 }, (_, i) => (i % 7) - 3);
    const out = card.allocate(4 * 3);
    card.run(sum, { grid: 3, block: 256 }, out, card.upload(x), { i32: x.length });
    const parts = card.download(out, new Float32Array(3));
    expect(parts.reduce((a, b) => a + b)).toBe(x.reduce((a, b) => a + b));
    expect(card.emulator.report().errors).toEqual([]);
  });

  it("transposes through dynamic shared memory", async () => {
    const transpose = (await card.kernels(TRANSPOSE))("transpose");
    const [rows, width] = [37, 50];
    const x = Float32Array.from({ length: rows * width }, (_, i) => i);
    const out = card.allocate(x.byteLength);
    const shape = { grid: [4, 3, 1], block: [16, 16, 1], shared: 16 * 17 * 4 } as const;
    card.run(transpose, shape, out, card.upload(x), { i32: rows }, { i32: width });
    const got = card.download(out, new Float32Array(x.length));
    expect([...got]).toEqual(Array.from(x, (_, i) => (i % rows) * width + Math.floor(i / rows)));
  });

  it("shows a race: a missing barrier gives another result when threads begin backwards", async () => {
    const source = `extern "C" __global__ void racy(int *out) {
      __shared__ int first;
      if (threadIdx.x == 0) first = 5;
      out[threadIdx.x] = first;
    }`;
    const racy = (await card.kernels(source))("racy");
    const out = card.allocate(4 * 64);
    const run = (order: number): number[] => {
      card.emulator.set("order", order);
      card.run(racy, { block: 64 }, out);
      return [...card.download(out, new Int32Array(64))];
    };
    expect(run(0)).toEqual(new Array(64).fill(5));
    // Not 5 but the NaN pattern that fresh shared memory holds.
    expect(run(1).filter((value) => value !== 5)).toEqual(new Array(63).fill(-1));
  });

  it("gives every block fresh shared memory, static and dynamic", async () => {
    const source = `extern "C" __global__ void dirty(unsigned *out) {
      __shared__ unsigned fixed[40];
      extern __shared__ __align__(16) unsigned char shared[];
      unsigned *dynamic = reinterpret_cast<unsigned *>(shared);
      out[blockIdx.x * 2] = fixed[threadIdx.x], out[blockIdx.x * 2 + 1] = dynamic[threadIdx.x];
      fixed[threadIdx.x] = dynamic[threadIdx.x] = 1;
    }`;
    const dirty = (await card.kernels(source))("dirty");
    const out = card.allocate(4 * 6);
    card.run(dirty, { grid: 3, block: 1, shared: 64 }, out);
    expect([...card.download(out, new Uint32Array(6))]).toEqual(new Array(6).fill(0xffffffff));
  });

  it("counts votes, matches lanes, and reads lanes of segments", async () => {
    const source = `extern "C" __global__ void vote(unsigned *out) {
      const unsigned lane = threadIdx.x;
      unsigned *mine = out + 9 * lane;
      mine[0] = __ballot_sync(0xffffffffu, lane % 3 == 0);
      mine[1] = __any_sync(0xffffffffu, lane == 31), mine[2] = __all_sync(0xffffffffu, lane < 31);
      mine[3] = __shfl_sync(0xffffffffu, lane, 2, 8), mine[4] = __shfl_up_sync(0xffffffffu, lane, 3, 16);
      mine[5] = __match_any_sync(0xffffffffu, lane % 16), mine[6] = __reduce_max_sync(0xffffffffu, lane);
      mine[7] = lane < 8 ? __shfl_xor_sync(0xffu, lane, 4) : 0u;
      mine[8] = __syncthreads_count(lane % 2);
    }`;
    const vote = (await card.kernels(source))("vote");
    const out = card.allocate(4 * 9 * 32);
    card.run(vote, { block: 32 }, out);
    const got = card.download(out, new Uint32Array(9 * 32));
    for (let lane = 0; lane < 32; lane++)
      expect([...got.subarray(9 * lane, 9 * lane + 9)]).toEqual([
        ...[0x49249249, 1, 0, (lane & ~7) + 2, lane % 16 < 3 ? lane : lane - 3],
        ...[(1 << (lane % 16)) | 0, (0x10000 << (lane % 16)) | 0].reduce((a, b) => [(a[0] | b) >>> 0], [0]),
        ...[31, lane < 8 ? lane ^ 4 : 0, 16],
      ]);
  });

  it("runs the most threads that a block may have, each with a stack of its own", async () => {
    const source = `extern "C" __global__ void deep(int *out) {
      int kept[64];
      for (int i = 0; i < 64; i++) kept[i] = threadIdx.x * i;
      for (int round = 0; round < 20; round++) { __syncthreads(); kept[round] += __syncthreads_or(threadIdx.x == round); }
      int total = 0;
      for (int i = 0; i < 64; i++) total += kept[i];
      out[threadIdx.x] = total;
    }`;
    const deep = (await card.kernels(source))("deep");
    const out = card.allocate(4 * 1024);
    card.run(deep, { block: 1024 }, out);
    expect([...card.download(out, new Int32Array(1024))]).toEqual(
      Array.from({ length: 1024 }, (_, t) => 2016 * t + 20),
    );
  });
});
