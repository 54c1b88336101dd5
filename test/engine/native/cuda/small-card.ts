/** The CUDA device on a fresh emulator, with everything of its own on disk, and the balance of what was taken and given back. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type CudaDevice, type CudaDeviceOptions, openCudaDevice } from "../../../../src/engine/native/cuda/device.js";
import type { SearchPlaces } from "../../../../src/engine/native/cuda/ffi/libraries.js";
import { emulatorMissing } from "../../../cuda/emulator/build.js";
import { type Emulator, type EmulatorReport, openEmulator } from "../../../cuda/emulator/emulator.js";

/** Why there is no emulator here, or null. */
export const missing: string | null = await emulatorMissing();

/** As one process has it; every test begins with `emulator.reset()`. */
export const emulator: Emulator = missing === null ? await openEmulator() : absentEmulator();

const folder = mkdtempSync(join(tmpdir(), "hephaestus-device-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Where nothing was compiled or measured yet. */
let fresh = 0;
export function freshFolder(): string {
  return join(folder, String(++fresh));
}

/** Folder of kernels that all tests of a file share: compiling them again would show nothing new. */
const shared = join(folder, "shared");

/** Only the emulator, for all libraries. */
export function emulatedPlaces(): SearchPlaces {
  const { path } = emulator;
  const explicit = { driver: path, nvrtc: path, cublasLt: path };
  return { explicit, toolkits: [], programs: [], conda: [], home: "/nowhere" };
}

/** Opens the emulated card with kernels in the file's cache, or in one of its own. */
export function open(options: Partial<CudaDeviceOptions> & { readonly cache?: string } = {}): Promise<CudaDevice> {
  const { cache = shared, ...others } = options;
  const places = emulatedPlaces();
  return openCudaDevice({ places, cacheFolder: cache, algorithms: join(cache, "algorithms.json"), ...others });
}

/** What makes and what gives back; memory is counted by the emulator itself. */
export const PAIRS: readonly (readonly [make: string, giveBack: string])[] = [
  ["cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2"],
  ["cuStreamCreate", "cuStreamDestroy_v2"],
  ["cuEventCreate", "cuEventDestroy_v2"],
  ["cuModuleLoadDataEx", "cuModuleUnload"],
  ["cuStreamBeginCapture_v2", "cuStreamEndCapture"],
  ["cuStreamEndCapture", "cuGraphDestroy"],
  ["cuGraphInstantiateWithFlags", "cuGraphExecDestroy"],
  ["nvrtcCreateProgram", "nvrtcDestroyProgram"],
  ["cublasLtCreate", "cublasLtDestroy"],
  ["cublasLtMatrixLayoutCreate", "cublasLtMatrixLayoutDestroy"],
  ["cublasLtMatmulDescCreate", "cublasLtMatmulDescDestroy"],
  ["cublasLtMatmulPreferenceCreate", "cublasLtMatmulPreferenceDestroy"],
];

/** Calls that made something which no call gave back, as `cuEventCreate 5, cuEventDestroy_v2 4`; `failed` made nothing. */
export function imbalances({ calls }: EmulatorReport, failed: string | null = null): string[] {
  const madeBy = (name: string): number => (calls[name] ?? 0) - (name === failed ? 1 : 0);
  return PAIRS.filter(([make, giveBack]) => madeBy(make) !== (calls[giveBack] ?? 0)).map(
    ([make, giveBack]) => `${make} ${madeBy(make)}, ${giveBack} ${calls[giveBack] ?? 0}`,
  );
}

function absentEmulator(): Emulator {
  const refuse = (): never => {
    throw new Error(missing ?? "");
  };
  return { path: "", report: refuse, reset: refuse, set: refuse, fail: refuse };
}
