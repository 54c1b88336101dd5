import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { CONSTANTS as C } from "../../../../../src/engine/native/cuda/ffi/cublaslt.js";
import { Matmul } from "../../../../../src/engine/native/cuda/runtime/matmul.js";
import { FakeCublasLt, HOPPER } from "./fake-cublaslt.js";
import { BF16, place } from "./fake-products.js";

const folder = mkdtempSync(join(tmpdir(), "matmul-"));
afterAll(() => rmSync(folder, { recursive: true }));
let file = join(folder, "plans-0.json");
let files = 0;
beforeEach(() => {
  file = join(folder, `plans-${++files}.json`);
});

describe("what is remembered", () => {
  const slowFirst = [
    { id: 1, milliseconds: 3 },
    { id: 2, milliseconds: 1 },
  ];

  /** One run of the program: what it ran with, what it searched for, what it said. */
  async function once(
    algorithms = slowFirst,
    { card = HOPPER, version = 130_101 } = {},
  ): Promise<{ readonly id: number | undefined; readonly searches: number; readonly lines: readonly string[] }> {
    const fake = new FakeCublasLt();
    fake.algorithms = algorithms;
    fake.version = version;
    const lines: string[] = [];
    using matmul = new Matmul(fake.functions, fake.host(card), { file, report: (line) => lines.push(line) });
    const product = place(fake, BF16);
    await matmul.prepare([product]);
    matmul.enqueue(product, 5n);
    return { id: fake.runs.at(-1)?.id, searches: fake.searches.length, lines };
  }

  it("is taken by the next run without a search, even if times have changed", async () => {
    expect(await once()).toEqual({ id: 2, searches: 1, lines: ["measuring matrix products (once on this machine)"] });
    expect(await once(slowFirst.map((one) => ({ ...one, milliseconds: one.id })))).toEqual({
      id: 2,
      searches: 0,
      lines: [],
    });
  });

  it("counts for one card and one version of the library", async () => {
    await once();
    expect((await once(slowFirst, { card: { ...HOPPER, multiprocessors: 114 } })).searches).toBe(1);
    expect((await once(slowFirst, { version: 130_200 })).searches).toBe(1);
    expect((await once()).searches).toBe(0);
  });

  it("is replaced when the algorithm cannot run any more", async () => {
    await once();
    const others = [
      { id: 3, milliseconds: 1 },
      { id: 4, milliseconds: 2 },
    ];
    expect(await once(others)).toMatchObject({ id: 3, searches: 1 });
    expect(await once([...others, ...slowFirst])).toMatchObject({ id: 3, searches: 0 });
    const greedy = [
      { id: 3, milliseconds: 1, workspace: (32 << 20) + 1 },
      { id: 4, milliseconds: 2 },
    ];
    expect((await once(greedy)).searches).toBe(1);
  });

  it("is replaced when it is accepted and fails all the same", async () => {
    await once();
    const [first, second] = slowFirst;
    const broken = [first, { ...second, status: C.CUBLAS_STATUS_NOT_SUPPORTED }];
    expect(await once(broken)).toMatchObject({ id: 1, searches: 1 });
    expect(await once()).toMatchObject({ id: 1, searches: 0 });
  });

  it("is the choice of whoever was first", async () => {
    const fakes = [slowFirst, slowFirst.map((one) => ({ ...one, milliseconds: one.id }))].map((algorithms) => {
      const fake = new FakeCublasLt();
      fake.algorithms = algorithms;
      return { fake, matmul: new Matmul(fake.functions, fake.host(), { file }), product: place(fake, BF16) };
    });
    // Both look before either has written.
    const [first, second] = fakes;
    await second.matmul.prepare([place(second.fake, { ...BF16, m: 9 })]);
    rmSync(file);
    await first.matmul.prepare([first.product]);
    await second.matmul.prepare([second.product]);
    for (const { fake, matmul, product } of fakes) {
      matmul.enqueue(product, 5n);
      expect(fake.runs.at(-1)?.id).toBe(2);
      matmul[Symbol.dispose]();
    }
  });

  it.each([
    ["no JSON", "{"],
    ["another format", '{"format":2,"choices":{}}'],
    ["a wrong fingerprint", '{"format":1,"fingerprint":"00","choices":{"x":{"algorithm":"00","milliseconds":1}}}'],
    ["not even an object", "[]"],
  ])("is ignored with a report when the file is damaged: %s", async (_what, text) => {
    writeFileSync(file, text);
    const { id, lines } = await once();
    expect(id).toBe(2);
    expect(lines[0]).toContain(`${file} is damaged and will be written again`);
    expect(await once()).toMatchObject({ searches: 0, lines: [] });
  });

  it("is lost with a report when the file cannot be written", async () => {
    writeFileSync(join(folder, "plain-file"), "");
    file = join(folder, "plain-file", "plans.json");
    const { id, lines } = await once();
    expect(id).toBe(2);
    expect(lines.at(-1)).toMatch(
      /^the algorithms of products are not remembered, so the next run may round differently/,
    );
  });
});
