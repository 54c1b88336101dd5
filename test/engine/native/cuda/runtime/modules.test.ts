/** Kernels compiled, loaded, launched, and every way in which a launch can be wrong. */
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CONSTANTS as C } from "../../../../../src/engine/native/cuda/ffi/driver.js";
import { Compiler } from "../../../../../src/engine/native/cuda/runtime/compiler.js";
import { type Context, openContext } from "../../../../../src/engine/native/cuda/runtime/context.js";
import { captureGraph } from "../../../../../src/engine/native/cuda/runtime/graph.js";
import type { Launch } from "../../../../../src/engine/native/cuda/runtime/launch.js";
import { Modules } from "../../../../../src/engine/native/cuda/runtime/modules.js";
import { fakeBackend } from "./fake-backend.js";
import { FakeDriver } from "./fake-driver.js";

const TEXT =
  'extern "C" __global__ void set(float *out, int n, float value) {}\nextern "C" __global__ void idle() {}\n';
const kernel = { file: "set.cu", name: "set", defines: { A: 1 } };
const launchOf = (change: Partial<Launch> = {}): Launch => ({
  kind: "launch",
  kernel,
  grid: [2, 1, 1],
  block: [128, 1, 1],
  sharedBytes: 0,
  args: [{ pointer: 16n }, { i32: 3 }, { f32: 0.5 }],
  ...change,
});

let folder = "";
let fake: FakeDriver;
let context: Context;
let modules: Modules;
let backend: ReturnType<typeof fakeBackend>;
let launched: unknown[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hephaestus-modules-"));
  await mkdir(join(folder, "kernels"));
  await writeFile(join(folder, "kernels", "set.cu"), TEXT);
  launched = [];
  fake = new FakeDriver();
  fake.kernels.set("set", ([out, n, value], shape) => {
    launched.push([out.getBigUint64(0, true), n.getInt32(0, true), value.getFloat32(0, true), shape]);
  });
  fake.kernels.set("idle", () => launched.push("idle"));
  context = openContext(fake.driver);
  backend = fakeBackend();
  const options = { sources: join(folder, "kernels"), cacheFolder: join(folder, "cache") };
  modules = new Modules(context, new Compiler(backend, context.card, options));
});

afterEach(() => {
  fake.failures.clear();
  modules[Symbol.dispose]();
  context[Symbol.dispose]();
  expect([...fake.live.values()]).toEqual([]);
  rmSync(folder, { recursive: true });
});

describe("Modules", () => {
  it("launches with the shape and the arguments asked for", async () => {
    await modules.prepare([kernel]);
    modules.launch(launchOf({ sharedBytes: 256 }));
    expect(launched).toEqual([[16n, 3, 0.5, [2, 1, 1, 128, 1, 1, 256]]]);
    expect(modules.usage(kernel)).toMatchObject({ registers: 40, localBytes: 0, sharedBytes: 1024, mostThreads: 256 });
  });

  it("compiles and loads a file once for all its kernels, and again for other constants", async () => {
    await modules.prepare([kernel, { ...kernel }, { ...kernel, name: "idle" }]);
    await modules.prepare([kernel]);
    expect([backend.units.length, fake.count("module")]).toEqual([1, 1]);
    await modules.prepare([{ ...kernel, defines: { A: 2 } }]);
    expect([backend.units.length, fake.count("module")]).toEqual([2, 2]);
    modules.launch(launchOf({ kernel: { ...kernel, name: "idle" }, args: [] }));
    expect(launched).toEqual(["idle"]);
  });

  it("can be recorded: arguments are those of the moment of recording", async () => {
    await modules.prepare([kernel]);
    using graph = captureGraph(context.stream, () => {
      modules.launch(launchOf());
      modules.launch(launchOf({ args: [{ pointer: null }, { i32: 4 }, { f32: 1 }] }));
    });
    expect(launched).toEqual([]);
    graph.launch(context.stream);
    expect(launched.map((one) => (one as unknown[])[1])).toEqual([3, 4]);
    expect(graph.nodes).toBe(2);
  });

  it("asks for shared memory beyond what every block has, once", async () => {
    await modules.prepare([kernel]);
    modules.launch(launchOf({ sharedBytes: (47 << 10) as number }));
    expect(fake.sharedLimits.size).toBe(0);
    modules.launch(launchOf({ sharedBytes: 100 << 10 }));
    modules.launch(launchOf({ sharedBytes: 64 << 10 }));
    expect([...fake.sharedLimits]).toEqual([["set", 100 << 10]]);
  });

  it.each<[string, Partial<Launch>, string]>([
    ["too few arguments", { args: [] }, "set takes 3 arguments (out, n, value), not 0"],
    [
      "an argument of another kind",
      { args: [{ i64: 1 }, { i32: 1 }, { f32: 1 }] },
      "takes pointer as argument 1 (out)",
    ],
    ["no blocks", { grid: [0, 1, 1] }, "set cannot be launched with 0x1x1 blocks"],
    ["half a block", { grid: [0.5, 1, 1] }, "0.5x1x1 blocks"],
    ["too many blocks", { grid: [1, 65536, 1] }, "1x65536x1 blocks"],
    ["too many threads", { block: [128, 4, 1] }, "512 threads in a block; it was compiled for at most 256"],
    ["too much shared memory", { sharedBytes: 227 << 10 }, "beside 1024 of its own; the card has 227 KiB"],
    ["an unprepared kernel", { kernel: { ...kernel, defines: {} } }, "the kernel set of set.cu was not prepared"],
  ])("refuses %s before the card hears of it", async (_, change, problem) => {
    await modules.prepare([kernel]);
    expect(() => modules.launch(launchOf(change))).toThrow(problem);
    expect(fake.calls).not.toContain("cuLaunchKernel");
  });

  it("says what was launched when the card refuses", async () => {
    await modules.prepare([kernel]);
    fake.failures.set("cuLaunchKernel", C.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
    expect(() => modules.launch(launchOf())).toThrow(
      /OUT_OF_RESOURCES.*launch set with 2x1x1 blocks of 128x1x1 threads/,
    );
  });

  it("shows the driver's log when it cannot load a module, and tries again when asked again", async () => {
    fake.imageLog = "ptxas fatal: not for this card";
    await expect(modules.prepare([kernel])).rejects.toThrow(
      /INVALID_IMAGE.*load set.cu \(ptxas fatal: not for this card\)/,
    );
    fake.imageLog = "";
    await modules.prepare([kernel]);
    expect(fake.count("module")).toBe(1);
  });

  it("names a kernel that its file lacks, in the text or in what became of it", async () => {
    await expect(modules.prepare([{ ...kernel, name: "gone" }])).rejects.toThrow("set.cu has no kernel gone");
    fake.kernels.delete("idle");
    await expect(modules.prepare([{ ...kernel, name: "idle" }])).rejects.toThrow(/NOT_FOUND.*find idle in set.cu/);
  });
});
