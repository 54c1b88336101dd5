/** Operations on elements: zero, add, copy, columns, rotation, SwiGLU, the squared norm and AdamW, at odd sizes. */
import { it } from "vitest";
import { type AttentionShape, SCALARS } from "../../../../src/engine/native/device.js";
import { describeKernels, expectLikePlain, indices, normal } from "./kernel-devices.js";

const COUNTS = [1, 7, 16, 257, 40_003].map((count) => ({ count }));

describeKernels("elements", (devices) => {
  it.each(COUNTS)("zero, add, copy of $count", ({ count }) =>
    expectLikePlain(devices, {
      shapes: { cleared: [count], sum: [count], x: [count], copied: [count] },
      inputs: { sum: normal(count), x: normal(count) },
      program: (operations, get) => {
        operations.zero(get("cleared"));
        operations.add(get("sum"), get("x"));
        operations.add(get("sum"), get("sum"));
        operations.copy(get("copied"), get("sum"));
      },
    }),
  );

  it.each(COUNTS)("squaredNorm of $count", ({ count }) =>
    expectLikePlain(devices, {
      shapes: { out: [1], x: [count] },
      inputs: { x: normal(count) },
      program: (operations, get) => operations.squaredNorm(get("out"), get("x")),
    }),
  );

  it.each(COUNTS.flatMap((one) => [true, false].map((decays) => ({ ...one, decays }))))(
    "adamw of $count, decays $decays",
    ({ count, decays }) => {
      const step: Readonly<Record<(typeof SCALARS)[number], number>> = {
        ...{ lossScale: Number.NaN, clipScale: 0.7, learningRate: 1e-2, beta1: 0.9, beta2: 0.999 },
        ...{ epsilon: 1e-8, weightDecay: 0.1, correction1: 1 - 0.9 ** 3, correction2: 1 - 0.999 ** 3 },
        // In float32, 1 − 0.999 differs from this by 1e-5: with moments as small as below, a kernel that subtracts would be found out.
        ...{ roundingKey1: 0, roundingKey2: 0, oneMinusBeta1: 1 - 0.9, oneMinusBeta2: 1 - 0.999 },
      };
      return expectLikePlain(
        devices,
        {
          shapes: { w: [count], m: [count], v: [count], g: [count], scalars: [SCALARS.length] },
          inputs: {
            ...{ w: normal(count), m: normal(count, 0.1), v: normal(count, 1e-3).map(Math.abs), g: normal(count) },
            scalars: Float32Array.from(SCALARS, (name) => step[name]),
          },
          program: (operations, get) =>
            operations.adamw(get("w"), get("m"), get("v"), get("g"), get("scalars"), { decays }),
        },
        ["scalars"],
      );
    },
  );
});

describeKernels("columns", (devices) => {
  it.each([
    { N: 1, narrow: 1, wide: 1, from: 0 },
    { N: 17, narrow: 5, wide: 13, from: 8 },
    { N: 257, narrow: 8, wide: 40, from: 3 },
  ])("$narrow of $wide from $from, $N rows", ({ N, narrow, wide, from }) =>
    expectLikePlain(devices, {
      shapes: { part: [N, narrow], whole: [N, wide], other: [N, wide] },
      inputs: { whole: normal(N * wide), other: normal(N * wide) },
      program: (operations, get) => {
        operations.sliceColumns(get("part"), get("whole"), from);
        operations.placeColumns(get("other"), get("part"), from);
      },
    }),
  );
});

describeKernels("placeRows", (devices) => {
  it.each([
    { N: 1, narrow: 1, wide: 1, from: 0, M: 1 },
    { N: 17, narrow: 5, wide: 13, from: 8, M: 40 },
    { N: 300, narrow: 64, wide: 192, from: 64, M: 301 },
  ])("$narrow of $wide from $from, $N rows into $M", ({ N, narrow, wide, from, M }) =>
    expectLikePlain(devices, {
      shapes: { out: [M, narrow], x: [N, wide], rows: [N] },
      inputs: {
        out: normal(M * narrow),
        x: normal(N * wide),
        rows: Int32Array.from({ length: N }, (_, n) => M - 1 - n),
      },
      program: (operations, get) => operations.placeRows(get("out"), get("x"), get("rows"), from),
    }),
  );
});

describeKernels("swiglu", (devices) => {
  const cases = [
    { N: 1, F: 1, size: 1 },
    { N: 17, F: 13, size: 1 },
    { N: 3, F: 257, size: 20 },
    { N: 65, F: 40, size: 100 },
  ].flatMap((one) => [true, false].map((inPlace) => ({ ...one, inPlace })));

  it.each(cases)("[$N, $F], size $size, backward in place $inPlace", ({ N, F, size, inPlace }) =>
    expectLikePlain(devices, {
      shapes: { out: [N, F], gateUp: [N, 2 * F], dOut: [N, F], dGateUp: [N, 2 * F] },
      inputs: {
        gateUp: normal(N * 2 * F, size),
        dOut: normal(N * F),
        ...(inPlace ? { dGateUp: normal(2 * N * F) } : {}),
      },
      program: (operations, get) => {
        operations.swiglu(get("out"), get("gateUp"));
        operations.swigluBackward(get(inPlace ? "gateUp" : "dGateUp"), get("dOut"), get("gateUp"));
      },
    }),
  );
});

describeKernels("rope", (devices) => {
  const SHAPES: readonly AttentionShape[] = [
    { B: 1, T: 1, H: 1, K: 1, D: 2, window: null },
    { B: 2, T: 17, H: 3, K: 1, D: 8, window: null },
    { B: 1, T: 257, H: 1, K: 1, D: 40, window: null },
    { B: 3, T: 5, H: 4, K: 2, D: 128, window: null },
  ];
  const cases = SHAPES.flatMap((shape) => [true, false].map((inverse) => ({ ...shape, inverse })));

  it.each(cases)("B $B, T $T, H $H, K $K, D $D, inverse $inverse", ({ inverse, ...shape }) => {
    const { B, T, H, K, D } = shape;
    const [N, X] = [B * T, (H + 2 * K) * D];
    const table = Float32Array.from({ length: T * D }, (_, at) => {
      const angle = Math.floor(at / D) / 10000 ** (((at % D) % (D / 2)) / (D / 2));
      return at % D < D / 2 ? Math.cos(angle) : Math.sin(angle);
    });
    return expectLikePlain(devices, {
      shapes: { qkv: [N, X], table: [T, D], positions: [N] },
      inputs: { qkv: normal(N * X), table, positions: indices(N, T) },
      program: (operations, get) => operations.rope(get("qkv"), get("table"), get("positions"), shape, { inverse }),
    });
  });
});
