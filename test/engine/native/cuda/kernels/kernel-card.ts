/** The card that kernels are tested on, the emulator or a real one, through the engine's own compiler, modules and memory. */
import { afterAll } from "vitest";
import { sizeOf } from "../../../../../src/base/dims.js";
import { Compiler, findBackend } from "../../../../../src/engine/native/cuda/runtime/compiler.js";
import type { Context } from "../../../../../src/engine/native/cuda/runtime/context.js";
import type { Address, Launch } from "../../../../../src/engine/native/cuda/runtime/launch.js";
import { Arena, type DeviceBuffer } from "../../../../../src/engine/native/cuda/runtime/memory.js";
import { Modules } from "../../../../../src/engine/native/cuda/runtime/modules.js";
import { Staging } from "../../../../../src/engine/native/cuda/runtime/staging.js";
import type { BufferSpec } from "../../../../../src/engine/native/device.js";
import type { Emulator } from "../../../../cuda/emulator/emulator.js";
import { cardMissing, findTestCard, openTestContext } from "../../../../cuda/test-card.js";

/** Why there is no card to test on, or null. */
export const missing: string | null = await cardMissing();

export type CardValues = Readonly<Record<string, Float32Array | Int32Array>>;

interface Opened {
  /** Null on a real card. */
  readonly emulator: Emulator | null;
  readonly context: Context;
  readonly modules: Modules;
  readonly staging: Staging;
}

let opened: Promise<Opened> | null = null;

async function open(): Promise<Opened> {
  const { places, cacheFolder, emulator } = await findTestCard();
  const context = openTestContext(places);
  const backend = await findBackend({ places, majors: context.driverVersion.major >= 13 ? [13, 12] : [12] });
  const compiler = new Compiler(backend, context.card, cacheFolder === undefined ? {} : { cacheFolder });
  return { emulator, context, modules: new Modules(context, compiler), staging: new Staging(context) };
}

/** A test file ends with what it took given back. */
afterAll(async () => {
  if (opened === null) return;
  const { emulator, context, modules, staging } = await opened;
  for (const part of [staging, modules, context]) part[Symbol.dispose]();
  if (emulator === null) return;
  const { device, pinned, errors } = emulator.report();
  if (device.live + pinned.live > 0 || errors.length > 0)
    throw new Error(`left behind: ${device.live + pinned.live} allocations; ${errors.join("; ")}`);
});

/**
 * Runs launches over buffers of their own and gives what these hold then. Every buffer is an allocation, so that a kernel which leaves its
 * own is noticed. `order` shuffles the threads and blocks: a kernel may not depend on it. @throws Error with what the emulator found.
 */
export async function runLaunches(
  specs: readonly BufferSpec[],
  values: CardValues,
  launches: (at: (name: string) => Address) => readonly Launch[],
  order = 0,
): Promise<CardValues> {
  opened ??= open();
  const { emulator, context, modules, staging } = await opened;
  emulator?.set("order", order);
  const arenas = specs.map((spec) => new Arena(context, [spec]));
  try {
    const buffers = new Map(arenas.flatMap((arena) => [...arena.buffers]));
    const find = (name: string): DeviceBuffer => {
      const buffer = buffers.get(name);
      if (buffer === undefined) throw new Error(`no buffer ${name}`);
      return buffer;
    };
    for (const [name, data] of Object.entries(values)) staging.upload(find(name), data);
    const work = launches((name) => find(name).address);
    await modules.prepare(work.map(({ kernel }) => kernel));
    for (const launch of work) modules.launch(launch);
    const failure: unknown = await context.stream.wait().then(
      () => null,
      (error: unknown) => error,
    );
    const errors = emulator?.report().errors ?? [];
    if (errors.length > 0 || failure !== null)
      throw new Error([...errors, ...(failure === null ? [] : [String(failure)])].join("\n"), { cause: failure });
    const results: Record<string, Float32Array | Int32Array> = {};
    for (const { name, shape, dtype } of specs) {
      results[name] = dtype === "i32" ? new Int32Array(sizeOf(shape)) : new Float32Array(sizeOf(shape));
      await staging.download(find(name), results[name]);
    }
    return results;
  } finally {
    for (const arena of arenas) arena[Symbol.dispose]();
  }
}
