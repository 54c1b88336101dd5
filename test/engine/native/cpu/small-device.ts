/** A device with two threads. */
import { type CpuDevice, openCpuDevice } from "../../../../src/engine/native/cpu/device.js";
import type { Work } from "../small-buffers.js";
import { CACHE_FOLDER } from "./kernel-devices.js";

export function open(): Promise<CpuDevice> {
  return openCpuDevice({ threads: 2, cacheFolder: CACHE_FOLDER });
}

/** Some milliseconds. */
export const LONG: Work = { width: 256, times: 50 };
