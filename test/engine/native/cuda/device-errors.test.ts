/** What users and developers are told: no library, no card, kernels that do not compile or go wrong, a card that is lost. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../../../src/base/errors.js";
import { CudaDevice, openCudaDevice } from "../../../../src/engine/native/cuda/device.js";
import { openCublasLt } from "../../../../src/engine/native/cuda/ffi/cublaslt.js";
import { CONSTANTS as C, openDriver } from "../../../../src/engine/native/cuda/ffi/driver.js";
import { openNvrtc } from "../../../../src/engine/native/cuda/ffi/nvrtc.js";
import { Compiler } from "../../../../src/engine/native/cuda/runtime/compiler.js";
import { openContext } from "../../../../src/engine/native/cuda/runtime/context.js";
import { CudaError } from "../../../../src/engine/native/cuda/runtime/errors.js";
import { KERNEL_FOLDER } from "../../../../src/engine/native/cuda/runtime/kernel-source.js";
import { Matmul } from "../../../../src/engine/native/cuda/runtime/matmul.js";
import { matmulHost } from "../../../../src/engine/native/cuda/runtime/matmul-host.js";
import { Modules } from "../../../../src/engine/native/cuda/runtime/modules.js";
import { nvrtcBackend } from "../../../../src/engine/native/cuda/runtime/nvrtc-compiler.js";
import { Staging } from "../../../../src/engine/native/cuda/runtime/staging.js";
import { ONES, pairOf } from "../small-buffers.js";
import { emulatedPlaces, emulator, freshFolder, missing, open } from "./small-card.js";

beforeEach(() => emulator.reset());

/** A device whose `add` kernel has another body. */
async function withAdd(change: (text: string) => string): Promise<CudaDevice> {
  const folder = freshFolder();
  cpSync(KERNEL_FOLDER, join(folder, "kernels"), { recursive: true });
  const file = join(folder, "kernels", "add.cu");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, change(text));
  expect(readFileSync(file, "utf8")).not.toBe(text);
  const { path } = emulator;
  const context = openContext(openDriver(path));
  const places = { sources: join(folder, "kernels"), cacheFolder: join(folder, "cache") };
  const modules = new Modules(context, new Compiler(nvrtcBackend(openNvrtc(path)), context.card, places));
  const matmul = new Matmul(openCublasLt(path), matmulHost(context), { file: join(folder, "algorithms.json") });
  return new CudaDevice({ context, modules, matmul, staging: new Staging(context), ranges: null });
}

describe.skipIf(missing !== null)(missing === null ? "opening a card" : `opening (skipped: ${missing})`, () => {
  it.each([
    ["driver", "the NVIDIA driver", "nvidia-smi"],
    ["nvrtc", "NVRTC", "nvidia-cuda-nvrtc"],
    ["cublasLt", "cuBLASLt", "nvidia-cublas"],
  ] as const)(
    "without the library %s lists every path tried and says who supplies it",
    async (name, title, supplier) => {
      const places = emulatedPlaces();
      const explicit = { ...places.explicit, [name]: "/nowhere/libabsent.so.1" };
      // Where nvcc is installed it takes NVRTC's place.
      const opening = openCudaDevice({ places: { ...places, explicit } });
      const error: unknown = await opening.then(
        (device) => device[Symbol.dispose](),
        (reason: unknown) => reason,
      );
      if (name === "nvrtc" && error === undefined) return;
      expect(error).toBeInstanceOf(UserError);
      expect(String(error)).toContain(`${title}`);
      expect(String(error)).toContain("was not found");
      expect(String(error)).toContain("/nowhere/libabsent.so.1: no such file");
      expect(String(error)).toContain(supplier);
      expect(emulator.report()).toMatchObject({ device: { live: 0 }, pinned: { live: 0 }, errors: [] });
    },
  );

  it("refuses a card that is not there, one that is too old, and a driver that is", async () => {
    await expect(open({ index: 3 })).rejects.toThrow(/there is no card 3[\s\S]*0, the only card/);
    emulator.set("computeCapability", 75);
    await expect(open()).rejects.toThrow(/too old[\s\S]*8\.0 or newer[\s\S]*7\.5/);
    emulator.reset();
    emulator.set("driverVersion", 11080);
    await expect(open()).rejects.toThrow(/driver is too old[\s\S]*12\.0 or newer/);
    emulator.reset();
    emulator.fail("cuInit", 1, C.CUDA_ERROR_NO_DEVICE);
    await expect(open()).rejects.toThrow(/CUDA_ERROR_NO_DEVICE[\s\S]*nvidia-smi/);
  });
});

