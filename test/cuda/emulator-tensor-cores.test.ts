/** Matrix fragments, matrix loads and asynchronous copies, against plain loops and the PTX manual's layouts. */
import { beforeEach, describe, expect, it } from "vitest";
import { emulatorMissing } from "./emulator/build.js";
import { type Card, openCard } from "./emulator/card.js";

const missing = await emulatorMissing();
let card: Card;
beforeEach(async () => {
  card = await openCard();
});

/** Whole numbers below 256 are exact in bf16, and so are their products and sums here in float32. */
const bf16 = (value: number): number => new Uint32Array(new Float32Array([value]).buffer)[0] >>> 16;
const whole = (i: number): number => ((i * 37) % 23) - 11;

describe.skipIf(missing !== null)("mma.m16n8k16", () => {
  // The fragments are filled by the formulas of the PTX manual, written out once more.
  const source = `
  __device__ unsigned two(const unsigned short *at, int stride) { return at[0] | unsigned(at[stride]) << 16; }
  extern "C" __global__ void product(float *d, const unsigned short *a, const unsigned short *b) {
    const int group = threadIdx.x >> 2, in_group = threadIdx.x % 4;
    unsigned fa[4], fb[2];
    for (int i = 0; i < 4; i++) fa[i] = two(a + (group + 8 * (i & 1)) * 16 + in_group * 2 + 8 * (i >> 1), 1);
    for (int i = 0; i < 2; i++) fb[i] = two(b + (in_group * 2 + 8 * i) * 8 + group, 8);
    float fd[4];
    for (int i = 0; i < 4; i++) fd[i] = d[(group + 8 * (i >> 1)) * 8 + in_group * 2 + (i & 1)];
    emulated_mma_bf16_16x8x16(fd, fa, fb);
    for (int i = 0; i < 4; i++) d[(group + 8 * (i >> 1)) * 8 + in_group * 2 + (i & 1)] = fd[i];
  }`;

  it("adds a product of 16x16 and 16x8 matrices", async () => {
    const a = Array.from({ length: 256 }, (_, i) => whole(i));
    const b = Array.from({ length: 128 }, (_, i) => whole(i + 1000));
    const c = Array.from({ length: 128 }, (_, i) => i - 64);
    const d = card.upload(Float32Array.from(c));
    const kernel = (await card.kernels(source))("product");
    card.run(kernel, { block: 32 }, d, card.upload(Uint16Array.from(a, bf16)), card.upload(Uint16Array.from(b, bf16)));
    const expected = c.map((value, i) => {
      let sum = value;
      for (let k = 0; k < 16; k++) sum += a[Math.floor(i / 8) * 16 + k] * b[k * 8 + (i % 8)];
      return sum;
    });
    expect([...card.download(d, new Float32Array(128))]).toEqual(expected);
  });

  it("refuses a warp that is not whole", async () => {
    const kernel = (await card.kernels(source))("product");
    const [d, a, b] = [card.allocate(512), card.allocate(512), card.allocate(256)];
    expect(card.launch(kernel, { block: 16 }, d, a, b)).toBe(0);
    expect(card.nameOf(card.synchronize())).toBe("CUDA_ERROR_LAUNCH_FAILED");
    expect(card.emulator.report().errors[0]).toMatch(/mma needs all 32 lanes of the warp, only 0xffff came/);
  });
});

