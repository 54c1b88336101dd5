/**
 * Every operation of `device.ts` as the loops that its docstring describes: slow, written to be read, and the oracle of all devices.
 *
 * Values live in plain arrays; `arithmetic.round` is applied to every single result, so that the same loops give the exact answer
 * (float64) and the error to expect from float32. Shapes are taken from the buffers and trusted: `operations.ts` checks them.
 */
import type {
  AdamwOptions,
  AttentionShape,
  Buffer,
  KeyValueCache,
  MatmulOptions,
  Operations,
} from "../../../src/engine/native/device.js";
import { type Arithmetic, sum } from "../../reference/arithmetic.js";
import { plainAdamw } from "./plain-adamw.js";
import { type PlainCache, plainAttention, plainAttentionBackward } from "./plain-attention.js";
import { rowsOf, scalarOf, valuesOf } from "./plain-buffer.js";

/** Runs each operation at once. */
export class PlainOperations implements Operations {
  private readonly round: (value: number) => number;

  /** @param exact whether bf16 buffers hold what they are given, unrounded. */
  constructor(
    private readonly arithmetic: Arithmetic,
    private readonly exact: boolean,
  ) {
    this.round = arithmetic.round;
  }

  zero(out: Buffer): void {
    valuesOf(out).fill(0);
  }

  embed(out_NC: Buffer, table_VC: Buffer, ids_N: Buffer): void {
    const [out, table, ids] = [out_NC, table_VC, ids_N].map(valuesOf);
    const { rows, width } = rowsOf(out_NC);
    for (let n = 0; n < rows; n++) for (let c = 0; c < width; c++) out[n * width + c] = table[ids[n] * width + c];
  }

  embedBackward(dTable_VC: Buffer, dOut_NC: Buffer, ids_N: Buffer): void {
    const [dTable, dOut, ids] = [dTable_VC, dOut_NC, ids_N].map(valuesOf);
    const { rows, width } = rowsOf(dOut_NC);
    for (let n = 0; n < rows; n++)
      for (let c = 0; c < width; c++) {
        const entry = ids[n] * width + c;
        dTable[entry] = this.round(dTable[entry] + dOut[n * width + c]);
      }
  }

  rmsNorm(
    out_NC: Buffer,
    rstd_N: Buffer,
    residual_NC: Buffer,
    delta_NC: Buffer | null,
    weight_C: Buffer,
    epsilon: number,
  ): void {
    const { round, arithmetic } = this;
    if (delta_NC !== null) this.add(residual_NC, delta_NC);
    const [out, rstd, x, weight] = [out_NC, rstd_N, residual_NC, weight_C].map(valuesOf);
    const width = weight_C.size;
    for (let n = 0; n < x.length / width; n++) {
      const squares = sum(arithmetic, width, (c) => round(x[n * width + c] ** 2));
      rstd[n] = round(1 / round(Math.sqrt(round(round(squares / width) + epsilon))));
      for (let c = 0; c < width; c++) out[n * width + c] = round(round(x[n * width + c] * rstd[n]) * weight[c]);
    }
  }

  rmsNormBackward(
    dX_NC: Buffer,
    dWeight_C: Buffer,
    dOut_NC: Buffer,
    x_NC: Buffer,
    rstd_N: Buffer,
    weight_C: Buffer,
    options: { readonly overwrite?: boolean } = {},
  ): void {
    const { round, arithmetic } = this;
    const [dX, dWeight, dOut, x, rstd, weight] = [dX_NC, dWeight_C, dOut_NC, x_NC, rstd_N, weight_C].map(valuesOf);
    const width = weight_C.size;
    for (let n = 0; n < x_NC.size / width; n++) {
      const row = n * width;
      const g = Float64Array.from({ length: width }, (_, c) => round(weight[c] * dOut[row + c]));
      const mean = round(sum(arithmetic, width, (c) => round(g[c] * x[row + c])) / width);
      for (let c = 0; c < width; c++) {
        const unit = round(x[row + c] * rstd[n]);
        dWeight[c] = round(dWeight[c] + round(dOut[row + c] * unit));
        const along = round(round(unit * rstd[n]) * mean);
        const gradient = round(rstd[n] * round(g[c] - along));
        dX[row + c] = options.overwrite === true ? gradient : round(dX[row + c] + gradient);
      }
    }
  }

