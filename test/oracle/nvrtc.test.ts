/**
 * The real NVRTC, from the packages of the interpreter that HEPHAESTUS_PYTHON names (`pip install nvidia-cuda-nvrtc`), and the real `nvcc`
 * where it is on the path: both find their headers in memory or in files, give machine code, and complain with line numbers.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { messageOf } from "../../src/base/errors.js";
import { findLibrary, placesFrom } from "../../src/engine/native/cuda/ffi/libraries.js";
import { openNvrtc } from "../../src/engine/native/cuda/ffi/nvrtc.js";
import { ELEMENT_KERNELS } from "../../src/engine/native/cuda/kernels/variants.js";
import type { CompilerBackend, CompileUnit } from "../../src/engine/native/cuda/runtime/backend.js";
import { Compiler } from "../../src/engine/native/cuda/runtime/compiler.js";
import { findNvcc } from "../../src/engine/native/cuda/runtime/nvcc-compiler.js";
import { nvrtcBackend } from "../../src/engine/native/cuda/runtime/nvrtc-compiler.js";

const ELF_MACHINE_CUDA = 190;
const CARD = { name: "H100", multiprocessors: 132, memoryBytes: 1, sharedBytesPerBlock: 232448, l2Bytes: 1 };

function findNvrtc(): CompilerBackend | string {
  const python = process.env["HEPHAESTUS_PYTHON"] ?? "python3";
  const places = placesFrom({ PATH: `${dirname(python)}:${process.env["PATH"] ?? ""}` });
  try {
    return nvrtcBackend(openNvrtc(findLibrary("nvrtc", { places }).path));
  } catch (error) {
    return messageOf(error).split("\n", 1)[0];
  }
}

async function findToolkit(): Promise<CompilerBackend | string> {
  const found = await findNvcc(["nvcc"]);
  return "backend" in found ? found.backend : found.refusals.join("; ");
}

function unitOf(text: string, architecture = "90a"): CompileUnit {
  const headers = new Map([
    [
      "scale.cuh",
      '#include "twice.cuh"\nstruct Scale { float by; __device__ float of(float x) { return twice(x) * by; } };\n',
    ],
    ["twice.cuh", "__device__ inline float twice(float x) { return x + x; }\n"],
  ]);
  return { source: { file: "scale.cu", text, headers }, defines: { BY: "3.5f", NAME: "scale" }, architecture };
}

const KERNEL = `#include "scale.cuh"
extern "C" __global__ void NAME(float *x, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = Scale{BY}.of(x[i]);
}
`;

const folder = mkdtempSync(join(tmpdir(), "hephaestus-nvrtc-"));
afterAll(() => rmSync(folder, { recursive: true }));

for (const [name, found] of [
  ["NVRTC", findNvrtc()],
  ["nvcc", await findToolkit()],
] as const) {
  const reason = typeof found === "string" ? `${name} is missing: ${found}` : null;
  if (reason !== null) console.log(`skipped: ${reason}`);
  const backend = found as CompilerBackend;

  describe.skipIf(reason !== null)(reason ?? `the real ${name}`, () => {
    it("tells its version and knows the cards that the engine supports", () => {
      expect(backend.identity).toMatch(/^(NVRTC|nvcc) 1[2-9]\.\d/);
      expect(backend.capabilities).toEqual(expect.arrayContaining([80, 90]));
    });

    it.each(["80", "90a"])("makes machine code for sm_%s that holds the kernel", async (architecture) => {
      const cubin = await backend.compile(unitOf(KERNEL, architecture));
      const view = new DataView(cubin.buffer, cubin.byteOffset);
      expect(new TextDecoder("latin1").decode(cubin.subarray(0, 4))).toBe("\x7fELF");
      expect(view.getUint16(18, true)).toBe(ELF_MACHINE_CUDA);
      expect(new TextDecoder("latin1").decode(cubin)).toContain(".text.scale");
    });

    it("complains with the file and the line", async () => {
      const broken = backend.compile(unitOf(KERNEL.replace("blockIdx.x", "nowhere")));
      await expect(broken).rejects.toThrow(/cannot compile scale.cu \(sm_90a -DBY=3.5f -DNAME=scale\)/);
      await expect(broken).rejects.toThrow(/scale\.cu\(3\): error: identifier "nowhere" is undefined/);
    });

    it("survives deep expressions, which need a deep stack", async () => {
      const deep = `${"(x[1] + ".repeat(250)}1${")".repeat(250)}`;
      await backend.compile(unitOf(`extern "C" __global__ void scale(float *x) { x[0] = ${deep}; }`));
    });

    it("compiles kernels of the engine through the cache", async () => {
      const compiler = new Compiler(
        backend,
        { ...CARD, computeCapability: [9, 0] },
        { cacheFolder: join(folder, name) },
      );
      const [ref] = ELEMENT_KERNELS.filter(({ file }) => file === "swiglu.cu");
      const { cubin } = await compiler.compile(ref);
      expect(new TextDecoder("latin1").decode(cubin)).toContain(`.text.${ref.name}`);
      expect(Buffer.from((await compiler.compile(ref)).cubin)).toEqual(Buffer.from(cubin));
    });
  });
}