describe.skipIf(missing !== null)("a kernel", () => {
  it("that does not compile is told with the compiler's log and its constants; the device goes on", async () => {
    using device = await withAdd((text) => text.replace("{", "{ nonsense;"));
    const { a, b } = pairOf(device);
    using program = device.record((operations) => operations.add(a, b));
    const message = /cannot compile add\.cu \(sm_90a[^)]* -D[A-Z]+=[\s\S]*add\.cu\(\d+\): error: [\s\S]*nonsense/;
    await expect(device.run(program)).rejects.toThrow(message);
    await expect(device.run(program)).rejects.toThrow(message);
    using other = device.record((operations) => operations.copy(a, b));
    device.write(b, ONES);
    await device.run(other);
    expect(await device.read(a)).toEqual(ONES);
  });

  it("whose parameters are others than the launch's arguments is not launched", async () => {
    using device = await withAdd((text) => text.replace(" add(", " add(int extra, "));
    const { a, b } = pairOf(device);
    using program = device.record((operations) => operations.add(a, b));
    await expect(device.run(program)).rejects.toThrow(/add takes 4 arguments \(extra, /);
    expect(emulator.report().launches).toBe(0);
  });

  it.each([
    ["at the first run", 1],
    ["at a replay", 2],
  ])("that leaves its memory ends the process's use of the card, %s, in plain words", async (_, runs) => {
    const device = await withAdd((text) => text.replace("{", "{ if (x[0] > 0.5f) *(volatile int *)8 = 1;"));
    const { a, b } = pairOf(device);
    const program = device.record((operations) => operations.add(a, b));
    for (let run = 1; run < runs; run++) await device.run(program);
    device.write(b, ONES);
    const lost = /CUDA_ERROR_ILLEGAL_ADDRESS.*nothing works on it any more: the process must be restarted/;
    await expect(device.run(program)).rejects.toThrow(lost);
    await expect(device.run(program)).rejects.toThrow(CudaError);
    await expect(device.read(a)).rejects.toThrow(lost);
    expect(() => device.write(b, ONES)).toThrow(lost);
    expect(() => pairOf(device)).toThrow(lost);
    // What cannot be given back any more is not asked for.
    device[Symbol.dispose]();
  });
});

describe.skipIf(missing !== null)("a card that is lost", () => {
  it.each([
    ["while it computes", "cuEventQuery", C.CUDA_ERROR_ECC_UNCORRECTABLE],
    ["while it is given work", "cuLaunchKernel", C.CUDA_ERROR_CONTEXT_IS_DESTROYED],
    ["while it copies", "cuMemcpyHtoDAsync_v2", C.CUDA_ERROR_LAUNCH_TIMEOUT],
    ["from outside", "cuMemsetD8Async", C.CUDA_ERROR_EXTERNAL_DEVICE],
  ])("%s repeats the first error whatever is asked, and is closed in silence", async (_, call, status) => {
    const device = await open();
    emulator.fail(call, 1, status);
    const use = async (): Promise<void> => {
      const { a, b } = pairOf(device);
      device.write(a, ONES);
      await device.run(device.record((operations) => operations.add(a, b)));
    };
    const first = await use().catch((error: Error) => error.message);
    expect(first).toMatch(/^the card reported .*nothing works on it any more: the process must be restarted$/);
    await expect(use()).rejects.toThrow(String(first));
    device[Symbol.dispose]();
  });
});
