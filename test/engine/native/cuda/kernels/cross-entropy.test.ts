/** Cross-entropy and its gradient in place against the plain loops: indivisible vocabularies, masked rows, great logits. */
import { expect, it } from "vitest";
import { crossEntropy } from "../../../../../src/engine/native/cuda/kernels/cross-entropy.js";
import { SCALARS } from "../../../../../src/engine/native/device.js";
import {
  describeKernels,
  expectLikePlain,
  indices,
  type KernelCase,
  normal,
  runOnCard,
  STORAGES,
} from "./kernel-cases.js";

interface Size {
  readonly N: number;
  readonly V: number;
  readonly columns: number;
  /** Deviation of the logits. */
  readonly size: number;
}

const SIZES: readonly Size[] = [
  { N: 1, V: 1, columns: 1, size: 1 },
  { N: 1, V: 2, columns: 16, size: 1 },
  { N: 17, V: 13, columns: 16, size: 1 },
  { N: 5, V: 257, columns: 257, size: 3 },
  { N: 9, V: 1001, columns: 1008, size: 30 },
  { N: 2, V: 19_997, columns: 20_000, size: 5 },
];

function caseOf({ N, V, columns, size }: Size, storage: KernelCase["storage"], gradient: boolean): KernelCase {
  const scalars = new Float32Array(SCALARS.length).fill(Number.NaN);
  scalars[SCALARS.indexOf("lossScale")] = 0.37;
  return {
    storage,
    shapes: { logits: [N, columns], targets: [N] },
    f32: { loss: [N], mask: [N], scalars: [scalars.length] },
    inputs: {
      ...{ logits: normal(N * columns, size), targets: indices(N, V), scalars },
      // Weights of 0, 1 and between.
      mask: Float32Array.from({ length: N }, (_, n) => (N === 1 ? 1 : [1, 0, 0.5][n % 3])),
    },
    exempt: ["scalars"],
    plain: [
      (ops, get) =>
        ops.crossEntropy(get("loss"), get("logits"), get("targets"), get("mask"), get("scalars"), {
          vocabulary: V,
          gradient,
        }),
    ],
    launches: (at) => {
      const rows = { loss_N: at("loss"), logits_NV: at("logits"), targets_N: at("targets"), mask_N: at("mask") };
      return crossEntropy({ ...rows, scalars: at("scalars") }, { N, columns, vocabulary: V }, storage, { gradient });
    },
  };
}

describeKernels("crossEntropy", () => {
  it.each(
    SIZES.flatMap((size) =>
      STORAGES.flatMap((storage) => [true, false].map((gradient) => ({ ...size, storage, gradient }))),
    ),
  )("[$N, $V of $columns], size $size, $storage, gradient $gradient", ({ storage, gradient, ...size }) =>
    expectLikePlain(caseOf(size, storage, gradient)),
  );

  it.each(STORAGES)("does not read rows that are masked, and leaves zeros, %s", async (storage) => {
    const size = { N: 3, V: 13, columns: 16, size: 1 };
    const one = caseOf(size, storage, true);
    const inputs = { ...one.inputs, mask: new Float32Array(3), logits: new Float32Array(48).fill(Number.NaN) };
    const { loss, logits } = await runOnCard({ ...one, inputs });
    expect([...loss]).toEqual([0, 0, 0]);
    expect([...logits]).toEqual(Array.from({ length: 48 }, () => 0));
  });

  it("counts a logit of −∞ as impossible", async () => {
    const one = caseOf({ N: 1, V: 4, columns: 4, size: 1 }, "f32", true);
    const logits = Float32Array.of(Number.NEGATIVE_INFINITY, 0, 0, Number.NEGATIVE_INFINITY);
    const results = await runOnCard({ ...one, inputs: { ...one.inputs, logits, targets: Int32Array.of(1) } });
    expect(results["loss"][0]).toBeCloseTo(Math.LN2, 6);
    const share = Math.fround(0.37) / 2;
    for (const [v, value] of [0, -share, share, 0].entries()) expect(results["logits"][v]).toBeCloseTo(value, 6);
  });

  it("shows a NaN among the logits in the loss", async () => {
    const one = caseOf({ N: 1, V: 40, columns: 40, size: 1 }, "f32", false);
    const logits = normal(40);
    logits[33] = Number.NaN;
    expect((await runOnCard({ ...one, inputs: { ...one.inputs, logits } }))["loss"][0]).toBeNaN();
  });
});
