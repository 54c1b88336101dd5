/** Turns calls of `device.ts`'s operations into checked, plain descriptions of them; sizes and flags as in `cpu/kernels/abi.h`. */

import { Call, type Operation, type OperationName } from "./call.js";
import {
  type AdamwOptions,
  type AttentionShape,
  type Buffer,
  type KeyValueCache,
  type MatmulOptions,
  type Operations,
  SCALARS,
} from "./device.js";

/** In the order of the codes in `abi.h`, which begin with 1. */
export const OPERATION_NAMES: readonly OperationName[] = [
  ...([
    "zero",
    "embed",
    "embedBackward",
    "rmsNorm",
    "rmsNormBackward",
    "matmul",
    "addBias",
    "addBiasBackward",
  ] as const),
  ...(["add", "copy", "sliceColumns", "placeColumns", "rope", "attention", "attentionBackward", "swiglu"] as const),
  ...(["swigluBackward", "crossEntropy", "squaredNorm", "adamw", "placeRows"] as const),
];

/** Calls `emit` with each operation, once its shapes are checked. @throws Error that names the operation and its buffers. */
export class CheckedOperations implements Operations {
  constructor(private readonly emit: (operation: Operation) => void) {}

  zero(out: Buffer): void {
    this.emit(new Call("zero", { out }).done({ outputs: 1, sizes: [out.size] }));
  }

  embed(out: Buffer, table: Buffer, ids: Buffer): void {
    const call = new Call("embed", { out, table, ids });
    const { rows, width } = call.matrix("out");
    const { rows: vocabulary } = call.matrix("table");
    call.expectMatrix("table", vocabulary, width);
    call.expectIndices("ids", rows, { limit: vocabulary });
    this.emit(call.done({ outputs: 1, sizes: [rows, width] }));
  }

  embedBackward(dTable: Buffer, dOut: Buffer, ids: Buffer): void {
    const call = new Call("embedBackward", { dTable, dOut, ids });
    const { rows, width } = call.matrix("dOut");
    const { rows: vocabulary } = call.matrix("dTable");
    call.expectMatrix("dTable", vocabulary, width);
    call.expectIndices("ids", rows, { limit: vocabulary });
    this.emit(call.done({ outputs: 1, sizes: [rows, width, vocabulary] }));
  }

  rmsNorm(out: Buffer, rstd: Buffer, residual: Buffer, delta: Buffer | null, weight: Buffer, epsilon: number): void {
    const call = new Call("rmsNorm", { out, rstd, residual, delta, weight });
    const [N, C] = this.normRows(call, out, weight);
    for (const name of ["out", "residual"] as const) call.expectSize(name, N * C);
    if (delta !== null) call.expectSize("delta", N * C);
    call.expectFloat32("rstd", N);
    if (!(epsilon >= 0)) call.refuse(null, `epsilon must not be ${epsilon}`);
    this.emit(call.done({ outputs: 3, sizes: [N, C], reals: [epsilon] }));
  }

  rmsNormBackward(
    dX: Buffer,
    dWeight: Buffer,
    dOut: Buffer,
    x: Buffer,
    rstd: Buffer,
    weight: Buffer,
    options: { readonly overwrite?: boolean } = {},
  ): void {
    const call = new Call("rmsNormBackward", { dX, dWeight, dOut, x, rstd, weight });
    const [N, C] = this.normRows(call, x, weight);
    for (const name of ["dX", "dOut", "x"] as const) call.expectSize(name, N * C);
    call.expectSize("dWeight", C);
    call.expectFloat32("rstd", N);
    this.emit(call.done({ outputs: 2, sizes: [N, C], flags: flag(options.overwrite, 1) }));
  }

  /** Rows of the weight's width: a norm over heads splits the rows of a matrix of tokens. */
  private normRows(call: Call<"weight">, values: Buffer, weight: Buffer): readonly [number, number] {
    call.expectSize("weight", weight.size);
    if ((values.shape.at(-1) ?? 1) % weight.size !== 0) call.refuse("weight", "must divide the rows that it scales");
    return [values.size / weight.size, weight.size];
  }

  matmul(out: Buffer, a: Buffer, b: Buffer, { transposeA, transposeB, plus }: MatmulOptions = {}): void {
    const call = new Call("matmul", { out, a, b, plus: plus ?? null });
    const { rows: M, width: N } = call.matrix("out");
    const K = transposeA === true ? call.matrix("a").rows : call.matrix("a").width;
    call.expectMatrix("a", ...(transposeA === true ? ([K, M] as const) : ([M, K] as const)));
    call.expectMatrix("b", ...(transposeB === true ? ([N, K] as const) : ([K, N] as const)));
    if (plus !== undefined) call.expectMatrix("plus", M, N);
    const flags = flag(transposeA, 1) | flag(transposeB, 2);
    this.emit(call.done({ outputs: 1, sizes: [M, N, K], flags, inPlace: [0, 3] }));
  }

