/** What is predicted of a card's memory, against what the engine takes of an emulated one, byte by byte. */
import { describe, expect, it } from "vitest";
import { LOGIT_BYTES, planActivations } from "../../../../src/engine/native/activations.js";
import { attachedCard } from "../../../../src/engine/native/cuda/attached.js";
import { CONTEXT_BYTES, tableBytes } from "../../../../src/engine/native/cuda/footprint.js";
import { NativeEngine } from "../../../../src/engine/native/engine.js";
import { cudaFootprint } from "../../../../src/engine/native/footprint.js";
import { PRECISIONS, type PrecisionName } from "../../../../src/engine/native/precision.js";
import { cardOf, createEngine, engineThatRuns } from "../../../../src/engine/select.js";
import { type BatchSize, totalBytes, type Workload } from "../../../../src/model/costs.js";
import { parameterTable } from "../../../../src/model/parameters.js";
import { architectureOf, batchOf, modelOf } from "../../cases.js";
import { emulatedPlaces, emulator, missing, open } from "./small-card.js";

const STEP = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipScale: 1 };
const LARGE: BatchSize = { rows: 2, length: 33 };
const SMALL: BatchSize = { rows: 1, length: 16 };
/** Without the driver's pages, which the emulator has not. */
const CARD = { computeCapability: [9, 0], page: 1 } as const;

function footprint(
  workload: Workload,
  mode: Parameters<typeof cudaFootprint>[1],
  card: Parameters<typeof cudaFootprint>[2],
) {
  const { card: parts, host } = cudaFootprint(workload, mode, card);
  return { of: Object.fromEntries(parts.map(({ name, bytes }) => [name, bytes])), total: totalBytes(parts), host };
}

describe.skipIf(missing !== null)(
  `the emulated card holds what was predicted${missing === null ? "" : ` (skipped: ${missing})`}`,
  () => {
    const cases = [
      ["norms on heads", "bf16", "none", { qkNorm: true }],
      ["biases", "bf16-lean", "layer", { qkvBias: true }],
      ["tied, float32", "fp32", "block-parts", { tied: true }],
    ] as const satisfies readonly (readonly [string, PrecisionName, string, object])[];

    it.each(cases)("%s, %s, %s", async (_name, precision, recomputation, shape) => {
      const architecture = architectureOf({ ...shape, layers: 2 });
      const { weights } = modelOf({ architecture });
      emulator.reset();
      const options = {
        name: "native-cuda",
        recomputation,
        precision: PRECISIONS[precision],
        logitBytes: LOGIT_BYTES.card,
      };
      using engine = new NativeEngine(architecture, parameterTable(architecture), await open(), options);
      await engine.load(weights);
      const workload = { architecture, training: [LARGE], evaluation: [LARGE], checkpoints: false, tokensAhead: 0 };
      const predicted = (training: readonly BatchSize[]) =>
        footprint({ ...workload, training }, { precision, recomputation }, CARD);

      await engine.accumulate(batchOf(architecture, LARGE), 1);
      const one = predicted([LARGE]);
      expect(emulator.report().device.peakBytes).toBe(one.total - CONTEXT_BYTES);
      await engine.evaluate(batchOf(architecture, LARGE));
      await engine.gradientNorm();
      await engine.update({ ...STEP, update: 1 });
      await engine.accumulate(batchOf(architecture, SMALL), 1);
      const two = predicted([LARGE, SMALL]);
      expect(emulator.report().device.bytes).toBe(two.total - two.of["products on trial"] - CONTEXT_BYTES);
      expect(two.of["scratch of operations"]).toBeGreaterThan(one.of["scratch of operations"]);
      expect(emulator.report().pinned.bytes).toBe(one.host[0].bytes);
    });

    it("tells its facts without a device being opened, and leaves nothing behind", () => {
      emulator.reset();
      emulator.set("memoryBytes", 1 << 30);
      const card = attachedCard(emulatedPlaces());
      expect(card).toMatchObject({ memoryBytes: 1 << 30, freeBytes: 1 << 30 });
      expect(card.computeCapability[0]).toBeGreaterThanOrEqual(8);
      expect(() => attachedCard(emulatedPlaces(), 7)).toThrow(/there is no card 7/);
      const { calls } = emulator.report();
      expect(calls["cuDevicePrimaryCtxRelease_v2"]).toBe(calls["cuDevicePrimaryCtxRetain"]);
    });
  },
);