  matmul(out_MN: Buffer, a: Buffer, b: Buffer, { transposeA, transposeB, plus }: MatmulOptions = {}): void {
    const { round } = this;
    const [out, left, right] = [out_MN, a, b].map(valuesOf);
    const { rows: M, width: N } = rowsOf(out_MN);
    const K = a.size / M;
    for (let m = 0; m < M; m++)
      for (let n = 0; n < N; n++) {
        let total = 0;
        for (let k = 0; k < K; k++) {
          const x = left[transposeA === true ? k * M + m : m * K + k];
          const y = right[transposeB === true ? n * K + k : k * N + n];
          total = round(total + round(x * y));
        }
        out[m * N + n] = plus === undefined ? total : round(valuesOf(plus)[m * N + n] + total);
      }
  }

  addBias(out_NC: Buffer, bias_C: Buffer): void {
    const [out, bias] = [out_NC, bias_C].map(valuesOf);
    for (let index = 0; index < out.length; index++) out[index] = this.round(out[index] + bias[index % bias.length]);
  }

  addBiasBackward(dBias_C: Buffer, dOut_NC: Buffer): void {
    const [dBias, dOut] = [dBias_C, dOut_NC].map(valuesOf);
    for (let index = 0; index < dOut.length; index++) {
      const c = index % dBias.length;
      dBias[c] = this.round(dBias[c] + dOut[index]);
    }
  }

  add(out_: Buffer, x_: Buffer): void {
    const [out, x] = [out_, x_].map(valuesOf);
    for (let index = 0; index < out.length; index++) out[index] = this.round(out[index] + x[index]);
  }

  copy(out: Buffer, x: Buffer): void {
    valuesOf(out).set(valuesOf(x));
  }

  sliceColumns(out_: Buffer, x_: Buffer, from: number): void {
    const [out, x] = [out_, x_].map(valuesOf);
    const [{ rows, width }, { width: wide }] = [out_, x_].map(rowsOf);
    for (let n = 0; n < rows; n++) for (let c = 0; c < width; c++) out[n * width + c] = x[n * wide + from + c];
  }

  placeColumns(out_: Buffer, x_: Buffer, from: number): void {
    const [out, x] = [out_, x_].map(valuesOf);
    const [{ rows, width: wide }, { width }] = [out_, x_].map(rowsOf);
    for (let n = 0; n < rows; n++) for (let c = 0; c < width; c++) out[n * wide + from + c] = x[n * width + c];
  }

  rope(
    qkv_NX: Buffer,
    table_TD: Buffer,
    positions_N: Buffer,
    { H, K, D }: AttentionShape,
    options: { readonly inverse?: boolean } = {},
  ): void {
    const { round } = this;
    const [qkv, table, positions] = [qkv_NX, table_TD, positions_N].map(valuesOf);
    const half = D / 2;
    for (let n = 0; n < positions.length; n++)
      for (let head = 0; head < H + K; head++)
        for (let d = 0; d < half; d++) {
          const first = (n * (H + 2 * K) + head) * D + d;
          const cosine = table[positions[n] * D + d];
          const sine = table[positions[n] * D + half + d] * (options.inverse === true ? -1 : 1);
          const [x1, x2] = [qkv[first], qkv[first + half]];
          qkv[first] = round(round(x1 * cosine) - round(x2 * sine));
          qkv[first + half] = round(round(x2 * cosine) + round(x1 * sine));
        }
  }

  placeRows(out_MY: Buffer, x_NX: Buffer, rows_N: Buffer, from: number): void {
    const [out, x, places] = [out_MY, x_NX, rows_N].map(valuesOf);
    const [{ width }, { rows, width: wide }] = [out_MY, x_NX].map(rowsOf);
    for (let n = 0; n < rows; n++) for (let c = 0; c < width; c++) out[places[n] * width + c] = x[n * wide + from + c];
  }

  attention(
    out_NX: Buffer,
    lse_NH: Buffer,
    qkv_NX: Buffer,
    starts_N: Buffer,
    shape: AttentionShape,
    cache: KeyValueCache | null = null,
  ): void {
    const [out, lse, qkv, starts] = [out_NX, lse_NH, qkv_NX, starts_N].map(valuesOf);
    const plain = cache === null ? null : plainCache(cache);
    plainAttention(this.arithmetic, { out, lse, qkv, starts, cache: plain }, shape);
  }

