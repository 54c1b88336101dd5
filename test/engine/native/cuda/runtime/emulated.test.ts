/** From a kernel's text to its result, everything of the runtime together, on the emulator: compile, load, upload, record, launch, download. */
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CONSTANTS as C, openDriver } from "../../../../../src/engine/native/cuda/ffi/driver.js";
import { openNvrtc } from "../../../../../src/engine/native/cuda/ffi/nvrtc.js";
import { Compiler } from "../../../../../src/engine/native/cuda/runtime/compiler.js";
import { type Context, openContext } from "../../../../../src/engine/native/cuda/runtime/context.js";
import { captureGraph } from "../../../../../src/engine/native/cuda/runtime/graph.js";
import type { Launch } from "../../../../../src/engine/native/cuda/runtime/launch.js";
import { Arena } from "../../../../../src/engine/native/cuda/runtime/memory.js";
import { Modules } from "../../../../../src/engine/native/cuda/runtime/modules.js";
import { nvrtcBackend } from "../../../../../src/engine/native/cuda/runtime/nvrtc-compiler.js";
import { Staging } from "../../../../../src/engine/native/cuda/runtime/staging.js";
import { emulatorMissing } from "../../../../cuda/emulator/build.js";
import { type Emulator, openEmulator } from "../../../../cuda/emulator/emulator.js";

const reason = await emulatorMissing();
if (reason !== null) console.log(`skipped: ${reason}`);

const HEADER = "__device__ inline float times(float x, float factor) { return x * factor; }\n";
const TEXT = `#include "times.cuh"
extern "C" __global__ void __launch_bounds__(64) reverse(TYPE *x, int n, float factor, long long skip) {
  extern __shared__ __align__(16) unsigned char shared[];
  float *values = reinterpret_cast<float *>(shared);
  for (int i = threadIdx.x; i < n; i += blockDim.x) values[n - 1 - i] = times(x[skip + i], factor);
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) x[skip + i] = values[i];
}
extern "C" __global__ void stray(TYPE *x) { *x = 1; }
`;
const reverse = { file: "reverse.cu", name: "reverse", defines: { TYPE: "float" } };
const stray = { ...reverse, name: "stray" };

/** The emulator is compiled at first use. */
const BUILD_MS = 300_000;

const folder = mkdtempSync(join(tmpdir(), "hephaestus-emulated-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(reason !== null)(reason ?? "the runtime on the emulator", () => {
  let emulator: Emulator;

  beforeAll(async () => {
    emulator = await openEmulator();
    await mkdir(join(folder, "kernels"));
    await writeFile(join(folder, "kernels", "reverse.cu"), TEXT);
    await writeFile(join(folder, "kernels", "times.cuh"), HEADER);
  }, BUILD_MS);

  afterEach(() => emulator.reset());

  function modulesOf(context: Context): Modules {
    const options = { sources: join(folder, "kernels"), cacheFolder: join(folder, "cache") };
    return new Modules(context, new Compiler(nvrtcBackend(openNvrtc(emulator.path)), context.card, options));
  }

  function launchOf(pointer: bigint, n: number, skip: number): Launch {
    const args = [{ pointer }, { i32: n }, { f32: 2 }, { i64: skip }];
    return { kind: "launch", kernel: reverse, grid: [1, 1, 1], block: [64, 1, 1], sharedBytes: 4 * n, args };
  }

  it("computes, at once and recorded, and gives everything back", async () => {
    const n = 15_000;
    {
      using context = openContext(openDriver(emulator.path));
      using modules = modulesOf(context);
      await modules.prepare([reverse]);
      using arena = new Arena(context, [
        { name: "x", shape: [n + 2], dtype: "f32" },
        { name: "y", shape: [n + 2], dtype: "f32" },
      ]);
      using staging = new Staging(context, 4096);
      const [x, y] = arena.buffers.values();
      const values = Float32Array.from({ length: n + 2 }, (_, index) => index);
      staging.upload(x, values);
      modules.launch(launchOf(x.address, n, 1));
      using graph = captureGraph(context.stream, () => {
        modules.launch(launchOf(x.address, n, 1));
        context.stream.copy(y.address, x.address, x.bytes);
        context.stream.fill(x.address, 8);
      });
      expect(graph.nodes).toBe(3);
      const once = new Float32Array(n + 2);
      await staging.download(x, once);
      expect(once).toEqual(values.map((_, index) => (index === 0 || index === n + 1 ? index : 2 * (n + 1 - index))));
      graph.launch(context.stream);
      graph.launch(context.stream);
      await context.stream.wait();
      const again = new Float32Array(n + 2);
      await staging.download(y, again);
      // Twice more, the second time with the zeros that the first left in the first two places.
      const second = values.map((_, index) => (index === 0 || index === n + 1 ? index : 4 * index));
      second[0] = 0;
      second[1] = 0;
      expect(again).toEqual(
        second.map((value, index) => (index === 0 || index === n + 1 ? value : 2 * second[n + 1 - index])),
      );
    }
    const report = emulator.report();
    expect(report.errors).toEqual([]);
    expect([report.device.live, report.pinned.live, report.launches, report.graphLaunches]).toEqual([0, 0, 3, 2]);
  });

  it("tells what a kernel did wrong, and again whatever is asked later", async () => {
    const context = openContext(openDriver(emulator.path));
    const modules = modulesOf(context);
    await modules.prepare([stray]);
    using arena = new Arena(context, [{ name: "x", shape: [1], dtype: "f32" }]);
    modules.launch({
      ...launchOf(arena.base, 1, 0),
      kernel: stray,
      args: [{ pointer: null }],
      block: [1, 1, 1],
      sharedBytes: 0,
    });
    await expect(context.stream.wait()).rejects.toThrow(/CUDA_ERROR_ILLEGAL_ADDRESS.*the process must be restarted/);
    await expect(context.stream.wait()).rejects.toThrow("CUDA_ERROR_ILLEGAL_ADDRESS");
    modules[Symbol.dispose]();
    context[Symbol.dispose]();
  });

  it("refuses a table that the card cannot hold, and one that the driver will not", () => {
    emulator.set("memoryBytes", 1 << 20);
    using context = openContext(openDriver(emulator.path));
    const specs = [{ name: "x", shape: [1 << 20], dtype: "bf16" as const }];
    expect(() => new Arena(context, specs)).toThrow("largest buffer is x bf16[1048576]");
    emulator.fail("cuMemAlloc_v2", 1, C.CUDA_ERROR_OUT_OF_MEMORY);
    expect(() => new Arena(context, [{ name: "x", shape: [1], dtype: "f32" }])).toThrow("not enough memory");
  });
});
