/** Sums, SwiGLU, rotary positions, columns and the squared norm against the plain loops, at odd sizes. */
import { expect, it } from "vitest";
import {
  add,
  placeColumns,
  placeRows,
  rope,
  sliceColumns,
  swiglu,
  swigluBackward,
} from "../../../../../src/engine/native/cuda/kernels/elements.js";
import { embedBackward, embedBackwardScratch } from "../../../../../src/engine/native/cuda/kernels/embed.js";
import { SQUARED_NORM_SCRATCH, squaredNorm } from "../../../../../src/engine/native/cuda/kernels/squared-norm.js";
import { toBf16 } from "./bf16-values.js";
import { describeKernels, expectLikePlain, indices, normal, runOnCard, STORAGES } from "./kernel-cases.js";

/** Every size in both storages. */
function inBoth<Size extends object>(sizes: readonly Size[]) {
  return sizes.flatMap((size) => STORAGES.map((storage) => ({ ...size, storage })));
}

const COUNTS = inBoth([1, 7, 16, 257, 40_003].map((count) => ({ count })));

describeKernels("add", () => {
  it.each(COUNTS)("$count of $storage", ({ count, storage }) =>
    expectLikePlain({
      storage,
      shapes: { out: [count], x: [count] },
      inputs: { out: normal(count), x: normal(count) },
      plain: [(ops, get) => ops.add(get("out"), get("x"))],
      launches: (at) => add({ out: at("out"), x: at("x") }, count, storage),
    }),
  );

  it.each(STORAGES)("a matrix to itself, from an address that allows no wide access, %s", (storage) =>
    expectLikePlain({
      storage,
      shapes: { out: [1, 9] },
      inputs: { out: normal(9).map((value, index) => (index === 0 ? 0 : value)) },
      plain: [(ops, get) => ops.add(get("out"), get("out"))],
      launches: (at) => {
        const second = at("out") + (storage === "bf16" ? 2n : 4n);
        return add({ out: second, x: second }, 8, storage);
      },
    }),
  );
});

describeKernels("squaredNorm", () => {
  it.each(COUNTS)("of $count, $storage", ({ count, storage }) =>
    expectLikePlain({
      storage,
      shapes: { x: [count] },
      f32: { out: [1] },
      inputs: { x: normal(count) },
      scratchBytes: SQUARED_NORM_SCRATCH,
      plain: [(ops, get) => ops.squaredNorm(get("out"), get("x"))],
      launches: (at) => squaredNorm({ out: at("out"), x: at("x"), scratch: at("scratch") }, count, storage),
    }),
  );

  it.each([
    // Each 1 alone would vanish in a float32 sum beside 2^24.
    { title: "small terms beside a great one", value: 1, last: 4096, exact: 2 ** 24 + 4096 },
    // Squares in float32 would lose 2^-24 each; the last term lifts what is left of them over a half of the result's last place.
    { title: "the last bits of squares", value: 1 + 3 * 2 ** -12, last: 2 ** -6, exact: 4102 + 5 * 2 ** -11 },
  ])("keeps what float32 would swallow: $title", async ({ value, last, exact }) => {
    const x = new Float32Array(4097).fill(value);
    x[4096] = last;
    const { out } = await runOnCard({
      storage: "f32",
      shapes: { x: [x.length] },
      f32: { out: [1] },
      inputs: { x },
      scratchBytes: SQUARED_NORM_SCRATCH,
      plain: [],
      launches: (at) => squaredNorm({ out: at("out"), x: at("x"), scratch: at("scratch") }, x.length, "f32"),
    });
    expect(out[0]).toBe(exact);
  });
});

describeKernels("columns", () => {
  it.each(
    inBoth([
      { N: 1, width: 1, wide: 1, from: 0 },
      { N: 17, width: 5, wide: 13, from: 8 },
      { N: 257, width: 8, wide: 40, from: 3 },
      { N: 33, width: 128, wide: 384, from: 256 },
    ]),
  )("$width of $wide from $from, $N rows, $storage", ({ N, width, wide, from, storage }) =>
    expectLikePlain({
      storage,
      shapes: { part: [N, width], whole: [N, wide], other: [N, wide] },
      inputs: { whole: normal(N * wide), other: normal(N * wide) },
      plain: [
        (ops, get) => ops.sliceColumns(get("part"), get("whole"), from),
        (ops, get) => ops.placeColumns(get("other"), get("part"), from),
      ],
      launches: (at) => [
        ...sliceColumns({ out: at("part"), x: at("whole") }, { N, width, wide, from }, storage),
        ...placeColumns({ out: at("other"), x: at("part") }, { N, width, wide, from }, storage),
      ],
    }),
  );
});

describeKernels("placeRows", () => {
  it.each(
    inBoth([
      { N: 1, width: 1, wide: 1, from: 0, M: 1 },
      { N: 17, width: 5, wide: 13, from: 8, M: 40 },
      { N: 33, width: 128, wide: 384, from: 128, M: 34 },
    ]),
  )("$width of $wide from $from, $N rows into $M, $storage", ({ N, width, wide, from, M, storage }) =>
    expectLikePlain({
      storage,
      shapes: { out: [M, width], x: [N, wide], rows: [N] },
      inputs: {
        out: normal(M * width),
        x: normal(N * wide),
        rows: Int32Array.from({ length: N }, (_, n) => M - 1 - n),
      },
      plain: [(ops, get) => ops.placeRows(get("out"), get("x"), get("rows"), from)],
      launches: (at) =>
        placeRows({ out: at("out"), x: at("x"), rows_N: at("rows") }, { N, width, wide, from }, storage),
    }),
  );
});

