import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../../../../src/base/errors.js";
import { CONSTANTS as C, type CublasLt } from "../../../../../src/engine/native/cuda/ffi/cublaslt.js";
import type { Product } from "../../../../../src/engine/native/cuda/runtime/launch.js";
import { Matmul } from "../../../../../src/engine/native/cuda/runtime/matmul.js";
import { FakeCublasLt } from "./fake-cublaslt.js";
import { BF16, place, read } from "./fake-products.js";
import { everyCase, expectedOf, operandsOf } from "./products.js";

const folder = mkdtempSync(join(tmpdir(), "matmul-"));
afterAll(() => rmSync(folder, { recursive: true }));
let file = join(folder, "plans-0.json");
let files = 0;
beforeEach(() => {
  file = join(folder, `plans-${++files}.json`);
});

describe("products", () => {
  it.each(everyCase())("$title", async ({ shape, plus }) => {
    const fake = new FakeCublasLt();
    fake.algorithms = [
      { id: 1, milliseconds: 2 },
      { id: 2, milliseconds: 1 },
    ];
    using matmul = new Matmul(fake.functions, fake.host(), { file });
    const product = place(fake, shape, plus);
    await matmul.prepare([product]);
    matmul.enqueue(product, 5n);
    expect(read(fake, product)).toEqual(expectedOf(shape, operandsOf(shape, 1), plus !== "nothing"));
    expect(fake.runs.at(-1)).toMatchObject({ id: 2, stream: 5n });
  });
});

describe("plans", () => {
  it("are made once for each shape, whatever the addresses", async () => {
    const fake = new FakeCublasLt();
    using matmul = new Matmul(fake.functions, fake.host(), { file });
    const [first, second] = [place(fake, BF16), place(fake, BF16, "nothing", 2)];
    await matmul.prepare([first, second, first]);
    await matmul.prepare([second]);
    expect(fake.searches).toHaveLength(1);
    matmul.enqueue(second, 5n);
    expect(read(fake, second)).toEqual(expectedOf(BF16, operandsOf(BF16, 2), false));
  });

  it("are not shared by what may need another algorithm", async () => {
    const fake = new FakeCublasLt();
    using matmul = new Matmul(fake.functions, fake.host(), { file });
    const product = place(fake, BF16);
    const others: Partial<Product>[] = [
      { m: 2 },
      { transposeA: true },
      { outputType: "f32" },
      { plus: product.out },
      { a: product.a + 2n },
    ];
    await matmul.prepare([product, ...others.map((other) => ({ ...product, ...other }))]);
    expect(fake.searches).toHaveLength(1 + others.length);
  });

  it("that were not prepared are refused", () => {
    const fake = new FakeCublasLt();
    using matmul = new Matmul(fake.functions, fake.host(), { file });
    expect(() => matmul.enqueue(place(fake, BF16, "out"), 5n)).toThrow(
      "this product was not prepared: out bf16[3, 7] = out + a bf16[3, 5] · b bf16[7, 5] transposed",
    );
  });

  it("prepared twice at once are made once", async () => {
    const fake = new FakeCublasLt();
    const matmul = new Matmul(fake.functions, fake.host(), { file });
    const product = place(fake, BF16);
    await Promise.all([matmul.prepare([product]), matmul.prepare([product])]);
    expect(fake.searches).toHaveLength(1);
    matmul[Symbol.dispose]();
    expect(fake.alive).toBe(0);
  });
});

describe("errors", () => {
  it.each([
    ["no rows", { m: 0 }, /sizes must be whole and positive/],
    ["half a row", { n: 1.5 }, /sizes must be whole and positive/],
    ["an address inside an element", { a: 0x7f00_0000_0101n }, /the address of a is 0x7f0000000101/],
    ["no address", { out: 0n }, /the address of out is 0x0/],
  ])("refuses %s", async (_what, change, message) => {
    const fake = new FakeCublasLt();
    using matmul = new Matmul(fake.functions, fake.host(), { file });
    await expect(matmul.prepare([{ ...place(fake, BF16), ...change }])).rejects.toThrow(message);
  });

  it("refuses an output that shares memory with what is read, but for plus itself", async () => {
    const fake = new FakeCublasLt();
    using matmul = new Matmul(fake.functions, fake.host(), { file });
    const product = place(fake, BF16, "another");
    const plus = product.plus ?? 0n;
    for (const [name, out] of Object.entries({ a: product.a + 28n, b: product.b - 40n, plus: plus + 2n }))
      await expect(matmul.prepare([{ ...product, out }])).rejects.toThrow(`out shares memory with ${name}`);
    await matmul.prepare([
      { ...product, out: product.b - 42n },
      { ...product, out: plus },
    ]);
  });

  it.each([
    "cublasLtMatrixLayoutCreate",
    "cublasLtMatmulDescCreate",
    "cublasLtMatmulDescSetAttribute",
    "cublasLtMatmulPreferenceCreate",
    "cublasLtMatmulPreferenceSetAttribute",
    "cublasLtMatmulAlgoGetHeuristic",
  ] satisfies (keyof CublasLt)[])("leaves nothing behind when %s fails", async (name) => {
    const fake = new FakeCublasLt();
    const matmul = new Matmul(fake.functions, fake.host(), { file });
    fake.failing.set(name, C.CUBLAS_STATUS_INVALID_VALUE);
    await expect(matmul.prepare([place(fake, BF16)])).rejects.toThrow(
      /^cuBLASLt could not .*: CUBLAS_STATUS_INVALID_VALUE/,
    );
    expect(fake.alive).toBe(1);
    fake.failing.clear();
    await matmul.prepare([place(fake, BF16)]);
    matmul[Symbol.dispose]();
    matmul[Symbol.dispose]();
    expect(fake.alive).toBe(0);
    expect(fake.memory.allocations.size).toBe(0);
  });

  it("says how to help when the library has no memory, and gives the workspace back", () => {
    const fake = new FakeCublasLt();
    fake.failing.set("cublasLtCreate", C.CUBLAS_STATUS_ALLOC_FAILED);
    const error = (() => {
      try {
        return new Matmul(fake.functions, fake.host(), { file });
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toMatch(
      /cuBLASLt has not enough memory to begin to work on this card[\s\S]*ALLOC_FAILED[\s\S]*hint/,
    );
    expect(fake.memory.allocations.size).toBe(0);
  });

  it("names the product that could not be computed", async () => {
    const fake = new FakeCublasLt();
    using matmul = new Matmul(fake.functions, fake.host(), { file });
    const product = place(fake, { ...BF16, transposeA: true, inputType: "f32", outputType: "f32" }, "another");
    await matmul.prepare([product]);
    fake.failing.set("cublasLtMatmul", C.CUBLAS_STATUS_EXECUTION_FAILED);
    expect(() => matmul.enqueue(product, 5n)).toThrow(
      "cuBLASLt could not compute out f32[3, 7] = plus + a f32[5, 3] transposed · b f32[7, 5] transposed: CUBLAS_STATUS_EXECUTION_FAILED (13): words for 13",
    );
  });

  it("refuses to work after its end", async () => {
    const fake = new FakeCublasLt();
    const matmul = new Matmul(fake.functions, fake.host(), { file });
    const product = place(fake, BF16);
    matmul[Symbol.dispose]();
    await expect(matmul.prepare([product])).rejects.toThrow("disposed");
    expect(() => matmul.enqueue(product, 5n)).toThrow("disposed");
  });
});