  attentionBackward(
    dQkv_NX: Buffer,
    scratch_NH: Buffer,
    dOut_NX: Buffer,
    out_NX: Buffer,
    lse_NH: Buffer,
    qkv_NX: Buffer,
    starts_N: Buffer,
    shape: AttentionShape,
  ): void {
    const [dQkv, scratch, dOut, out] = [dQkv_NX, scratch_NH, dOut_NX, out_NX].map(valuesOf);
    const [lse, qkv, starts] = [lse_NH, qkv_NX, starts_N].map(valuesOf);
    plainAttentionBackward(this.arithmetic, { dQkv, scratch, dOut, out, lse, qkv, starts }, shape);
  }

  swiglu(out_NF: Buffer, gateUp_NX: Buffer): void {
    const { round } = this;
    const [out, gateUp] = [out_NF, gateUp_NX].map(valuesOf);
    const { rows, width: F } = rowsOf(out_NF);
    for (let n = 0; n < rows; n++)
      for (let f = 0; f < F; f++) {
        const [gate, up] = [gateUp[n * 2 * F + f], gateUp[n * 2 * F + F + f]];
        out[n * F + f] = round(round(gate * this.sigmoid(gate)) * up);
      }
  }

  swigluBackward(dGateUp_NX: Buffer, dOut_NF: Buffer, gateUp_NX: Buffer): void {
    const { round } = this;
    const [dGateUp, dOut, gateUp] = [dGateUp_NX, dOut_NF, gateUp_NX].map(valuesOf);
    const { rows, width: F } = rowsOf(dOut_NF);
    for (let n = 0; n < rows; n++)
      for (let f = 0; f < F; f++) {
        const at = n * 2 * F + f;
        const [gate, up, d] = [gateUp[at], gateUp[at + F], dOut[n * F + f]];
        const s = this.sigmoid(gate);
        const slope = round(s * round(1 + round(gate * round(1 - s))));
        dGateUp[at] = round(round(d * up) * slope);
        dGateUp[at + F] = round(d * round(gate * s));
      }
  }

  /** 1 / (1 + exp(−x)), without a power that could overflow. */
  private sigmoid(x: number): number {
    const power = this.round(Math.exp(-Math.abs(x)));
    return this.round((x < 0 ? power : 1) / this.round(1 + power));
  }

  crossEntropy(
    loss_N: Buffer,
    logits_NV: Buffer,
    targets_N: Buffer,
    mask_N: Buffer,
    scalars: Buffer,
    { vocabulary, gradient }: { readonly vocabulary: number; readonly gradient: boolean },
  ): void {
    const { round, arithmetic } = this;
    const [loss, logits, targets, mask] = [loss_N, logits_NV, targets_N, mask_N].map(valuesOf);
    const { rows, width: Vp } = rowsOf(logits_NV);
    const scale = scalarOf(scalars, "lossScale");
    for (let n = 0; n < rows; n++) {
      const row = logits.subarray(n * Vp, (n + 1) * Vp);
      const top = Math.max(...row.subarray(0, vocabulary));
      const powers = Float64Array.from({ length: vocabulary }, (_, v) => round(Math.exp(round(row[v] - top))));
      const total = sum(arithmetic, vocabulary, (v) => powers[v]);
      loss[n] = round(mask[n] * round(round(round(Math.log(total)) + top) - row[targets[n]]));
      if (!gradient) continue;
      for (let v = 0; v < Vp; v++) {
        const p = v < vocabulary ? round(powers[v] / total) : 0;
        row[v] = round(round(scale * mask[n]) * round(p - (v === targets[n] ? 1 : 0)));
      }
    }
  }

  squaredNorm(out: Buffer, x_: Buffer): void {
    const x = valuesOf(x_);
    let total = 0;
    for (let index = 0; index < x.length; index++) total += x[index] ** 2;
    valuesOf(out)[0] = this.round(total);
  }

  adamw(
    weight: Buffer,
    moment1: Buffer,
    moment2: Buffer,
    gradient: Buffer,
    scalars: Buffer,
    options: AdamwOptions,
  ): void {
    plainAdamw(this.arithmetic, this.exact, { weight, moment1, moment2, gradient, scalars }, options);
  }
}

function plainCache({ keysValues_RSY, places_N }: KeyValueCache): PlainCache {
  return { keysValues: valuesOf(keysValues_RSY), places: valuesOf(places_N), S: keysValues_RSY.shape[1] };
}