describe.skipIf(missing !== null)(`with an emulated card${missing === null ? "" : ` (skipped: ${missing})`}`, () => {
  it("auto takes it, in bf16, and its facts decide what fits", async () => {
    emulator.reset();
    const places = emulatedPlaces();
    expect(await engineThatRuns({ kind: "auto", places })).toBe("native-cuda");
    const { engine, why } = await createEngine(architectureOf(), undefined, { kind: "auto", places });
    using owned = engine;
    expect(owned.describe()).toMatchObject({ name: "native-cuda", precision: "bf16" });
    expect(why).toMatch(/^native-cuda \(.*compute capability.*\): the best engine that works here$/);
    expect(cardOf("native-cuda", { places })?.memoryBytes).toBeGreaterThan(0);
    expect(() => cardOf("native-cuda", { places, device: 3 })).toThrow(/there is no card 3/);
  });
});

describe("cudaFootprint", () => {
  const architecture = architectureOf({ layers: 2 });
  const workload: Workload = { architecture, training: [LARGE], evaluation: [], checkpoints: true, tokensAhead: 8 };

  it("rounds every table up to the driver's pages", () => {
    const page = 2 << 20;
    const real = { computeCapability: [8, 9] } as const;
    expect(tableBytes([1, 300], CARD)).toBe(256 + 512);
    expect([tableBytes([], real), tableBytes([1], real), tableBytes([page, 1], real)]).toEqual([0, page, 2 * page]);
    const { of } = footprint(workload, { precision: "bf16", recomputation: "none" }, real);
    // Weights, master, what trains, activations, numbers.
    const model = ["weights", "gradients", "moments", "activations", "gaps between them"];
    expect(model.reduce((sum, name) => sum + of[name], 0)).toBe(5 * page);
  });

  it("has Hopper's larger workspace", () => {
    const of = (major: number) =>
      footprint(workload, { precision: "bf16", recomputation: "none" }, { computeCapability: [major, 0] }).of;
    expect([8, 9, 10].map((major) => of(major)["workspace of products"])).toEqual([4 << 20, 32 << 20, 4 << 20]);
  });

  it("knows what passes through the process", () => {
    const { host } = footprint(workload, { precision: "bf16", recomputation: "none" }, CARD);
    expect(host.map(({ name }) => name)).toEqual(["pinned staging", "checkpoint on its way out", "batches ahead"]);
  });

  it("keeps nothing for training where there is none", () => {
    const { of } = footprint(
      { ...workload, training: [], evaluation: [LARGE] },
      { precision: "bf16-lean", recomputation: "none" },
      CARD,
    );
    expect(of).toMatchObject({ gradients: 0, moments: 0, "scratch of operations": 0 });
  });
});

describe("rows of logits", () => {
  const model = architectureOf({ vocabulary: 128_256 });
  const rows = (length: number, logitBytes?: number) =>
    planActivations(model, { rows: 1, length }, "none", {
      float: "bf16",
      ...(logitBytes === undefined ? {} : { logitBytes }),
    }).pass.logits_RV.shape[0];

  it("are many on a card, few on a processor, whole tiles, and never more than there are tokens", () => {
    expect(rows(8192, LOGIT_BYTES.card)).toBe(1024);
    expect(rows(8192)).toBe(128);
    expect(rows(100, LOGIT_BYTES.card)).toBe(100);
    expect(rows(8192, 1)).toBe(128);
  });
});
