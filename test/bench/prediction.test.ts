/** What is predicted before anything computes: by the engine's tables, by the formula, and within which limit. */
import { describe, expect, it } from "vitest";
import { type MemoryRequest, predictPeak, thisMachine } from "../../src/bench/prediction.js";
import { emptyCard, knownCard } from "../../src/engine/native/cuda/cards.js";
import { plannedFootprint } from "../../src/engine/select.js";
import { memoryEstimate, totalBytes, type Workload } from "../../src/model/costs.js";
import { architectureOf } from "../engine/cases.js";

const MIB = 2 ** 20;
const machine = { processBytes: 100 * MIB, attainableBytes: 10_000 * MIB };
const ANY: MemoryRequest = { recomputation: "auto", memory: null };
const workload: Workload = {
  architecture: architectureOf({ layers: 6, width: 128, feedForward: 512, headWidth: 32 }),
  training: [
    { rows: 2, length: 64 },
    { rows: 8, length: 512 },
  ],
  evaluation: [],
  checkpoints: true,
  tokensAhead: 0,
};

describe("predictPeak", () => {
  it("adds the engine's own parts to the process", () => {
    const { engine, predictedBy, parts, total, choice } = predictPeak("native-cpu", workload, ANY, machine);
    expect({ engine, predictedBy, recomputation: choice?.recomputation }).toEqual({
      ...{ engine: "native-cpu", predictedBy: "engine", recomputation: "none" },
    });
    expect(parts[0]).toEqual({ name: "process without a model", bytes: 100 * MIB });
    expect(parts.slice(1)).toEqual(
      plannedFootprint("native-cpu", workload)?.parts({ precision: "fp32", recomputation: "none" }),
    );
    expect(total).toBe(totalBytes(parts));
    expect(choice).toMatchObject({
      fits: true,
      bytes: total,
      limit: 10_000 * MIB,
      limitedBy: "what is free, less 5 %",
    });
  });

  it("computes more again when there is less: free memory, or a limit in the plan", () => {
    const modes = predictPeak("native-cpu", workload, ANY, machine).choice?.modes ?? [];
    for (const { recomputation, bytes } of modes) {
      const little = predictPeak("native-cpu", workload, ANY, { ...machine, attainableBytes: bytes });
      expect(little).toMatchObject({ total: bytes, choice: { recomputation, fits: true } });
      const limited = predictPeak("native-cpu", workload, { ...ANY, memory: bytes }, machine);
      expect(limited).toMatchObject({
        total: bytes,
        choice: { recomputation, fits: true, limitedBy: "engine.memory" },
      });
    }
    const none = predictPeak("native-cpu", workload, { ...ANY, memory: 100 * MIB }, machine);
    expect(none.choice).toMatchObject({ recomputation: "layer", fits: false });
  });

  it("lets a checkpoint wait in half of what is left, and computes nothing twice for it", () => {
    const large = { ...workload, architecture: architectureOf({ layers: 24, width: 512, feedForward: 2048 }) };
    const of = (attainableBytes: number) => predictPeak("native-cpu", large, ANY, { ...machine, attainableBytes });
    const free = of(Number.MAX_SAFE_INTEGER);
    const { bytes, aheadBytes } = free.checkpoint ?? { bytes: 0, aheadBytes: 0 };
    expect(aheadBytes).toBe(bytes);
    expect(bytes).toBeGreaterThan(500 * MIB);
    const least = free.total - bytes + 64 * MIB;
    for (const more of [0, 2, 200 * MIB]) {
      const tight = of(least + more);
      expect(tight).toMatchObject({ total: least + more / 2, choice: { recomputation: "none", fits: true } });
      expect(tight.checkpoint).toEqual({ bytes, aheadBytes: 64 * MIB + more / 2 });
    }
    expect(of(least - 1).choice?.recomputation).not.toBe("none");
    expect(predictPeak("native-cpu", { ...large, checkpoints: false }, ANY, machine).checkpoint).toBeNull();
  });

  it("has it for engines that do not plan, too, beside the formula", () => {
    const of = (attainableBytes: number) => predictPeak("tfjs-cpu", workload, ANY, { ...machine, attainableBytes });
    const { total, checkpoint } = of(Number.MAX_SAFE_INTEGER);
    expect(checkpoint?.aheadBytes).toBe(checkpoint?.bytes);
    expect(of(total - 1).checkpoint?.aheadBytes).toBe(Math.min(64 * MIB, checkpoint?.bytes ?? 0));
  });

  it("takes a limit that is larger than what is free at its word", () => {
    const request = { ...ANY, memory: 10_000 * MIB };
    expect(predictPeak("native-cpu", workload, request, { ...machine, attainableBytes: 1 }).choice?.fits).toBe(true);
  });

  it("does as asked", () => {
    const asked = predictPeak("native-cpu", workload, { recomputation: "layer", memory: null }, machine);
    expect(asked.choice?.recomputation).toBe("layer");
    expect(asked.total).toBeLessThan(predictPeak("native-cpu", workload, ANY, machine).total);
  });

  it("has the general formula for engines that do not plan, at the largest micro-batch", () => {
    const { predictedBy, parts, total, choice } = predictPeak("tfjs-wasm", workload, ANY, machine);
    expect({ predictedBy, choice }).toEqual({ predictedBy: "formula", choice: null });
    expect(total).toBe(100 * MIB + memoryEstimate(workload.architecture, { rows: 8, length: 512 }).total);
    expect(parts.map(({ name }) => name)).toEqual([
      ...["process without a model", "weights", "gradients", "moments", "activations", "attention"],
    ]);
  });

  it("measures this process when nobody says what it holds", () => {
    const { processBytes, attainableBytes } = thisMachine();
    // Node alone has some 40 MiB.
    expect(processBytes).toBeGreaterThan(30 * MIB);
    expect(attainableBytes).toBeGreaterThan(processBytes);
    expect(predictPeak("native-cpu", workload, ANY).parts[0].bytes).toBeGreaterThan(30 * MIB);
  });

  describe("on a card", () => {
    const of = (memoryBytes: number, request: Partial<MemoryRequest> = {}) => {
      const card = { ...emptyCard(knownCard("h100-80gb")), memoryBytes, freeBytes: memoryBytes };
      return predictPeak("native-cuda", workload, { ...ANY, ...request }, { ...machine, card });
    };

    it("is of the card's memory, and tells the process's beside", () => {
      const { engine, predictedBy, parts, total, choice, onCard } = of(10_000 * MIB);
      expect({ engine, predictedBy }).toEqual({ engine: "native-cuda", predictedBy: "engine" });
      expect(choice).toMatchObject({ precision: "bf16", recomputation: "none", fits: true });
      expect(choice).toMatchObject({ limit: 9700 * MIB, limitedBy: expect.stringContaining("less 3 %") });
      expect(parts.map(({ name }) => name)).toContain("context and modules");
      expect(total).toBe(totalBytes(parts));
      expect(onCard?.host[0]).toEqual({ name: "process without a model", bytes: 100 * MIB });
      expect(onCard?.card.name).toContain("H100");
    });

    it("takes what changes no bit before it takes an optimizer in bf16", () => {
      const modes = of(10_000 * MIB).choice?.modes ?? [];
      const names = modes.map(({ precision, recomputation }) => `${precision} ${recomputation}`);
      expect(names).toEqual([
        ...["bf16 none", "bf16 block-parts", "bf16 layer"],
        ...["bf16-lean none", "bf16-lean block-parts", "bf16-lean layer"],
      ]);
      for (const { bytes } of modes) {
        const first = modes.find((mode) => mode.bytes <= bytes);
        expect(of(0, { memory: bytes }).choice).toMatchObject({ ...first, fits: true, limitedBy: "engine.memory" });
      }
      expect(of(MIB).choice?.fits).toBe(false);
    });

    it("does as asked", () => {
      const lean = of(10_000 * MIB, { optimizerMemory: "bf16", recomputation: "layer" });
      expect(lean.choice).toMatchObject({ precision: "bf16-lean", recomputation: "layer" });
      expect(of(10_000 * MIB, { precision: "fp32" }).choice).toMatchObject({ precision: "fp32" });
      expect(lean.total).toBeLessThan(of(10_000 * MIB).total);
    });
  });
});
