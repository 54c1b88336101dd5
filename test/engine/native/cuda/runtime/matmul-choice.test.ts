import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { CONSTANTS as C } from "../../../../../src/engine/native/cuda/ffi/cublaslt.js";
import { Matmul } from "../../../../../src/engine/native/cuda/runtime/matmul.js";
import { AMPERE, FakeCublasLt } from "./fake-cublaslt.js";
import { FakeMemory } from "./fake-memory.js";
import { BF16, place } from "./fake-products.js";

const folder = mkdtempSync(join(tmpdir(), "matmul-"));
afterAll(() => rmSync(folder, { recursive: true }));
let file = join(folder, "plans-0.json");
let files = 0;
beforeEach(() => {
  file = join(folder, `plans-${++files}.json`);
});

describe("measuring", () => {
  const times = (...milliseconds: number[]) => milliseconds.map((one, index) => ({ id: index + 1, milliseconds: one }));

  /** The algorithm that a product runs with. */
  async function chosen(fake: FakeCublasLt, product = place(fake, BF16)): Promise<number | undefined> {
    using matmul = new Matmul(fake.functions, fake.host(), { file });
    await matmul.prepare([product]);
    matmul.enqueue(product, 5n);
    return fake.runs.at(-1)?.id;
  }

  it("takes the fastest of what cuBLASLt offers, and its own order where times are close", async () => {
    const fake = new FakeCublasLt();
    fake.algorithms = times(3, 1.5, 2);
    expect(await chosen(fake)).toBe(2);
    file = join(folder, "close.json");
    fake.algorithms = times(3, 1.01, 1);
    expect(await chosen(fake)).toBe(2);
  });

  it("asks for eight, deterministic, for Hopper's workspace and the addresses' alignments", async () => {
    const fake = new FakeCublasLt();
    const product = place(fake, BF16);
    await chosen(fake, { ...product, a: product.a + 32n, b: product.b + 2n });
    const [{ count, preferences }] = fake.searches;
    expect(count).toBe(8);
    expect(Object.fromEntries(preferences)).toEqual({
      [C.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES]: 32 << 20,
      [C.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK]: C.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE,
      [C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES]: 2,
      [C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES]: 32,
      [C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES]: 256,
      [C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES]: 256,
    });
    expect(fake.runs.at(-1)?.workspaceBytes).toBe(32 << 20);
  });

  it("uses a smaller workspace on other cards", async () => {
    const fake = new FakeCublasLt();
    using matmul = new Matmul(fake.functions, fake.host(AMPERE), { file });
    await matmul.prepare([place(fake, BF16)]);
    expect(fake.searches[0].preferences.get(C.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)).toBe(4 << 20);
  });

  it("refuses algorithms that are not deterministic even when they are offered", async () => {
    const fake = new FakeCublasLt();
    fake.algorithms = [
      { id: 1, milliseconds: 1, scheme: C.CUBLASLT_REDUCTION_SCHEME_INPLACE },
      { id: 2, milliseconds: 1, scheme: C.CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE },
      { id: 3, milliseconds: 9, scheme: C.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE },
    ];
    expect(await chosen(fake)).toBe(3);
    fake.algorithms = fake.algorithms.slice(0, 2);
    file = join(folder, "none.json");
    await expect(chosen(fake)).rejects.toThrow(/could not find a deterministic algorithm for out bf16\[3, 7\]/);
  });

  it("passes over algorithms that fail; when all do, it says what the library said", async () => {
    const fake = new FakeCublasLt();
    const broken = C.CUBLAS_STATUS_NOT_SUPPORTED;
    fake.algorithms = [
      { id: 1, milliseconds: 1, status: broken },
      { id: 2, milliseconds: 5 },
    ];
    expect(await chosen(fake)).toBe(2);
    fake.algorithms = fake.algorithms.map((one) => ({ ...one, status: broken }));
    file = join(folder, "broken.json");
    await expect(chosen(fake)).rejects.toThrow(
      "cuBLASLt could not compute out bf16[3, 7] = a bf16[3, 5] · b bf16[7, 5] transposed: CUBLAS_STATUS_NOT_SUPPORTED (15): words for 15",
    );
    expect(fake.alive).toBe(0);
  });

  it.each(["nothing", "another", "out"] as const)("leaves the output as it is (plus %s)", async (plus) => {
    const fake = new FakeCublasLt();
    fake.algorithms = times(1, 2);
    const product = place(fake, BF16, plus);
    const before = new Uint8Array(fake.memory.bytes.buffer.slice(0, fake.memory.offsetOf(product.out) + 42));
    using matmul = new Matmul(fake.functions, fake.host(), { file });
    await matmul.prepare([product]);
    expect(fake.runs.length).toBeGreaterThan(2 * 3);
    expect(fake.runs.every(({ out }) => out !== product.out)).toBe(true);
    expect(new Uint8Array(fake.memory.bytes.buffer, 0, before.length)).toEqual(before);
    // Only the workspace is still allocated.
    expect([...fake.memory.allocations.values()]).toEqual([32 << 20]);
  });

  it("writes to the scratch memory that it is given, aligned, where that is large enough", async () => {
    const fake = new FakeCublasLt();
    fake.algorithms = times(1, 2);
    const product = place(fake, BF16);
    const scratch = fake.memory.allocate(1024) + 8n;
    using matmul = new Matmul(fake.functions, fake.host(), { file });
    await matmul.prepare([product], { address: scratch, bytes: 1000 });
    expect(new Set(fake.runs.map(({ out }) => out))).toEqual(new Set([scratch + 248n]));
    await matmul.prepare([place(fake, { ...BF16, m: 4 })], { address: scratch, bytes: 256 });
    expect(fake.runs.at(-1)?.out).not.toBe(scratch + 248n);
  });

  it("without memory to measure in, takes the recommended one and says so", async () => {
    const fake = new FakeCublasLt(new FakeMemory(4096));
    fake.algorithms = times(2, 1);
    const product = place(fake, BF16);
    const lines: string[] = [];
    fake.memory.allocate(4096 - 4 * 256);
    using matmul = new Matmul(fake.functions, fake.host(), { file, report: (line) => lines.push(line) });
    await matmul.prepare([product]);
    matmul.enqueue(product, 5n);
    expect(fake.runs.map(({ id }) => id)).toEqual([1]);
    expect(lines.at(-1)).toMatch(
      /^no memory to measure out bf16\[3, 7\] = .*; taking the algorithm that cuBLASLt recommends$/,
    );
  });

  it("does not measure where there is no choice, but runs it once, so that its kernel is loaded before any capture", async () => {
    const fake = new FakeCublasLt();
    expect(await chosen(fake)).toBe(1);
    expect(fake.runs).toHaveLength(2);
    expect(await chosen(fake)).toBe(1);
    expect(fake.searches).toHaveLength(1);
    expect(fake.runs).toHaveLength(4);
  });
});
