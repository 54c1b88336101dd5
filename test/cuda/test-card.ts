/**
 * The card that tests of kernels and devices run on: the emulator, or with HEPHAESTUS_CARD=gpu this machine's own (`vitest.gpu.config.ts`
 * sets it). The only place of the tests that chooses.
 */
import { messageOf } from "../../src/base/errors.js";
import { type CudaDevice, openCudaDevice } from "../../src/engine/native/cuda/device.js";
import { openDriver } from "../../src/engine/native/cuda/ffi/driver.js";
import { findLibrary, placesFrom, type SearchPlaces } from "../../src/engine/native/cuda/ffi/libraries.js";
import { type Context, openContext } from "../../src/engine/native/cuda/runtime/context.js";
import { emulatorMissing } from "./emulator/build.js";
import { type Emulator, openEmulator } from "./emulator/emulator.js";

/** Whether the machine's own card is meant. */
export const REAL: boolean = process.env["HEPHAESTUS_CARD"] === "gpu";

/** Why there is no card to test on, or null. */
export async function cardMissing(): Promise<string | null> {
  if (!REAL) return emulatorMissing();
  try {
    openTestContext(placesFrom(process.env))[Symbol.dispose]();
    return null;
  } catch (error) {
    return `no card: ${messageOf(error).split("\n", 1)[0]}`;
  }
}

/** Where the card's libraries are, and where its compiled kernels are kept. */
export interface TestCard {
  readonly places: SearchPlaces;
  /** Undefined: where the program itself keeps them. */
  readonly cacheFolder: string | undefined;
  /** Null for a real card. */
  readonly emulator: Emulator | null;
}

/** @throws Error when there is none. */
export async function findTestCard(): Promise<TestCard> {
  if (REAL) return { places: placesFrom(process.env), cacheFolder: undefined, emulator: null };
  const emulator = await openEmulator();
  const explicit = { driver: emulator.path, nvrtc: emulator.path, cublasLt: emulator.path };
  const places = { explicit, toolkits: [], programs: [], conda: [], home: "/nowhere" };
  // Compiled kernels are linked with the emulator that compiled them.
  return { places, cacheFolder: `${emulator.path}-cubins`, emulator };
}

/** The card's context, for tests below the device. */
export function openTestContext(places: SearchPlaces): Context {
  return openContext(openDriver(findLibrary("driver", { places }).path));
}

/** The device on the card. */
export async function openTestDevice(): Promise<CudaDevice> {
  const { places, cacheFolder } = await findTestCard();
  const kept = cacheFolder === undefined ? {} : { cacheFolder, algorithms: `${cacheFolder}-algorithms.json` };
  return openCudaDevice({ places, ...kept });
}
