/** A bench and loss curves on the emulated card: the whole path but the speed. */
import { describe, expect, it } from "vitest";
import { lossCurves } from "../../src/bench/curve.js";
import { measure } from "../../src/bench/measure.js";
import type { OpenOptions } from "../../src/bench/open.js";
import { parseShape } from "../../src/bench/shape.js";
import type { SearchPlaces } from "../../src/engine/native/cuda/ffi/libraries.js";
import { emulatorMissing } from "../cuda/emulator/build.js";
import { openEmulator } from "../cuda/emulator/emulator.js";

const missing = await emulatorMissing();
const shape = parseShape("width=64,layers=1,heads=2,kv=1,ff=64,vocab=64,batch=1,length=32,tied=1");

async function memoryOn(): Promise<OpenOptions["memory"]> {
  const { path } = await openEmulator();
  const explicit = { driver: path, nvrtc: path, cublasLt: path };
  const places: SearchPlaces = { explicit, toolkits: [], programs: [], conda: [], home: "/nowhere" };
  return { recomputation: "auto", memory: null, places };
}

describe.skipIf(missing !== null)(missing ?? "on the emulated card", () => {
  it("measures bf16 with its ceilings, floors and the card's memory", { timeout: 300_000 }, async () => {
    const memory = { ...(await memoryOn()), precision: "bf16", optimizerMemory: "bf16" } as const;
    const report = await measure(shape, { kind: "native-cuda", memory, steps: 1, saving: true, onProgress: () => {} });
    expect(report.engine).toMatchObject({ name: "native-cuda", precision: "bf16" });
    expect(report).toMatchObject({ mode: "bf16-lean", loss: { sane: true }, warmUp: 4, steps: 1 });
    expect(report.memory.onCard).toBeDefined();
    expect(report.memory.peakBytes).toBe(report.memory.device?.usedBytes);
    expect(report.operations?.map(({ kind }) => kind)).toContain("attentionBackward");
    for (const { floorMs } of report.operations ?? []) expect(floorMs).toBeGreaterThan(0);
    expect(report.saving?.copyMs).toBeGreaterThan(0);
    // The emulated card has no data sheet.
    expect(report.peak).toBeNull();
  });

  it("draws curves in both precisions that agree to bf16's", { timeout: 300_000 }, async () => {
    const sides = ["native-cuda:fp32", "native-cuda:bf16"];
    const options = { steps: 3, sides, memory: await memoryOn(), python: "/nowhere", onProgress: () => {} };
    const [fp32, bf16] = await lossCurves(shape, options);
    expect(fp32.losses.every(Number.isFinite)).toBe(true);
    expect(bf16.losses).not.toEqual(fp32.losses);
    // bf16 has a relative precision of 2^-8; losses are means over logits near zero.
    expect(bf16.against?.largest).toBeLessThan(2 ** -8);
  });
});
