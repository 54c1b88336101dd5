import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { largestProduct } from "../../src/bench/ceilings.js";
import { type MeasureOptions, measure, WARM_UP } from "../../src/bench/measure.js";
import { DEFAULT_SHAPE, parseShape } from "../../src/bench/shape.js";
import type { EngineKind } from "../../src/engine/select.js";
import { flopsPerToken, memoryEstimate } from "../../src/model/costs.js";
import { countParameters, parameterTable } from "../../src/model/parameters.js";
import { SilentEngine, TellingEngine } from "./engines.js";
import { TINY } from "./reports.js";

const shape = parseShape(TINY);
const ANY = { recomputation: "auto", memory: null } as const;

function measured(engine: SilentEngine, steps = 3, onProgress: (text: string) => void = () => {}) {
  return measure(shape, {
    kind: "auto",
    memory: ANY,
    steps,
    onProgress,
    open: async () => ({ engine, why: "made up" }),
  });
}

describe("measure", () => {
  it("reports speed at the median, FLOPs by the convention, and the memory formula", async () => {
    const engine = new SilentEngine();
    engine.delayMs = 5;
    const report = await measured(engine);
    const perToken = flopsPerToken(shape.architecture, 16);
    expect(report.parameters).toBe(countParameters(parameterTable(shape.architecture)));
    expect(report.tokensPerStep).toBe(32);
    expect(report.tokensPerSecond * report.stepMs.median).toBeCloseTo(32_000, 6);
    expect(report.flopsPerSecond).toBe(report.tokensPerSecond * perToken);
    expect(report.memory).toMatchObject({ engine: "silent", predictedBy: "formula", choice: null });
    const { peakBytes, total, parts, ratio } = report.memory;
    expect(total - parts[0].bytes).toBe(memoryEstimate(shape.architecture, { rows: 2, length: 16 }).total);
    expect(ratio).toBe(peakBytes / total);
    expect(report).toMatchObject({
      ceiling: null,
      ceilingShare: null,
      operations: null,
      bytesPerStep: null,
      torch: null,
      engines: null,
    });
    expect(report.engine).toMatchObject({ name: "silent", threads: null, why: "made up" });
  });

  it("warms up, times as many steps as asked for, and disposes of the engine", async () => {
    const engine = new SilentEngine();
    const said: string[] = [];
    await measured(engine, 7, (text) => said.push(text));
    expect(engine.updates.map(({ update }) => update)).toEqual(Array.from({ length: WARM_UP + 7 }, (_, i) => i + 1));
    expect(engine.loaded).toEqual(parameterTable(shape.architecture).map(({ name }) => name));
    expect(engine.disposed).toBe(true);
    expect(said).toContain("first step");
    expect(said).toContain("step 7 of 7");
  });

  it("takes what the engine tells: ceiling, operations of a step, bytes, FLOPs", async () => {
    const report = await measured(new TellingEngine());
    expect(report.engine.threads).toBe(2);
    // The vocabulary of 64 and twice the feed-forward width are equal here; 32 tokens, width 16.
    expect(report.ceiling).toEqual({ rows: 8, columns: 64, inner: 16, flopsPerSecond: 1e9 });
    expect(report.ceilingShare).toBe(report.flopsPerSecond / 1e9);
    expect(report.operations).toEqual([
      { kind: "matmul", ms: 10, calls: 2, bytes: 1000, flops: 5000, floorMs: null },
      { kind: "norm", ms: 1, calls: 1, bytes: 100, floorMs: null },
    ]);
    expect(report.bytesPerStep).toBe(1100);
  });

  it("knows no sum of bytes when one operation does not tell", async () => {
    const engine = new TellingEngine();
    engine.profile = () =>
      [
        { kind: "a", ms: 3, calls: 3, bytes: 3 },
        { kind: "b", ms: 3, calls: 3 },
      ] as never;
    const report = await measured(engine);
    expect(report.bytesPerStep).toBeNull();
    expect(report.operations?.[1]).toEqual({ kind: "b", ms: 1, calls: 1, floorMs: null });
  });

  it("opens the engine with the least recomputation that fits, or the one asked for", async () => {
    const seen: unknown[] = [];
    const open: MeasureOptions["open"] = async (_shape, _asked, choice) => {
      seen.push(choice?.recomputation);
      return { engine: new SilentEngine(), why: "made up" };
    };
    const run = (kind: EngineKind, memory: MeasureOptions["memory"]) =>
      measure(shape, { kind, memory, steps: 1, onProgress: () => {}, open });
    await run("auto", ANY);
    await run("native-cpu", { recomputation: "layer", memory: null });
    await run("tfjs-cpu", ANY);
    expect(seen).toEqual(["none", "layer", undefined]);
    const short = run("native-cpu", { recomputation: "auto", memory: 1000 });
    await expect(short).rejects.toThrow(UserError);
    await expect(short).rejects.toThrow(/--shape: there is not enough memory.*got: 1000 B \(engine\.memory\)/s);
    expect(seen).toHaveLength(3);
  });

  it("runs a real engine", async () => {
    const report = await measure(shape, { kind: "tfjs-cpu", memory: ANY, steps: 2, onProgress: () => {} });
    expect(report.engine).toMatchObject({ name: "tfjs-cpu", precision: "fp32" });
    expect(report.stepMs.min).toBeGreaterThan(0);
    expect(report.openMs).toBeGreaterThan(0);
    expect(report.firstStepMs).toBeGreaterThan(0);
  });
});

describe("largestProduct", () => {
  it("is the head, gate and up, or q, k and v, whichever has most columns", () => {
    const of = (...changes: readonly [string, string][]) =>
      largestProduct(parseShape(changes.reduce((text, [from, to]) => text.replace(from, to), DEFAULT_SHAPE)));
    expect(of()).toEqual({ rows: 2048, columns: 4096, inner: 256 });
    expect(of(["vocab=4096", "vocab=100"])).toEqual({ rows: 2048, columns: 1376, inner: 256 });
    expect(of(["vocab=4096", "vocab=100"], ["ff=688", "ff=100"])).toEqual({ rows: 2048, columns: 768, inner: 256 });
  });
});
