/** The engine contract on the card in float32, in every mode of recomputation's smallest model too, and the same bits from two devices. */
import { describe, expect, it } from "vitest";
import { NativeEngine } from "../../src/engine/native/engine.js";
import { PRECISIONS, type PrecisionName } from "../../src/engine/native/precision.js";
import { parameterTable } from "../../src/model/parameters.js";
import { cardMissing, openTestDevice } from "../cuda/test-card.js";
import { architectureOf, batchOf, weightsOf } from "../engine/cases.js";
import { engineContract } from "../engine/contract.js";
import { snapshot } from "../engine/snapshot.js";

const missing = await cardMissing();
const size = { width: 128, heads: 4, kvHeads: 2, headWidth: 32, feedForward: 352, vocabulary: 1003, maxLength: 512 };

/** Two updates over packed documents on a device of its own, with everything that the engine then holds. */
async function trained(precision: PrecisionName): Promise<Float32Array[]> {
  const architecture = architectureOf({ ...size, qkNorm: true, slidingWindow: 200 });
  const table = parameterTable(architecture);
  const device = await openTestDevice();
  using engine = new NativeEngine(architecture, table, device, {
    ...{ name: "native-cuda", precision: PRECISIONS[precision], recomputation: "layer" },
  });
  await engine.load(weightsOf(table));
  const losses: Float32Array[] = [];
  for (const update of [1, 2, 3]) {
    const batch = batchOf(architecture, { seed: update, rows: 3, length: 300, documents: [90, 91, 200] });
    losses.push(Float32Array.from((await engine.accumulate(batch, 0.01)).lossSum_B));
    const clipScale = 1 / (await engine.gradientNorm());
    const rates = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
    await engine.update({ ...rates, clipScale, update });
  }
  const kinds = await Promise.all((["weight", "moment1", "moment2"] as const).map((kind) => snapshot(engine, kind)));
  return [...losses, ...kinds.flat().map(({ data }) => data)];
}

if (missing !== null) describe.skip(`engine contract: native-cuda (skipped: ${missing})`, () => it("", () => {}));
else {
  engineContract(
    "native-cuda",
    async (architecture, table) =>
      new NativeEngine(architecture, table, await openTestDevice(), { name: "native-cuda" }),
  );

  describe("native-cuda", () => {
    it.each(["fp32", "bf16", "bf16-lean"] as const)("gives the same bits twice: %s", async (precision) => {
      const first = await trained(precision);
      expect(first.flatMap((values) => values.every(Number.isFinite)).every(Boolean)).toBe(true);
      expect(await trained(precision)).toEqual(first);
    });
  });
}
