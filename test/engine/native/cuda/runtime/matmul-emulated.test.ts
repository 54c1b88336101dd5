/** Products with the real bindings, context, events and graphs, on the emulator's cuBLASLt. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../../../../src/base/errors.js";
import { CONSTANTS as C, openCublasLt } from "../../../../../src/engine/native/cuda/ffi/cublaslt.js";
import { openDriver } from "../../../../../src/engine/native/cuda/ffi/driver.js";
import { type Context, openContext } from "../../../../../src/engine/native/cuda/runtime/context.js";
import { captureGraph } from "../../../../../src/engine/native/cuda/runtime/graph.js";
import type { Product } from "../../../../../src/engine/native/cuda/runtime/launch.js";
import { Matmul } from "../../../../../src/engine/native/cuda/runtime/matmul.js";
import { matmulHost } from "../../../../../src/engine/native/cuda/runtime/matmul-host.js";
import { Arena } from "../../../../../src/engine/native/cuda/runtime/memory.js";
import { Staging } from "../../../../../src/engine/native/cuda/runtime/staging.js";
import { emulatorMissing } from "../../../../cuda/emulator/build.js";
import { type Emulator, openEmulator } from "../../../../cuda/emulator/emulator.js";
import { everyCase, expectedOf, operandsOf, type Plus, type Shape } from "./products.js";

const reason = await emulatorMissing();
if (reason !== null) console.log(`skipped: ${reason}`);

/** The emulator is compiled at first use. */
const BUILD_MS = 300_000;
const SHAPE: Shape = { m: 17, n: 16, k: 15, transposeA: false, transposeB: true, inputType: "bf16", outputType: "f32" };

