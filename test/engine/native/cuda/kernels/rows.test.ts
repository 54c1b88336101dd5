/** Norms, embedding and biases against the plain loops, at odd numbers of rows and widths. */
import { expect, it } from "vitest";
import {
  addBias,
  addBiasBackward,
  addBiasBackwardScratch,
} from "../../../../../src/engine/native/cuda/kernels/add-bias.js";
import { embed, embedBackward, embedBackwardScratch } from "../../../../../src/engine/native/cuda/kernels/embed.js";
import {
  rmsNorm,
  rmsNormBackward,
  rmsNormBackwardScratch,
} from "../../../../../src/engine/native/cuda/kernels/rms-norm.js";
import {
  describeKernels,
  expectLikePlain,
  indices,
  type KernelCase,
  normal,
  runOnCard,
  STORAGES,
} from "./kernel-cases.js";

const SIZES = [
  { N: 1, C: 1 },
  { N: 257, C: 8 },
  { N: 17, C: 40 },
  { N: 3, C: 257 },
  { N: 300, C: 128 },
  { N: 2, C: 8192 },
];
const CASES = SIZES.flatMap((size) => STORAGES.map((storage) => ({ ...size, storage })));

describeKernels("rmsNorm", () => {
  it.each(CASES.flatMap((one) => [true, false].map((withDelta) => ({ ...one, withDelta }))))(
    "[$N, $C] $storage, with delta $withDelta",
    ({ N, C, storage, withDelta }) =>
      expectLikePlain({
        storage,
        shapes: { out: [N, C], residual: [N, C], delta: [N, C], weight: [C] },
        f32: { rstd: [N] },
        inputs: { residual: normal(N * C), delta: normal(N * C), weight: normal(C) },
        plain: [
          (ops, get) => (withDelta ? ops.add(get("residual"), get("delta")) : undefined),
          (ops, get) => ops.rmsNorm(get("out"), get("rstd"), get("residual"), null, get("weight"), 1e-5),
        ],
        launches: (at) => {
          const buffers = {
            out_NC: at("out"),
            rstd_N: at("rstd"),
            residual_NC: at("residual"),
            weight_C: at("weight"),
          };
          return rmsNorm({ ...buffers, delta_NC: withDelta ? at("delta") : null }, { N, C }, 1e-5, storage);
        },
      }),
  );

  it.each(CASES.flatMap((one) => [true, false].map((overwrite) => ({ ...one, overwrite }))))(
    "backward [$N, $C] $storage, overwriting $overwrite",
    ({ N, C, storage, overwrite }) => {
      const x = normal(N * C);
      return expectLikePlain({
        storage,
        shapes: { x: [N, C], weight: [C], dX: [N, C], dWeight: [C], dOut: [N, C] },
        f32: { rstd: [N] },
        inputs: {
          ...{ x, weight: normal(C), dOut: normal(N * C), dWeight: normal(C) },
          rstd: normal(N).map((value) => 1 + Math.abs(value)),
          ...(overwrite ? {} : { dX: normal(N * C) }),
        },
        scratchBytes: rmsNormBackwardScratch({ N, C }),
        plain: [
          (ops, get) => {
            const [dX, dWeight, dOut, from, rstd, weight] = ["dX", "dWeight", "dOut", "x", "rstd", "weight"].map(get);
            ops.rmsNormBackward(dX, dWeight, dOut, from, rstd, weight, { overwrite });
          },
        ],
        launches: (at) => {
          const d = { dX_NC: at("dX"), dWeight_C: at("dWeight"), dOut_NC: at("dOut"), scratch: at("scratch") };
          const buffers = { ...d, x_NC: at("x"), rstd_N: at("rstd"), weight_C: at("weight") };
          return rmsNormBackward(buffers, { N, C }, storage, { overwrite });
        },
      });
    },
  );
});

/** Ids that repeat in several chunks of the sort, one of them very often, and one vocabulary row that nobody names. */
function tokens(N: number, V: number): Int32Array {
  return indices(N, V - 1).map((id, n) => (n % 3 === 0 ? 2 % V : id));
}

function embedBackwardCase(N: number, C: number, V: number, storage: KernelCase["storage"]): KernelCase {
  return {
    storage,
    shapes: { dTable: [V, C], dOut: [N, C], ids: [N] },
    inputs: { dTable: normal(V * C), dOut: normal(N * C), ids: tokens(N, V) },
    scratchBytes: embedBackwardScratch(N),
    plain: [(ops, get) => ops.embedBackward(get("dTable"), get("dOut"), get("ids"))],
    launches: (at) => {
      const buffers = { dTable_VC: at("dTable"), dOut_NC: at("dOut"), ids_N: at("ids"), scratch: at("scratch") };
      return embedBackward(buffers, { N, C }, storage);
    },
  };
}

describeKernels("embed", () => {
  it.each(CASES)("[$N, $C] $storage", ({ N, C, storage }) =>
    expectLikePlain({
      storage,
      shapes: { out: [N, C], table: [23, C], ids: [N] },
      inputs: { table: normal(23 * C), ids: indices(N, 23) },
      plain: [(ops, get) => ops.embed(get("out"), get("table"), get("ids"))],
      launches: (at) => embed({ out_NC: at("out"), table_VC: at("table"), ids_N: at("ids") }, { N, C }, storage),
    }),
  );

  it.each(
    [
      { N: 1, C: 1, V: 2 },
      { N: 17, C: 40, V: 5 },
      { N: 257, C: 257, V: 300 },
      { N: 3000, C: 8, V: 101 },
    ].flatMap((size) => STORAGES.map((storage) => ({ ...size, storage }))),
  )("backward [$N, $C] of $V rows, $storage", ({ N, C, V, storage }) =>
    expectLikePlain(embedBackwardCase(N, C, V, storage)),
  );

  it("adds in the order of n: float32 gives the very bits of a loop over the tokens", async () => {
    const one = embedBackwardCase(2100, 8, 7, "f32");
    const { dTable } = await runOnCard(one);
    const expected = Float64Array.from(one.inputs["dTable"]);
    one.inputs["ids"].forEach((id, n) => {
      for (let c = 0; c < 8; c++)
        expected[id * 8 + c] = Math.fround(expected[id * 8 + c] + one.inputs["dOut"][n * 8 + c]);
    });
    expect([...dTable]).toEqual([...expected]);
  });
});

describeKernels("bias", () => {
  it.each(CASES)("[$N, $C] $storage", ({ N, C, storage }) =>
    expectLikePlain({
      storage,
      shapes: { out: [N, C], bias: [C] },
      inputs: { out: normal(N * C), bias: normal(C) },
      plain: [(ops, get) => ops.addBias(get("out"), get("bias"))],
      launches: (at) => addBias({ out_NC: at("out"), bias_C: at("bias") }, { N, C }, storage),
    }),
  );

  it.each(CASES)("backward [$N, $C] $storage", ({ N, C, storage }) =>
    expectLikePlain({
      storage,
      shapes: { dBias: [C], dOut: [N, C] },
      inputs: { dBias: normal(C), dOut: normal(N * C) },
      scratchBytes: addBiasBackwardScratch({ N, C }),
      plain: [(ops, get) => ops.addBiasBackward(get("dBias"), get("dOut"))],
      launches: (at) =>
        addBiasBackward({ dBias_C: at("dBias"), dOut_NC: at("dOut"), scratch: at("scratch") }, { N, C }, storage),
    }),
  );
});
