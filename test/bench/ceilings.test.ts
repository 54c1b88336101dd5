import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { cardPeak } from "../../src/bench/card-peak.js";
import { floorOf, measureCeilings } from "../../src/bench/ceilings.js";
import type { Product, Profiled } from "../../src/bench/profiled.js";
import { parseShape } from "../../src/bench/shape.js";
import { benchWeights } from "../../src/bench/weights.js";
import type { InitialTensor } from "../../src/model/initialise.js";
import { parameterTable } from "../../src/model/parameters.js";
import { TINY } from "./reports.js";

describe("floors", () => {
  const matmul = { rows: 1, columns: 1, inner: 1, flopsPerSecond: 1e12 };
  const copy = { bytes: 1, bytesPerSecond: 1e9 };
  const operation = { kind: "matmul", ms: 5, calls: 1, bytes: 2e6, flops: 1e9 };

  it("are the longer of moving and multiplying", () => {
    expect(floorOf(operation, { matmul, copy })).toBe(2);
    expect(floorOf({ ...operation, flops: 3e9 }, { matmul, copy })).toBe(3);
  });

  it("are unknown where something is", () => {
    expect(floorOf(operation, { matmul: null, copy })).toBeNull();
    expect(floorOf({ ...operation, flops: 0 }, { matmul: null, copy })).toBe(2);
    expect(floorOf(operation, { matmul, copy: null })).toBeNull();
    expect(floorOf({ kind: "x", ms: 1, calls: 1 }, { matmul, copy })).toBeNull();
  });
});

describe("measureCeilings", () => {
  function asked(deviceMemory?: Profiled["deviceMemory"]) {
    const seen: unknown[] = [];
    const engine: Profiled = {
      ...{ deviceMemory },
      matmulCeiling: (product: Product) => {
        seen.push(product);
        return { ...product, flopsPerSecond: 1 };
      },
      copyCeiling: (bytes) => {
        seen.push(bytes);
        return { bytes, bytesPerSecond: 1 };
      },
    };
    return { engine, seen };
  }

  it("fill a card with a large product, and a processor with the shape's", async () => {
    const onCard = asked({ usedBytes: 0, totalBytes: 1 });
    await measureCeilings(onCard.engine, parseShape("gpt-124m"));
    await measureCeilings(onCard.engine, parseShape(TINY));
    expect(onCard.seen).toEqual([
      ...[{ rows: 8192, columns: 8192, inner: 8192 }, 2 ** 28],
      ...[{ rows: 32, columns: 64, inner: 16 }, 2 ** 20],
    ]);
    const processor = asked();
    await measureCeilings(processor.engine, parseShape("gpt-124m"));
    expect(processor.seen).toEqual([{ rows: 32_768, columns: 50_304, inner: 768 }, 2 ** 26]);
  });

  it("are unknown where the engine cannot tell or memory is short, and nothing else is swallowed", async () => {
    expect(await measureCeilings({}, parseShape(TINY))).toEqual({ matmul: null, copy: null });
    const failing = (error: Error): Profiled => ({
      copyCeiling: () => {
        throw error;
      },
    });
    expect((await measureCeilings(failing(new UserError({ what: "full" })), parseShape(TINY))).copy).toBeNull();
    await expect(measureCeilings(failing(new Error("bug")), parseShape(TINY))).rejects.toThrow("bug");
  });
});

describe("cardPeak", () => {
  it.each([
    ["NVIDIA H100 80GB HBM3, 79.1 GiB", 989.4e12],
    ["NVIDIA H100 PCIe, 79.1 GiB", 756e12],
    ["NVIDIA H100 NVL", 835.5e12],
    ["NVIDIA H200", 989.4e12],
    ["NVIDIA GH200 480GB", 989.4e12],
    ["NVIDIA A100-SXM4-80GB", 312e12],
    ["NVIDIA L40S", 362e12],
    ["NVIDIA L40", null],
    ["NVIDIA GeForce RTX 4090", 165.2e12],
    ["NVIDIA GeForce RTX 4090 D", null],
    ["NVIDIA GeForce RTX 5090", 209.5e12],
    ["NVIDIA B200", 2250e12],
    ["CPU, 2 threads", null],
  ])("of %s is %d", (device, peak) => {
    expect(cardPeak(device)?.flopsPerSecond ?? null).toBe(peak);
  });
});

describe("benchWeights", () => {
  const table = parameterTable(parseShape(TINY).architecture);

  it("are of the right size and deviation when they are repeated", () => {
    const whole = (weights: readonly InitialTensor[]) =>
      weights.map(({ name, pieces }) => ({
        name,
        data: Float32Array.from([...pieces()].flatMap((piece) => [...piece])),
      }));
    const drawn = whole(benchWeights(table));
    const repeated = whole(benchWeights(table, 1));
    expect(repeated.map(({ name, data }) => [name, data.length])).toEqual(
      drawn.map(({ name, data }) => [name, data.length]),
    );
    const deviation = (data: Float32Array) =>
      Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
    // 1024 draws: the deviation's own relative deviation is 1/√2048 = 2.2 %; four of them.
    expect(Math.abs(deviation(repeated[0].data) / 0.02 - 1)).toBeLessThan(0.09);
    const norm = repeated.find(({ name }) => name === "model.norm.weight");
    expect(norm?.data.every((value) => value === 1)).toBe(true);
    expect(repeated[2].data).not.toEqual(repeated[3].data);
  });
});
