/**
 * What the bf16 contract measures with: engines over devices, and how far from the exact result they may be.
 *
 * The rule is that of `../tolerance.ts`, in bf16: at most twice as far from the exact result, for the same bf16 weights, as plain loops that
 * round what they store. Inside an operation they compute in float64, since float32's errors are 2¹⁵ times smaller than bf16's. One run
 * can be lucky, so there are also loose ones: every stored result is moved by up to half a unit in the last place before it is rounded, which
 * is the same as rounding it up or down by chance.
 */
import { afterAll, expect } from "vitest";
import type { EngineTensor, TensorKind } from "../../../src/engine/engine.js";
import type { Recomputation } from "../../../src/engine/native/activations.js";
import type { Buffer, Device } from "../../../src/engine/native/device.js";
import { NativeEngine } from "../../../src/engine/native/engine.js";
import { PRECISIONS, type PrecisionName } from "../../../src/engine/native/precision.js";
import type { Architecture } from "../../../src/model/architecture.js";
import { parameterTable } from "../../../src/model/parameters.js";
import { architectureOf, weightsOf } from "../cases.js";
import { snapshot } from "../snapshot.js";
import { distance, type Expectation, type Results } from "../tolerance.js";
import { roundBf16 } from "./plain-adamw.js";
import { plainDevice } from "./plain-device.js";

export type OpenDevice = () => Device | Promise<Device>;

/** With float32 master weights, and without. */
export const MODES = ["bf16", "bf16-lean"] as const satisfies readonly PrecisionName[];
export type Mode = (typeof MODES)[number];

/** The device under test, and the models that it can do. */
export interface Subject {
  readonly open: OpenDevice;
  /** The nearest architecture that the device can do. */
  readonly adapted: (architecture: Architecture) => Architecture;
  /** Largest share of what was allowed, by what it was allowed for: the suite's report. */
  readonly shares: Map<string, number>;
}

export function modelFor({ adapted }: Subject, changes: Partial<Architecture> = {}): Architecture {
  return adapted(architectureOf(changes));
}

export interface EngineChoice {
  readonly architecture: Architecture;
  readonly precision?: PrecisionName;
  readonly recomputation?: Recomputation;
}

/** An engine on a device of its own, with the contract's weights, already rounded to bf16. */
export async function engineOn(open: OpenDevice, choice: EngineChoice): Promise<NativeEngine> {
  const engine = await emptyEngineOn(open, choice);
  await engine.load(bf16Weights(choice.architecture));
  return engine;
}

/** As `engineOn`, without weights. */
export async function emptyEngineOn(open: OpenDevice, choice: EngineChoice): Promise<NativeEngine> {
  const { architecture, precision = "bf16", recomputation = "none" } = choice;
  const table = parameterTable(architecture);
  return new NativeEngine(architecture, table, await open(), {
    name: "bf16 contract",
    recomputation,
    precision: PRECISIONS[precision],
  });
}

export function bf16Weights(architecture: Architecture): EngineTensor[] {
  return weightsOf(parameterTable(architecture)).map((tensor) => ({
    ...tensor,
    data: tensor.data.map((w) => roundBf16(w)),
  }));
}

/** Tensors of some kinds by kind and name. */
export async function snapshotOf(engine: NativeEngine, ...kinds: readonly TensorKind[]): Promise<Results> {
  const all: EngineTensor[] = [];
  for (const kind of kinds) all.push(...(await snapshot(engine, kind)));
  return new Map(all.map(({ kind, name, data }) => [`${kind} ${name}`, data]));
}

const LOOSE_RUNS = 4;

/** Plain loops that store bf16; loose ones for a positive seed. */
export function plainBf16(seed: number): Device {
  return seed === 0 ? plainDevice() : plainDevice({ bf16: looseBf16(seed) });
}

function looseBf16(seed: number): (value: number) => number {
  let state = seed;
  return (value) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return roundBf16(value, state >>> 16);
  };
}

/** Results of a computation on an exact device, and how far off it may be. `exactly`: another way to the same exact results. */
export async function expectationOn(
  compute: (open: OpenDevice) => Promise<Results>,
  { exactly = compute, looseRuns = LOOSE_RUNS } = {},
): Promise<Expectation> {
  const exact = await exactly(() => plainDevice({ storage: "f64" }));
  const allowed = new Map([...exact.keys()].map((name) => [name, 0]));
  for (let seed = 0; seed <= looseRuns; seed++) {
    const plain = await compute(() => plainBf16(seed));
    for (const [name, values] of exact)
      allowed.set(name, Math.max(allowed.get(name) ?? 0, 2 * distance(plain.get(name) ?? [], values)));
  }
  return { exact, allowed };
}

/** Checks a device's results, and notes what part of the distance allowed they took. */
export function expectWithin({ shares }: Subject, what: string, actual: Results, { exact, allowed }: Expectation) {
  const beyond: { name: string; distance: number; limit: number }[] = [];
  for (const [name, values] of exact) {
    const [found, limit] = [distance(actual.get(name) ?? [], values), allowed.get(name) ?? 0];
    if (!(found <= limit)) beyond.push({ name, distance: found, limit });
    if (found > 0) shares.set(what, Math.max(shares.get(what) ?? 0, found / limit));
  }
  expect(beyond, `${what}: further from the exact values than twice the plain bf16 loops`).toEqual([]);
}

/** Checks a number against its bound, and notes what part of it was taken. */
export function expectBounded({ shares }: Subject, what: string, found: number, limit: number): void {
  shares.set(what, Math.max(shares.get(what) ?? 0, found / limit));
  expect(found, what).toBeLessThanOrEqual(limit);
}

/** Prints the largest shares when the suite is through. */
export function reportAfterwards(name: string, { shares }: Subject): void {
  afterAll(() => {
    const parts = [...shares].map(([what, share]) => `${what} ${share.toFixed(2)}`);
    console.log(`bf16 contract, ${name}: largest share of what is allowed: ${parts.join("; ")}`);
  });
}

/** A device that remembers its buffers by name, so that a test can read what an engine keeps to itself. */
export function watched(device: Device): {
  readonly device: Device;
  readonly read: (name: string) => Promise<Float32Array>;
} {
  const known = new Map<string, Buffer>();
  const watching: Device = {
    description: device.description,
    allocate: (specs) => {
      const made = device.allocate(specs);
      for (const [name, buffer] of made) known.set(name, buffer);
      return made;
    },
    free: (buffers) => device.free(buffers),
    view: (buffer, name, start, shape) => device.view(buffer, name, start, shape),
    write: (buffer, data) => device.write(buffer, data),
    read: (buffer) => device.read(buffer),
    readInto: (buffer, into) => device.readInto(buffer, into),
    record: (body) => device.record(body),
    run: (program, timings) => device.run(program, timings),
    [Symbol.dispose]: () => device[Symbol.dispose](),
  };
  const read = (name: string): Promise<Float32Array> => {
    const buffer = known.get(name);
    if (buffer === undefined) throw new Error(`the engine allocated no ${name}`);
    return device.read(buffer);
  };
  return { device: watching, read };
}