  addBias(out: Buffer, bias: Buffer): void {
    const call = new Call("addBias", { out, bias });
    const { rows, width } = call.matrix("out");
    call.expectSize("bias", width);
    this.emit(call.done({ outputs: 1, sizes: [rows, width] }));
  }

  addBiasBackward(dBias: Buffer, dOut: Buffer): void {
    const call = new Call("addBiasBackward", { dBias, dOut });
    const { rows, width } = call.matrix("dOut");
    call.expectSize("dBias", width);
    this.emit(call.done({ outputs: 1, sizes: [rows, width] }));
  }

  add(out: Buffer, x: Buffer): void {
    const call = new Call("add", { out, x });
    call.expectSize("out", out.size);
    call.expectSize("x", out.size);
    this.emit(call.done({ outputs: 1, sizes: [out.size], inPlace: [0, 1] }));
  }

  copy(out: Buffer, x: Buffer): void {
    const call = new Call("copy", { out, x });
    if (x.dtype !== out.dtype || x.size !== out.size) call.refuse("x", "must have the dtype and the size of out");
    this.emit(call.done({ outputs: 1, sizes: [out.size] }));
  }

  sliceColumns(out: Buffer, x: Buffer, from: number): void {
    const call = new Call("sliceColumns", { out, x });
    const { rows, width } = call.matrix("out");
    const wide = call.matrix("x").width;
    call.expectMatrix("x", rows, wide);
    checkColumns(call, from, width, wide);
    this.emit(call.done({ outputs: 1, sizes: [rows, width, wide, from] }));
  }

  placeColumns(out: Buffer, x: Buffer, from: number): void {
    const call = new Call("placeColumns", { out, x });
    const { rows, width } = call.matrix("x");
    const wide = call.matrix("out").width;
    call.expectMatrix("out", rows, wide);
    checkColumns(call, from, width, wide);
    this.emit(call.done({ outputs: 1, sizes: [rows, wide, width, from] }));
  }

  placeRows(out: Buffer, x: Buffer, rows: Buffer, from: number): void {
    const call = new Call("placeRows", { out, x, rows });
    const { rows: M, width } = call.matrix("out");
    const { rows: N, width: wide } = call.matrix("x");
    checkColumns(call, from, width, wide);
    call.expectIndices("rows", N, { limit: M });
    this.emit(call.done({ outputs: 1, sizes: [N, width, wide, from] }));
  }

  rope(
    qkv: Buffer,
    table: Buffer,
    positions: Buffer,
    shape: AttentionShape,
    options: { readonly inverse?: boolean } = {},
  ): void {
    const call = new Call("rope", { qkv, table, positions });
    const { B, T, H, K, D } = shape;
    call.expectAttention("qkv", shape);
    if (D % 2 !== 0) call.refuse(null, `D must be even, not ${D}`);
    const maxLength = table.shape.at(0) ?? 1;
    if (table.shape.at(-1) !== D) call.refuse("table", `must be f32[${maxLength}, ${D}]`);
    call.expectFloat32("table", maxLength * D);
    call.expectIndices("positions", B * T, { limit: maxLength });
    this.emit(call.done({ outputs: 1, sizes: [B * T, H, K, D], flags: flag(options.inverse, 1) }));
  }

  attention(
    out: Buffer,
    lse: Buffer,
    qkv: Buffer,
    starts: Buffer,
    shape: AttentionShape,
    cache: KeyValueCache | null = null,
  ): void {
    const [keysValues, places] = [cache?.keysValues_RSY ?? null, cache?.places_N ?? null];
    const call = new Call("attention", { out, lse, qkv, starts, keysValues, places });
    const { B, T, H, K, D } = shape;
    call.expectAttention("qkv", shape);
    call.expectMatrix("out", B * T, H * D);
    call.expectFloat32("lse", B * T * H);
    call.expectIndices("starts", B * T, { causal: { T } });
    const [R, S] = keysValues === null ? [B, T] : keysValues.shape;
    if (keysValues !== null) {
      if (keysValues.shape.length !== 3 || S < T)
        call.refuse("keysValues", `must be [rows, ${T} or more, ${2 * K * D}]`);
      call.expectMatrix("keysValues", R * S, 2 * K * D);
      call.expectIndices("places", B * T, { cached: { T, S, limit: R * S } });
    }
    this.emit(call.done({ outputs: 2, sizes: [...attentionSizes(shape, S), S] }));
  }

