/** A device and a few small buffers on it. */

import { type CpuDevice, openCpuDevice } from "../../../../src/engine/native/cpu/device.js";
import type { Buffer, BufferSpec } from "../../../../src/engine/native/device.js";
import { CACHE_FOLDER } from "./kernel-devices.js";

export const PAIR: readonly BufferSpec[] = [
  { name: "a", shape: [2, 3], dtype: "f32" },
  { name: "b", shape: [2, 3], dtype: "f32" },
  { name: "ids", shape: [2], dtype: "i32" },
  { name: "table", shape: [4, 3], dtype: "f32" },
];

export function open(): Promise<CpuDevice> {
  return openCpuDevice({ threads: 2, cacheFolder: CACHE_FOLDER });
}

export function pairOf(device: CpuDevice): Readonly<Record<"a" | "b" | "ids" | "table", Buffer>> {
  const buffers = device.allocate(PAIR);
  const [a, b, ids, table] = PAIR.map(({ name }) => buffers.get(name) as Buffer);
  return { a, b, ids, table };
}

export const ONES = new Float32Array(6).fill(1);
