/** The CUDA device on the emulator, for the suites that every device and engine has to pass. */

import { type CudaDevice, openCudaDevice } from "../../../../src/engine/native/cuda/device.js";
import type { SearchPlaces } from "../../../../src/engine/native/cuda/ffi/libraries.js";
import { emulatorMissing } from "../../../cuda/emulator/build.js";
import { type Emulator, openEmulator } from "../../../cuda/emulator/emulator.js";

/** Why there is no emulator here, or null. */
export const missing: string | null = await emulatorMissing();

/** Opens the emulated card. Compiled kernels are linked with the emulator that compiled them, so each has a cache of its own. */
export async function openEmulatedDevice(emulator?: Emulator): Promise<CudaDevice> {
  const { path } = emulator ?? (await openEmulator());
  const explicit = { driver: path, nvrtc: path, cublasLt: path };
  const places: SearchPlaces = { explicit, toolkits: [], programs: [], conda: [], home: "/nowhere" };
  return openCudaDevice({ places, cacheFolder: `${path}-cubins`, algorithms: `${path}-algorithms.json` });
}