describe.skipIf(missing !== null)("ldmatrix", () => {
  const source = `
  extern "C" __global__ void load(unsigned *plain, unsigned *transposed, int offset) {
    __shared__ __align__(16) unsigned short tile[4 * 8 * 8 + 8];
    for (int i = threadIdx.x; i < 256; i += 32) tile[i] = i;
    __syncwarp();
    unsigned r[4];
    emulated_ldmatrix_x4(r, tile + threadIdx.x * 8 + offset);
    for (int i = 0; i < 4; i++) plain[threadIdx.x * 4 + i] = r[i];
    emulated_ldmatrix_x4_trans(r, tile + threadIdx.x * 8 + offset);
    for (int i = 0; i < 4; i++) transposed[threadIdx.x * 4 + i] = r[i];
  }`;

  it("gives each lane two elements of a row, or of a column, of four matrices", async () => {
    const load = (await card.kernels(source))("load");
    const [plain, transposed] = [card.allocate(512), card.allocate(512)];
    card.run(load, { block: 32 }, plain, transposed, { i32: 0 });
    const element = (matrix: number, row: number, column: number): number => matrix * 64 + row * 8 + column;
    const both = (low: number, high: number): number => low | (high << 16);
    const lanes = Array.from({ length: 128 }, (_, i) => ({ row: i >> 4, pair: 2 * ((i >> 2) % 4), matrix: i % 4 }));
    expect([...card.download(plain, new Uint32Array(128))]).toEqual(
      lanes.map(({ row, pair, matrix }) => both(element(matrix, row, pair), element(matrix, row, pair + 1))),
    );
    expect([...card.download(transposed, new Uint32Array(128))]).toEqual(
      lanes.map(({ row, pair, matrix }) => both(element(matrix, pair, row), element(matrix, pair + 1, row))),
    );
  });

  it("refuses rows that are not aligned", async () => {
    const load = (await card.kernels(source))("load");
    card.launch(load, { block: 32 }, card.allocate(512), card.allocate(512), { i32: 4 });
    expect(card.nameOf(card.synchronize())).toBe("CUDA_ERROR_MISALIGNED_ADDRESS");
    expect(card.emulator.report().errors[0]).toMatch(/ldmatrix: the row of lane 0 is not aligned to 16 bytes/);
  });
});

describe.skipIf(missing !== null)("cp.async", () => {
  const source = `
  extern "C" __global__ void staged(float *out, const float *x, int wait) {
    __shared__ __align__(16) float tile[2][128];
    emulated_copy_async_16(tile[0] + threadIdx.x * 4, x + threadIdx.x * 4, true);
    emulated_copy_async_commit();
    emulated_copy_async_16(tile[1] + threadIdx.x * 4, x, threadIdx.x < 16);
    emulated_copy_async_commit();
    if (wait == 1) emulated_copy_async_wait<1>();
    if (wait == 0) emulated_copy_async_wait<0>();
    __syncthreads();
    for (int i = 0; i < 2; i++) out[i * 32 + threadIdx.x] = tile[i][threadIdx.x * 4 + 1];
  }`;

  it.each([
    { wait: 2, first: Number.NaN, second: Number.NaN },
    { wait: 1, first: 1, second: Number.NaN },
    { wait: 0, first: 1, second: 2 },
  ])(
    "brings the bytes when they are waited for (wait $wait), zeros where not valid",
    async ({ wait, first, second }) => {
      const staged = (await card.kernels(source))("staged");
      const x = Float32Array.from({ length: 128 }, (_, i) => i);
      const out = card.allocate(4 * 64);
      card.run(staged, { block: 32 }, out, card.upload(x), { i32: wait });
      const expected = Array.from({ length: 64 }, (_, i) => {
        if (i < 32) return first * (4 * i + 1);
        return Number.isNaN(second) ? second : i < 48 ? 1 : 0;
      });
      expect([...card.download(out, new Float32Array(64))]).toEqual(expected);
    },
  );

  it("refuses to read behind an allocation", async () => {
    const staged = (await card.kernels(source))("staged");
    card.launch(staged, { block: 32 }, card.allocate(256), card.upload(new Float32Array(64)), { i32: 0 });
    expect(card.nameOf(card.synchronize())).toBe("CUDA_ERROR_ILLEGAL_ADDRESS");
    expect(card.emulator.report().errors[0]).toMatch(
      /test.cu:4: an asynchronous copy reads 0 bytes past the end of 256 bytes/,
    );
  });
});
