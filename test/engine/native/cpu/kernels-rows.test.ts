/** Operations on rows: norms, cross-entropy, embedding, biases, at odd widths and numbers of rows. */
import { it } from "vitest";
import { SCALARS } from "../../../../src/engine/native/device.js";
import { describeKernels, expectLikePlain, indices, normal } from "./kernel-devices.js";

const ROWS_AND_WIDTHS = [
  { N: 1, C: 1 },
  { N: 1, C: 40 },
  { N: 17, C: 8 },
  { N: 3, C: 257 },
  { N: 257, C: 5 },
  { N: 130, C: 128 },
];

describeKernels("rmsNorm", (devices) => {
  const cases = ROWS_AND_WIDTHS.flatMap((size) => [true, false].map((other) => ({ ...size, other })));

  it.each(cases)("forward [$N, $C], with delta $other", ({ N, C, other: withDelta }) =>
    expectLikePlain(devices, {
      shapes: { out: [N, C], rstd: [N], residual: [N, C], delta: [N, C], weight: [C] },
      inputs: { residual: normal(N * C), delta: normal(N * C), weight: normal(C) },
      program: (operations, get) => {
        const delta = withDelta ? get("delta") : null;
        operations.rmsNorm(get("out"), get("rstd"), get("residual"), delta, get("weight"), 1e-5);
      },
    }),
  );

  it.each(cases)("backward [$N, $C], overwriting $other", ({ N, C, other: overwrite }) =>
    expectLikePlain(devices, {
      shapes: { out: [N, C], rstd: [N], x: [N, C], weight: [C], dX: [N, C], dWeight: [C], dOut: [N, C] },
      inputs: {
        ...{ x: normal(N * C), weight: normal(C), dOut: normal(N * C), dWeight: normal(C) },
        ...(overwrite ? {} : { dX: normal(N * C) }),
      },
      program: (operations, get) => {
        const [out, rstd, x, weight, dX, dWeight, dOut] = ["out", "rstd", "x", "weight", "dX", "dWeight", "dOut"].map(
          get,
        );
        operations.rmsNorm(out, rstd, x, null, weight, 1e-5);
        operations.rmsNormBackward(dX, dWeight, dOut, x, rstd, weight, { overwrite });
      },
    }),
  );

  it("norms each head of a row by the same weight", () =>
    expectLikePlain(devices, {
      shapes: { out: [5, 24], rstd: [15], residual: [5, 24], weight: [8] },
      inputs: { residual: normal(120), weight: normal(8) },
      program: (operations, get) =>
        operations.rmsNorm(get("out"), get("rstd"), get("residual"), null, get("weight"), 1e-6),
    }));
});

describeKernels("crossEntropy", (devices) => {
  const cases = [
    { N: 1, V: 1, Vp: 1, size: 1 },
    { N: 1, V: 2, Vp: 16, size: 1 },
    { N: 17, V: 13, Vp: 16, size: 1 },
    { N: 5, V: 257, Vp: 272, size: 1 },
    { N: 33, V: 1000, Vp: 1000, size: 10 },
    { N: 2, V: 4099, Vp: 4112, size: 30 },
  ].flatMap((one) => [true, false].map((gradient) => ({ ...one, gradient })));

  it.each(cases)("[$N, $Vp] of $V, size $size, gradient $gradient; every third row masked", (one) => {
    const { N, V, Vp, size, gradient } = one;
    const mask = Float32Array.from({ length: N }, (_, n) => (n % 3 === 1 ? 0 : 1));
    const scalars = Float32Array.from(SCALARS, (name) => (name === "lossScale" ? 0.37 : Number.NaN));
    return expectLikePlain(
      devices,
      {
        shapes: { loss: [N], logits: [N, Vp], targets: [N], mask: [N], scalars: [SCALARS.length] },
        inputs: { logits: normal(N * Vp, size), targets: indices(N, V), mask, scalars },
        program: (operations, get) => {
          const [loss, logits, targets, counted, numbers] = ["loss", "logits", "targets", "mask", "scalars"].map(get);
          operations.crossEntropy(loss, logits, targets, counted, numbers, { vocabulary: V, gradient });
        },
      },
      ["scalars", ...(gradient ? [] : ["logits"])],
    );
  });

  it("rows fully masked", () =>
    expectLikePlain(devices, {
      shapes: { loss: [4], logits: [4, 16], targets: [4], mask: [4], scalars: [SCALARS.length] },
      inputs: {
        ...{ logits: normal(64), targets: indices(4, 13), mask: new Float32Array(4) },
        scalars: new Float32Array(SCALARS.length).fill(1),
      },
      program: (operations, get) => {
        const [loss, logits, targets, counted, numbers] = ["loss", "logits", "targets", "mask", "scalars"].map(get);
        operations.crossEntropy(loss, logits, targets, counted, numbers, { vocabulary: 13, gradient: true });
      },
    }));
});

describeKernels("embed", (devices) => {
  it.each(ROWS_AND_WIDTHS)("[$N, $C] of a table of 11", ({ N, C }) =>
    expectLikePlain(devices, {
      shapes: { out: [N, C], table: [11, C], ids: [N], dTable: [11, C] },
      inputs: { table: normal(11 * C), ids: indices(N, 11), dTable: normal(11 * C) },
      program: (operations, get) => {
        operations.embed(get("out"), get("table"), get("ids"));
        operations.embedBackward(get("dTable"), get("out"), get("ids"));
      },
    }),
  );
});

describeKernels("biases", (devices) => {
  it.each(ROWS_AND_WIDTHS)("[$N, $C]", ({ N, C }) =>
    expectLikePlain(devices, {
      shapes: { out: [N, C], bias: [C], dBias: [C] },
      inputs: { out: normal(N * C), bias: normal(C), dBias: normal(C) },
      program: (operations, get) => {
        operations.addBias(get("out"), get("bias"));
        operations.addBiasBackward(get("dBias"), get("out"));
      },
    }),
  );
});
