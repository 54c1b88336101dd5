/**
 * One operation on the card (here the emulator), compared with the plain loops of `plain-operations.ts`: run again with its threads
 * shuffled it gives the same bits, and it is no further from float64 than twice what plain float32 loops are, whose results are stored
 * like the kernel's (f32 or bf16).
 */
import { Buffer as Bytes } from "node:buffer";
import { describe, expect } from "vitest";
import { sizeOf } from "../../../../../src/base/dims.js";
import { fillNormal } from "../../../../../src/base/random.js";
import type { Storage } from "../../../../../src/engine/native/cuda/kernels/access.js";
import type { Address, Launch } from "../../../../../src/engine/native/cuda/runtime/launch.js";
import type { Buffer, BufferSpec } from "../../../../../src/engine/native/device.js";
import { type Arithmetic, EXACT, FLOAT32, looseFloat32 } from "../../../../reference/arithmetic.js";
import { distance } from "../../../tolerance.js";
import type { PlainBuffer } from "../../plain-buffer.js";
import { PlainOperations } from "../../plain-operations.js";
import { toBf16 } from "./bf16-values.js";
import { missing, runLaunches } from "./kernel-card.js";

export const STORAGES: readonly Storage[] = ["f32", "bf16"];
const LOOSE_SEEDS = [1, 2, 3, 4];
/** An order of threads and blocks that is neither forwards nor backwards. */
const SHUFFLED = 5;

export interface KernelCase {
  readonly storage: Storage;
  /** Of matrices that are stored as `storage` says, and of whole numbers, which are i32 and not compared. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Of those that are f32 in either mode. */
  readonly f32?: Readonly<Record<string, readonly number[]>>;
  /** Buffers without a value here are to be overwritten: they hold NaN at first. */
  readonly inputs: Readonly<Record<string, Float32Array | Int32Array>>;
  /** Of a buffer `scratch`, which holds NaN as well. */
  readonly scratchBytes?: number;
  /** Contents that are nobody's business afterwards. */
  readonly exempt?: readonly string[];
  /** The loops, in steps between which values are stored, which may round them. */
  readonly plain: readonly ((operations: PlainOperations, get: (name: string) => Buffer) => void)[];
  readonly launches: (at: (name: string) => Address) => readonly Launch[];
}

/** A suite that runs kernels, skipped where nothing can run them. */
export function describeKernels(title: string, body: () => void): void {
  describe.skipIf(missing !== null)(missing === null ? title : `${title} (skipped: ${missing})`, body);
}

/** Runs the case on the card and compares every matrix with the loops. */
export async function expectLikePlain(one: KernelCase): Promise<void> {
  const exact = plainRun(one, EXACT, Float64Array);
  const plain = [FLOAT32, ...LOOSE_SEEDS.map(looseFloat32)].map((arithmetic) =>
    plainRun(one, arithmetic, Float32Array),
  );
  const [first, second] = [await runOnCard(one), await runOnCard(one, SHUFFLED)];
  for (const { name, dtype } of specsOf(one)) {
    if (dtype === "i32" || one.exempt?.includes(name) === true) continue;
    expect(sameBits(second[name], first[name]), `${name}: the same bits`).toBe(true);
    const limit = 2 * Math.max(...plain.map((run) => distance(run[name], exact[name])));
    expect(distance(first[name], exact[name]), name).toBeLessThanOrEqual(limit);
  }
}

/** Runs the case on the card, its threads in order or shuffled; values of all matrices. */
export async function runOnCard(one: KernelCase, order = 0): Promise<Record<string, Float64Array>> {
  const { scratchBytes = 0, launches } = one;
  const specs = specsOf(one);
  const scratch: BufferSpec = { name: "scratch", dtype: "f32", shape: [Math.ceil(scratchBytes / 4)] };
  const all = scratchBytes === 0 ? specs : [...specs, scratch];
  const values = Object.fromEntries(all.map((spec) => [spec.name, inputOf(one, spec)]));
  const results = await runLaunches(all, values, launches, order);
  return Object.fromEntries(specs.map(({ name }) => [name, Float64Array.from(results[name])]));
}

function sameBits(a: Float64Array, b: Float64Array): boolean {
  return Bytes.from(a.buffer).equals(Bytes.from(b.buffer));
}

function specsOf({ storage, shapes, f32 = {}, inputs }: KernelCase): BufferSpec[] {
  const dtypeOf = (name: string): BufferSpec["dtype"] => (inputs[name] instanceof Int32Array ? "i32" : storage);
  return [
    ...Object.entries(shapes).map(([name, shape]) => ({ name, shape, dtype: dtypeOf(name) })),
    ...Object.entries(f32).map(([name, shape]) => ({ name, shape, dtype: "f32" as const })),
  ];
}

function inputOf({ inputs }: KernelCase, { name, shape }: BufferSpec): Float32Array | Int32Array {
  return inputs[name] ?? new Float32Array(sizeOf(shape)).fill(Number.NaN);
}

/** What the loops make of the same inputs, as stored. */
function plainRun(
  one: KernelCase,
  arithmetic: Arithmetic,
  Values: typeof Float64Array | typeof Float32Array,
): Record<string, ArrayLike<number>> {
  const stored = ({ dtype }: BufferSpec, values: ArrayLike<number>) =>
    Float64Array.from(values, dtype === "bf16" ? toBf16 : Math.fround);
  const specs = specsOf(one);
  const buffers = new Map<string, PlainBuffer>();
  for (const spec of specs) {
    const { name, shape } = spec;
    const input = inputOf(one, spec);
    const values = input instanceof Int32Array ? Int32Array.from(input) : Values.from(stored(spec, input));
    const dtype = input instanceof Int32Array ? "i32" : "f32";
    buffers.set(name, { name, shape, dtype, size: sizeOf(shape), values });
  }
  const get = (name: string): PlainBuffer => {
    const buffer = buffers.get(name);
    if (buffer === undefined) throw new Error(`no buffer ${name}`);
    return buffer;
  };
  const operations = new PlainOperations(arithmetic, true);
  for (const step of one.plain) {
    step(operations, get);
    if (arithmetic !== EXACT) for (const spec of specs) get(spec.name).values.set(stored(spec, get(spec.name).values));
  }
  return Object.fromEntries([...buffers].map(([name, { values }]) => [name, values]));
}

let stream = 0;

/** Normal numbers, others at every call. */
export function normal(count: number, deviation = 1): Float32Array {
  const values = new Float32Array(count);
  fillNormal(values, { seed: 11, stream: stream++, deviation });
  return values;
}

/** Whole numbers from 0 to limit − 1 in no order, with repeats. */
export function indices(count: number, limit: number): Int32Array {
  return Int32Array.from({ length: count }, (_, index) => (index * 7919 + (index >> 2) * 104729) % limit);
}
