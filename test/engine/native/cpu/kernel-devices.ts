/** The kernels, compiled once for all tests, on devices with 1, 2 and 4 threads; and a case that all of them must agree about. */
import { Buffer as Bytes } from "node:buffer";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { fillNormal } from "../../../../src/base/random.js";
import { compiledKernels, KERNEL_FLAGS } from "../../../../src/engine/native/cpu/compiler.js";
import { type CpuDevice, openCpuDevice } from "../../../../src/engine/native/cpu/device.js";
import type { Buffer, BufferSpec, Device, Operations } from "../../../../src/engine/native/device.js";
import { EXACT, FLOAT32, looseFloat32 } from "../../../reference/arithmetic.js";
import { distance } from "../../tolerance.js";
import { type PlainOptions, plainDevice } from "../plain-device.js";

export const CACHE_FOLDER = join(import.meta.dirname, "../../../../node_modules/.cache/hephaestus-kernels");

/** Why the kernels cannot be tested here, or null where they can. */
const refusal: string | null = await compiledKernels({ cacheFolder: CACHE_FOLDER }).then(
  () => null,
  (error: unknown) => String(error),
);

/** Kernels that do not compile fail a test of the compiler; only a machine without one skips these. */
const skipped = refusal?.includes("no C compiler") === true;

export interface KernelDevices {
  readonly all: readonly CpuDevice[];
}

/** A suite over devices of 1, 2 and 4 threads, skipped where there is no compiler. `flags` are added to the compiler's. */
export function describeKernels(
  title: string,
  body: (devices: KernelDevices) => void,
  added: readonly string[] = [],
): void {
  const flags = [...KERNEL_FLAGS, ...added];
  describe.skipIf(skipped)(skipped ? `${title} (skipped: no C compiler on this machine)` : title, () => {
    const all: CpuDevice[] = [];
    beforeAll(async () => {
      for (const threads of [1, 2, 4]) all.push(await openCpuDevice({ threads, cacheFolder: CACHE_FOLDER, flags }));
    }, 60_000);
    afterAll(() => {
      for (const device of all) device[Symbol.dispose]();
    });
    body({ all });
  });
}

type Get = (name: string) => Buffer;

/** Buffers by name, what is in them at first, and a program over them. */
export interface KernelCase {
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Buffers that are not named here are to be overwritten; they hold NaN at first. */
  readonly inputs: Readonly<Record<string, Float32Array | Int32Array>>;
  readonly program: (operations: Operations, get: Get) => void;
  /** How many loose float32 runs set the tolerance; one does for long sums, where no run is lucky. */
  readonly looseRuns?: number;
}

const LOOSE_RUNS = 4;

/**
 * Every device gives the same bits, twice, and each buffer is at most twice as far from the exact values as plain float32 loops are.
 * @param exempt buffers whose contents are nobody's business afterwards.
 */
export async function expectLikePlain(devices: KernelDevices, one: KernelCase, exempt: readonly string[] = []) {
  const names = Object.keys(one.shapes).filter(
    (name) => !exempt.includes(name) && !(one.inputs[name] instanceof Int32Array),
  );
  const exact = await plainRun(one, names, { storage: "f64", arithmetic: EXACT });
  const loose = Array.from({ length: one.looseRuns ?? LOOSE_RUNS }, (_, run) => looseFloat32(run + 1));
  const loops = [FLOAT32, ...loose];
  const plain = await Promise.all(loops.map((arithmetic) => plainRun(one, names, { storage: "f32", arithmetic })));
  const runs: Float32Array[][] = [];
  for (const device of devices.all) runs.push(await runCase(device, one, names), await runCase(device, one, names));
  names.forEach((name, index) => {
    for (const run of runs)
      expect(sameBits(run[index], runs[0][index]), `${name}: equal bits for any threads`).toBe(true);
    const limit = 2 * Math.max(...plain.map((run) => distance(run[index], exact[index])));
    expect(distance(runs[0][index], exact[index]), name).toBeLessThanOrEqual(limit);
  });
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  return Bytes.from(a.buffer).equals(Bytes.from(b.buffer));
}

async function plainRun(one: KernelCase, names: readonly string[], options: PlainOptions): Promise<Float64Array[]> {
  const device = plainDevice(options);
  const get = prepare(device, one);
  await device.run(device.record((operations) => one.program(operations, get)));
  return names.map((name) => device.values(get(name)));
}

async function runCase(device: Device, one: KernelCase, names: readonly string[]): Promise<Float32Array[]> {
  const get = prepare(device, one);
  using program = device.record((operations) => one.program(operations, get));
  await device.run(program);
  const results: Float32Array[] = [];
  for (const name of names) results.push(await device.read(get(name)));
  device.free(Object.keys(one.shapes).map(get));
  return results;
}

function prepare(device: Device, { shapes, inputs }: KernelCase): Get {
  const specs: BufferSpec[] = Object.entries(shapes).map(([name, shape]) => ({
    name,
    shape,
    dtype: inputs[name] instanceof Int32Array ? "i32" : "f32",
  }));
  const buffers = device.allocate(specs);
  const get: Get = (name) => {
    const buffer = buffers.get(name);
    if (buffer === undefined) throw new Error(`no buffer ${name}`);
    return buffer;
  };
  for (const { name } of specs)
    device.write(get(name), inputs[name] ?? new Float32Array(get(name).size).fill(Number.NaN));
  return get;
}

let stream = 0;

/** Normal numbers, others at every call. */
export function normal(count: number, deviation = 1): Float32Array {
  const values = new Float32Array(count);
  fillNormal(values, { seed: 7, stream: stream++, deviation });
  return values;
}

/** Whole numbers from 0 to limit − 1 in no order, with repeats. */
export function indices(count: number, limit: number): Int32Array {
  return Int32Array.from({ length: count }, (_, index) => (index * 7919 + (index >> 2) * 104729) % limit);
}