describeKernels("swiglu", () => {
  const cases = inBoth([
    { N: 1, F: 1, size: 1 },
    { N: 17, F: 13, size: 1 },
    { N: 3, F: 264, size: 20 },
    { N: 2, F: 2056, size: 100 },
  ]);

  it.each(cases)("[$N, $F], size $size, $storage", ({ N, F, size, storage }) =>
    expectLikePlain({
      storage,
      shapes: { out: [N, F], gateUp: [N, 2 * F] },
      inputs: { gateUp: normal(N * 2 * F, size) },
      plain: [(ops, get) => ops.swiglu(get("out"), get("gateUp"))],
      launches: (at) => swiglu({ out_NF: at("out"), gateUp_NX: at("gateUp") }, { N, F }, storage),
    }),
  );

  it.each(cases.flatMap((one) => [true, false].map((inPlace) => ({ ...one, inPlace }))))(
    "backward [$N, $F], size $size, $storage, in place $inPlace",
    ({ N, F, size, storage, inPlace }) => {
      const to = inPlace ? "gateUp" : "dGateUp";
      return expectLikePlain({
        storage,
        shapes: { dOut: [N, F], gateUp: [N, 2 * F], ...(inPlace ? {} : { dGateUp: [N, 2 * F] }) },
        inputs: { gateUp: normal(N * 2 * F, size), dOut: normal(N * F) },
        plain: [(ops, get) => ops.swigluBackward(get(to), get("dOut"), get("gateUp"))],
        launches: (at) =>
          swigluBackward({ dGateUp_NX: at(to), dOut_NF: at("dOut"), gateUp_NX: at("gateUp") }, { N, F }, storage),
      });
    },
  );

  it("is finite where the exponential overflows", async () => {
    const gateUp = Float32Array.from([-1000, 1000, 2, 2]);
    const { out } = await runOnCard({
      storage: "f32",
      shapes: { out: [1, 2], gateUp: [1, 4] },
      inputs: { gateUp },
      plain: [],
      launches: (at) => swiglu({ out_NF: at("out"), gateUp_NX: at("gateUp") }, { N: 1, F: 2 }, "f32"),
    });
    expect([...out]).toEqual([-0, 2000]);
  });
});

/** Cosines and sines of made-up angles, in the layout of the rotary table. */
function table(T: number, D: number): Float32Array {
  return Float32Array.from({ length: T * D }, (_, index) => {
    const angle = Math.floor(index / D) * 1.7 + (index % (D / 2));
    return index % D < D / 2 ? Math.cos(angle) : Math.sin(angle);
  });
}

describeKernels("rope", () => {
  it.each(
    inBoth([
      { B: 1, T: 1, H: 1, K: 1, D: 2 },
      { B: 2, T: 9, H: 3, K: 1, D: 6 },
      { B: 1, T: 257, H: 4, K: 2, D: 16 },
      { B: 1, T: 17, H: 8, K: 2, D: 128 },
    ]).flatMap((one) => [true, false].map((inverse) => ({ ...one, inverse }))),
  )("B $B, T $T, H $H, K $K, D $D, $storage, inverse $inverse", ({ B, T, H, K, D, storage, inverse }) => {
    const shape = { B, T, H, K, D, window: null };
    const [N, X] = [B * T, (H + 2 * K) * D];
    return expectLikePlain({
      storage,
      shapes: { qkv: [N, X], positions: [N] },
      f32: { table: [T, D] },
      inputs: { qkv: normal(N * X), table: table(T, D), positions: indices(N, T) },
      plain: [(ops, get) => ops.rope(get("qkv"), get("table"), get("positions"), shape, { inverse })],
      launches: (at) => {
        const buffers = { qkv_NX: at("qkv"), table_TD: at("table"), positions_N: at("positions") };
        return rope(buffers, shape, storage, { inverse });
      },
    });
  });
});

describeKernels("bf16 storage", () => {
  it("rounds to the nearest, ties to even, and keeps infinities and NaN", async () => {
    // The last bit of bf16's mantissa near 1 is 2^-7. A float32 gradient added to a table of zeros shows the rounding alone.
    const ordinary = [1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, -1 - 2 ** -8, 3.4e38, 2 ** -133, 1e-45, 0];
    const dOut = Float32Array.from([...ordinary, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]);
    const C = dOut.length;
    const { dTable } = await runOnCard({
      storage: "bf16",
      shapes: { dTable: [1, C], ids: [1] },
      f32: { dOut: [1, C] },
      inputs: { dTable: new Float32Array(C), dOut, ids: Int32Array.of(0) },
      scratchBytes: embedBackwardScratch(1),
      plain: [],
      launches: (at) => {
        const buffers = { dTable_VC: at("dTable"), dOut_NC: at("dOut"), ids_N: at("ids"), scratch: at("scratch") };
        return embedBackward(buffers, { N: 1, C }, "f32", "bf16");
      },
    });
    expect([...dTable]).toEqual([...Float64Array.from(dOut, toBf16)]);
    expect(dTable[0]).toBe(1);
    expect(dTable[1]).toBe(1 + 4 * 2 ** -8);
    expect(dTable[4]).toBe(Number.POSITIVE_INFINITY);
  });
});