  attentionBackward(
    dQkv: Buffer,
    scratch: Buffer,
    dOut: Buffer,
    out: Buffer,
    lse: Buffer,
    qkv: Buffer,
    starts: Buffer,
    shape: AttentionShape,
  ): void {
    const call = new Call("attentionBackward", { dQkv, scratch, dOut, out, lse, qkv, starts });
    const { B, T, H, D } = shape;
    for (const name of ["dQkv", "qkv"] as const) call.expectAttention(name, shape);
    for (const name of ["dOut", "out"] as const) call.expectMatrix(name, B * T, H * D);
    for (const name of ["scratch", "lse"] as const) call.expectFloat32(name, B * T * H);
    call.expectIndices("starts", B * T, { causal: { T } });
    this.emit(call.done({ outputs: 2, sizes: attentionSizes(shape) }));
  }

  swiglu(out: Buffer, gateUp: Buffer): void {
    const call = new Call("swiglu", { out, gateUp });
    const { rows, width } = call.matrix("out");
    call.expectMatrix("gateUp", rows, 2 * width);
    this.emit(call.done({ outputs: 1, sizes: [rows, width] }));
  }

  swigluBackward(dGateUp: Buffer, dOut: Buffer, gateUp: Buffer): void {
    const call = new Call("swigluBackward", { dGateUp, dOut, gateUp });
    const { rows, width } = call.matrix("dOut");
    for (const name of ["dGateUp", "gateUp"] as const) call.expectMatrix(name, rows, 2 * width);
    this.emit(call.done({ outputs: 1, sizes: [rows, width], inPlace: [0, 2] }));
  }

  crossEntropy(
    loss: Buffer,
    logits: Buffer,
    targets: Buffer,
    mask: Buffer,
    scalars: Buffer,
    { vocabulary, gradient }: { readonly vocabulary: number; readonly gradient: boolean },
  ): void {
    const call = new Call("crossEntropy", { loss, logits, targets, mask, scalars });
    const { rows, width } = call.matrix("logits");
    call.expectFloat32("loss", rows);
    call.expectIndices("targets", rows, { limit: vocabulary });
    call.expectFloat32("mask", rows);
    call.expectFloat32("scalars", SCALARS.length);
    if (!Number.isSafeInteger(vocabulary) || vocabulary < 1 || vocabulary > width)
      call.refuse("logits", `must be at least as wide as the vocabulary, ${vocabulary}`);
    this.emit(call.done({ outputs: 2, sizes: [rows, width, vocabulary], flags: flag(gradient, 1) }));
  }

  squaredNorm(out: Buffer, x: Buffer): void {
    const call = new Call("squaredNorm", { out, x });
    call.expectFloat32("out", 1);
    call.expectSize("x", x.size);
    this.emit(call.done({ outputs: 1, sizes: [x.size] }));
  }

  adamw(
    weight: Buffer,
    moment1: Buffer,
    moment2: Buffer,
    gradient: Buffer,
    scalars: Buffer,
    { decays, master = null, first = 0 }: AdamwOptions,
  ): void {
    const call = new Call("adamw", { weight, moment1, moment2, gradient, master, scalars });
    for (const name of ["weight", "moment1", "moment2", "gradient"] as const) call.expectAnyFloats(name, weight.size);
    if (moment1.dtype !== moment2.dtype) call.refuse("moment2", "must be of moment1's type");
    if (master !== null) call.expectFloat32("master", weight.size);
    if (!Number.isSafeInteger(first) || first < 0 || first % 8 !== 0)
      call.refuse(null, `first must be a multiple of 8, not ${first}`);
    call.expectFloat32("scalars", SCALARS.length);
    this.emit(call.done({ outputs: 5, sizes: [weight.size, first], flags: flag(decays, 1) }));
  }
}

function flag(on: boolean | undefined, bit: number): number {
  return on === true ? bit : 0;
}

/** A window of all `S` keys is none. */
function attentionSizes({ B, T, H, K, D, window }: AttentionShape, S = T): number[] {
  return [B, T, H, K, D, window ?? S];
}

function checkColumns(call: Call<never>, from: number, width: number, wide: number): void {
  if (!Number.isSafeInteger(from) || from < 0 || from + width > wide)
    call.refuse(null, `columns ${from} to ${from + width} are not all within ${wide}`);
}