const folder = mkdtempSync(join(tmpdir(), "hephaestus-matmul-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(reason !== null)(reason ?? "products on the emulator", () => {
  let emulator: Emulator;
  let files = 0;

  beforeAll(async () => {
    emulator = await openEmulator();
  }, BUILD_MS);

  afterEach(() => {
    const { errors, device, pinned } = emulator.report();
    emulator.reset();
    expect({ errors, device: device.live, pinned: pinned.live }).toEqual({ errors: [], device: 0, pinned: 0 });
  });

  function open(context: Context, file = join(folder, `plans-${++files}.json`), lines: string[] = []): Matmul {
    const report = (line: string): void => void lines.push(line);
    return new Matmul(openCublasLt(emulator.path), matmulHost(context), { file, report });
  }

  /** Buffers of one product, its operands uploaded. */
  function place(context: Context, staging: Staging, shape: Shape, plus: Plus): { arena: Arena; product: Product } {
    const { m, n, k, inputType, outputType } = shape;
    const arena = new Arena(context, [
      { name: "a", shape: [m * k], dtype: inputType },
      { name: "b", shape: [k * n], dtype: inputType },
      { name: "plus", shape: [m * n], dtype: outputType },
      { name: "out", shape: [m * n], dtype: outputType },
    ]);
    const operands = operandsOf(shape, 1);
    const address = (name: string): bigint => {
      const buffer = arena.buffers.get(name);
      if (buffer === undefined) throw new Error(`no buffer ${name}`);
      return buffer.address;
    };
    for (const name of ["a", "b", "plus"] as const) {
      const buffer = arena.buffers.get(name);
      if (buffer !== undefined) staging.upload(buffer, Float32Array.from(operands[name]));
    }
    const out = address(plus === "out" ? "plus" : "out");
    const added = plus === "nothing" ? null : address("plus");
    const product: Product = { kind: "product", ...shape, out, a: address("a"), b: address("b"), plus: added };
    return { arena, product };
  }

  async function read(staging: Staging, { arena, product }: { arena: Arena; product: Product }): Promise<number[]> {
    const buffer = [...arena.buffers.values()].find(({ address }) => address === product.out);
    const values = new Float32Array(product.m * product.n);
    if (buffer !== undefined) await staging.download(buffer, values);
    return [...values];
  }

  it("are right in all transposes, types, ways to add and odd sizes", async () => {
    using context = openContext(openDriver(emulator.path));
    using staging = new Staging(context, 4096);
    using matmul = open(context);
    for (const { shape, plus, title } of everyCase()) {
      const placed = place(context, staging, shape, plus);
      await matmul.prepare([placed.product]);
      matmul.enqueue(placed.product, context.stream.handle);
      expect(await read(staging, placed), title).toEqual(expectedOf(shape, operandsOf(shape, 1), plus !== "nothing"));
      placed.arena[Symbol.dispose]();
    }
  });

  it("are captured in a graph, which adds each time that it runs", async () => {
    using context = openContext(openDriver(emulator.path));
    using staging = new Staging(context, 4096);
    using matmul = open(context);
    const placed = place(context, staging, SHAPE, "out");
    using _arena = placed.arena;
    await matmul.prepare([placed.product]);
    {
      using graph = captureGraph(context.stream, () => matmul.enqueue(placed.product, context.stream.handle));
      expect(graph.nodes).toBeGreaterThan(0);
      graph.launch(context.stream);
      graph.launch(context.stream);
      const operands = operandsOf(SHAPE, 1);
      const [once, product] = [expectedOf(SHAPE, operands, true), expectedOf(SHAPE, operands, false)];
      expect(await read(staging, placed)).toEqual(once.map((value, index) => value + product[index]));
    }
  });

  it("are measured once; the next process takes what was remembered", async () => {
    const file = join(folder, "remembered.json");
    const matmuls: number[] = [];
    for (let run = 0; run < 2; run++) {
      using context = openContext(openDriver(emulator.path));
      using staging = new Staging(context, 4096);
      using matmul = open(context, file);
      const placed = place(context, staging, SHAPE, "another");
      using _arena = placed.arena;
      const before = emulator.report().matmuls;
      await matmul.prepare([placed.product]);
      matmul.enqueue(placed.product, context.stream.handle);
      expect(await read(staging, placed)).toEqual(expectedOf(SHAPE, operandsOf(SHAPE, 1), true));
      matmuls.push(emulator.report().matmuls - before);
    }
    expect(matmuls[0]).toBeGreaterThan(2 * 3);
    // Once to load its kernel, once for its result.
    expect(matmuls[1]).toBe(2);
  });

  it("says what the library said, about which product", async () => {
    using context = openContext(openDriver(emulator.path));
    using staging = new Staging(context, 4096);
    using matmul = open(context);
    const placed = place(context, staging, SHAPE, "nothing");
    using _arena = placed.arena;
    const odd: Product = { ...placed.product, inputType: "f32", outputType: "bf16", m: 2, n: 2, k: 2 };
    await expect(matmul.prepare([odd])).rejects.toThrow(
      "cuBLASLt could not find an algorithm for out bf16[2, 2] = a f32[2, 2] · b f32[2, 2] transposed: CUBLAS_STATUS_NOT_SUPPORTED (15)",
    );
    await matmul.prepare([placed.product]);
    emulator.fail("cublasLtMatmul", 1, C.CUBLAS_STATUS_EXECUTION_FAILED);
    expect(() => matmul.enqueue(placed.product, context.stream.handle)).toThrow(
      /could not compute out f32\[17, 16\] = a bf16\[17, 15\] · b bf16\[16, 15\] transposed: CUBLAS_STATUS_EXECUTION_FAILED/,
    );
    emulator.fail("cublasLtCreate", 1, C.CUBLAS_STATUS_ALLOC_FAILED);
    expect(() => open(context)).toThrow(UserError);
  });

  it("without memory for the workspace, says so; without memory to measure in, works all the same", async () => {
    // 4 MiB for another card's workspace, and little beside it.
    emulator.set("computeCapability", 80);
    emulator.set("memoryBytes", (4 << 20) + (96 << 10));
    using context = openContext(openDriver(emulator.path));
    using staging = new Staging(context, 4096);
    const lines: string[] = [];
    using matmul = open(context, undefined, lines);
    expect(() => open(context)).toThrow(UserError);
    const shape: Shape = { ...SHAPE, m: 96, n: 96, k: 2 };
    const placed = place(context, staging, shape, "out");
    using _arena = placed.arena;
    await matmul.prepare([placed.product]);
    expect(lines.at(-1)).toMatch(/^no memory to measure out f32\[96, 96\] = out \+ /);
    matmul.enqueue(placed.product, context.stream.handle);
    expect(await read(staging, placed)).toEqual(expectedOf(shape, operandsOf(shape, 1), true));
  });
});
