/** Ranges for a profiler: none unless asked for, one line where they cannot be had, and what a library of C stubs is told. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { placesFrom } from "../../../../../src/engine/native/cuda/ffi/libraries.js";
import { PROTOTYPES } from "../../../../../src/engine/native/cuda/ffi/nvtx.js";
import { openFunctions } from "../../../../../src/engine/native/cuda/ffi/prototypes.js";
import { openRanges } from "../../../../../src/engine/native/cuda/runtime/ranges.js";
import { NativeEngine } from "../../../../../src/engine/native/engine.js";
import { architectureOf, batchOf, modelOf } from "../../../cases.js";
import { snapshot } from "../../../snapshot.js";
import { plainDevice } from "../../plain-device.js";
import { type StubLibrary, stubLibrary } from "../ffi/stub-library.js";

const TOLD = { told: "const char *told(void)" } as const;
const BODIES = {
  nvtxRangeStartA: 'length += sprintf(text + length, "+%s ", message); return ++started;',
  nvtxRangeEnd: 'length += sprintf(text + length, "-%d ", (int)id);',
  told: "length = 0; return text;",
};

let library: StubLibrary;
/** What the library was told since this was last asked. */
let told: () => string;

beforeAll(() => {
  const globals = "static char text[4096]; static int length, started;";
  library = stubLibrary("libnvtx3interop.so.1", { ...PROTOTYPES, ...TOLD }, BODIES, globals);
  const functions = openFunctions(library.path, TOLD);
  told = () => (functions.told() ?? "").trim();
});
afterAll(() => library[Symbol.dispose]());

describe("ranges", () => {
  it("are not made unless the library is named", () => {
    expect(openRanges(placesFrom({ PATH: "/usr/bin" }), expect.unreachable)).toBeNull();
  });

  it("that cannot be had are said once, in one message", () => {
    const lines: string[] = [];
    expect(openRanges(placesFrom({ HEPHAESTUS_NVTX: "/nowhere" }), (line) => lines.push(line))).toBeNull();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/no ranges for the profiler: NVTX.*\/nowhere\/libnvtx3interop\.so\.1: no such file/s);
  });

  it("begin and end by their own numbers, so that they may overlap", () => {
    const ranges = openRanges(placesFrom({ HEPHAESTUS_NVTX: library.path }), expect.unreachable);
    const first = ranges?.("first");
    const second = ranges?.("second one");
    first?.[Symbol.dispose]();
    second?.[Symbol.dispose]();
    expect(told()).toBe("+first +second one -1 -2");
  });

  it("name what the engine does, and end also when it fails", async () => {
    const ranges = openRanges(placesFrom({ HEPHAESTUS_NVTX: library.path }), expect.unreachable);
    const architecture = architectureOf();
    const { table, weights } = modelOf({ architecture });
    const device = { ...plainDevice(), range: (name: string) => ranges?.(name) ?? null };
    using engine = new NativeEngine(architecture, table, device, { name: "ranged" });
    await engine.load(weights);
    const batch = batchOf(architecture);
    await engine.evaluate(batch);
    await expect(engine.accumulate({ ...batch, rows: 0 }, 1)).rejects.toThrow(RangeError);
    await engine.accumulate(batch, 1);
    await engine.gradientNorm();
    const step = {
      learningRate: 1e-3,
      beta1: 0.9,
      beta2: 0.95,
      epsilon: 1e-8,
      weightDecay: 0,
      clipScale: 1,
      update: 1,
    };
    await engine.update(step);
    await snapshot(engine, "weight");
    expect(told().replaceAll(/-\d+/g, "-")).toBe(
      "+evaluate - +accumulate - +accumulate - +norm of the gradient - +update - +copy of weight -",
    );
  });
});
