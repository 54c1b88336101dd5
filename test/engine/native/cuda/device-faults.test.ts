/**
 * Every single call that the CUDA device makes of the driver, the compiler and cuBLASLt fails once, while everything else works: while the
 * device is opened, memory is taken, a program is recorded, made ready, run, replayed and timed, a buffer is read, and all is given back.
 * Whatever fails, it is told, and nothing stays behind.
 */
import { beforeEach, describe, expect, it } from "vitest";
import type { CudaDevice } from "../../../../src/engine/native/cuda/device.js";
import { CONSTANTS as C } from "../../../../src/engine/native/cuda/ffi/driver.js";
import type { BufferSpec } from "../../../../src/engine/native/device.js";
import { emulator, freshFolder, imbalances, missing, open, PAIRS } from "./small-card.js";

const WIDTH = 16;
const SPECS: readonly BufferSpec[] = [
  ...["x", "y", "w"].map((name) => ({ name, shape: [WIDTH, WIDTH], dtype: "f32" as const })),
  { name: "square", shape: [1], dtype: "f32" },
  { name: "ids", shape: [WIDTH], dtype: "i32" },
];
const LIMIT_MS = 300_000;

/** What a device is for, from beginning to end. */
async function life(cache: string): Promise<void> {
  using device = await open({ cache });
  const first = device.allocate(SPECS);
  await work(device, first);
  const second = device.allocate([{ name: "more", shape: [3], dtype: "bf16" }]);
  device.free(second.values());
  device.free(first.values());
}

async function work(device: CudaDevice, buffers: ReturnType<CudaDevice["allocate"]>): Promise<void> {
  const [x, y, w, square, ids] = [...buffers.values()];
  device.write(w, new Float32Array(w.size).fill(0.5));
  device.write(ids, new Int32Array(WIDTH).fill(2));
  using program = device.record((operations) => {
    operations.embed(x, w, ids);
    operations.matmul(y, x, w);
    operations.copy(x, y);
    operations.squaredNorm(square, y);
    operations.zero(x);
  });
  await device.run(program);
  await device.run(program);
  await device.run(program, new Map());
  expect(await device.read(square)).toEqual(Float32Array.of(WIDTH ** 2 * (WIDTH * 0.25) ** 2));
}

interface Fault {
  readonly name: string;
  /** Which call of it, from 1. */
  readonly nth: number;
}

/** The calls of one undisturbed life. */
async function allCalls(): Promise<Fault[]> {
  emulator.reset();
  await life(freshFolder());
  const { calls } = emulator.report();
  return Object.entries(calls).flatMap(([name, count]) =>
    Array.from({ length: count }, (_, index) => ({ name, nth: index + 1 })),
  );
}

/** Calls of a kind differ little: the first few, and the last two, which are those of giving back. */
function worthTrying({ name, nth }: Fault, counts: ReadonlyMap<string, number>): boolean {
  const count = counts.get(name) ?? 0;
  return nth <= 4 || nth > count - 2;
}

const GIVING_BACK: ReadonlySet<string> = new Set([
  ...PAIRS.map(([, giveBack]) => giveBack),
  ...["cuMemFree_v2", "cuMemFreeHost"],
]);
/** Failing, these only mean that something is measured again, or that another algorithm is taken. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...["cublasLtMatmulAlgoCheck", "cublasLtMatmulAlgoConfigGetAttribute"],
  ...["cublasLtGetStatusName", "cublasLtGetStatusString", "cublasLtGetVersion"],
]);

const statusOf = (name: string): number => {
  if (/^cublasLt/.test(name)) return 14;
  if (/^nvrtc/.test(name)) return 11;
  return /Alloc/.test(name) ? C.CUDA_ERROR_OUT_OF_MEMORY : C.CUDA_ERROR_UNKNOWN;
};

/** What is wrong after a life in which one call failed; null where nothing is. */
async function problemWith({ name, nth }: Fault): Promise<string | null> {
  emulator.reset();
  emulator.fail(name, nth, statusOf(name));
  const outcome: unknown = await life(freshFolder()).then(
    () => null,
    (error: unknown) => error,
  );
  const report = emulator.report();
  const { device, pinned, errors } = report;
  const isGivingBack = GIVING_BACK.has(name);
  const told = outcome instanceof Error && outcome.message.length > 0;
  const isEndOfCapture = name === "cuStreamEndCapture";
  const problems = [
    ...(told || isGivingBack || HARMLESS.has(name) ? [] : ["nobody was told"]),
    // What was to be given back when that failed is lost, and the context takes it along, which the emulator calls a leak.
    ...(device.live + pinned.live > 0 ? [`${device.live} + ${pinned.live} allocations live`] : []),
    ...(isGivingBack ? [] : errors),
    ...(isGivingBack && errors.length > 1 ? errors : []),
    ...(isEndOfCapture ? [] : imbalances(report, name)),
  ];
  return problems.length === 0 ? null : `${name} ${nth}: ${problems.join("; ")} (${String(outcome)})`;
}

beforeEach(() => emulator.reset());

describe.skipIf(missing !== null)(missing === null ? "faults" : `faults (skipped: ${missing})`, () => {
  it("of every call are told and leave nothing behind", { timeout: LIMIT_MS }, async () => {
    const all = await allCalls();
    const counts = new Map<string, number>();
    for (const { name, nth } of all) counts.set(name, nth);
    expect(counts.size).toBeGreaterThan(40);
    const problems: string[] = [];
    for (const fault of all.filter((one) => worthTrying(one, counts))) {
      const problem = await problemWith(fault);
      if (problem !== null) problems.push(problem);
    }
    expect(problems).toEqual([]);
  });
});
