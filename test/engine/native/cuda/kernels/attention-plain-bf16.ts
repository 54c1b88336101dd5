/**
 * Attention and its gradient with bf16 at the places where the tensor-core kernels have it: q, k, v, dOut, the factors p and dScore of
 * products, and the results. Everything between is computed with the arithmetic given. The softmax is that of the kernels: powers are
 * rounded before they are divided by their sum, which is taken of powers that were not.
 */
import type { AttentionShape } from "../../../../../src/engine/native/device.js";
import { type Arithmetic, sum } from "../../../../reference/arithmetic.js";
import type { AttentionArrays, AttentionGradientArrays, PlainCache } from "../../plain-attention.js";
import type { PlainValues } from "../../plain-buffer.js";
import { toBf16 } from "./bf16-values.js";

interface Look {
  /** Of the query: its place in [N, H], where q and its out begin. */
  readonly at: number;
  readonly q: number;
  readonly out: number;
  /** Where the keys and values it sees begin. */
  readonly k: readonly number[];
  readonly v: readonly number[];
}

function* looks(
  { B, T, H, K, D, window }: AttentionShape,
  starts: PlainValues,
  cache: PlainCache | null = null,
): Generator<Look> {
  const width = (H + 2 * K) * D;
  const [keyWidth, keyFrom] = cache === null ? [width, H * D] : [2 * K * D, 0];
  for (let n = 0; n < B * T; n++) {
    const place = cache === null ? n : cache.places[n];
    const at = place % (cache?.S ?? T);
    const first = Math.max(starts[n], window === null ? 0 : at - window + 1);
    const tokens = Array.from({ length: at - first + 1 }, (_, seen) => place - at + first + seen);
    for (let h = 0; h < H; h++) {
      const k = tokens.map((token) => token * keyWidth + keyFrom + Math.floor((h * K) / H) * D);
      yield { at: n * H + h, q: n * width + h * D, out: (n * H + h) * D, k, v: k.map((at) => at + K * D) };
    }
  }
}

/** Scaled product of two heads. */
function product(a: Arithmetic, x: PlainValues, at: number, y: PlainValues, other: number, D: number): number {
  return sum(a, D, (d) => a.round(x[at + d] * y[other + d]));
}

function scoresOf(a: Arithmetic, qkv: PlainValues, { q, k }: Look, D: number, keys = qkv): number[] {
  return k.map((at) => a.round(product(a, qkv, q, keys, at, D) * a.round(1 / Math.sqrt(D))));
}

export function bf16Attention(
  a: Arithmetic,
  { out, lse, qkv, starts, cache = null }: AttentionArrays,
  shape: AttentionShape,
): void {
  const { D } = shape;
  const keysValues = cache?.keysValues ?? qkv;
  for (const look of looks(shape, starts, cache)) {
    const scores = scoresOf(a, qkv, look, D, keysValues);
    const top = Math.max(...scores);
    const powers = scores.map((score) => a.round(Math.exp(a.round(score - top))));
    const total = sum(a, powers.length, (seen) => powers[seen]);
    lse[look.at] = a.round(top + a.round(Math.log(total)));
    for (let d = 0; d < D; d++) {
      const mixed = sum(a, powers.length, (seen) => a.round(toBf16(powers[seen]) * keysValues[look.v[seen] + d]));
      out[look.out + d] = toBf16(a.round(mixed / total));
    }
  }
}

export function bf16AttentionBackward(
  a: Arithmetic,
  { dQkv, scratch, dOut, out, lse, qkv, starts }: AttentionGradientArrays,
  shape: AttentionShape,
): void {
  const { D } = shape;
  const scale = a.round(1 / Math.sqrt(D));
  const sums = new Float64Array(dQkv.length);
  const grow = (index: number, term: number): void => {
    sums[index] = a.round(sums[index] + a.round(term));
  };
  for (const look of looks(shape, starts)) {
    scratch[look.at] = product(a, dOut, look.out, out, look.out, D);
    scoresOf(a, qkv, look, D).forEach((score, seen) => {
      const p = a.round(Math.exp(a.round(score - lse[look.at])));
      const dp = product(a, dOut, look.out, qkv, look.v[seen], D);
      const dScore = toBf16(a.round(p * a.round(dp - scratch[look.at])));
      for (let d = 0; d < D; d++) {
        grow(look.v[seen] + d, toBf16(p) * dOut[look.out + d]);
        grow(look.q + d, dScore * qkv[look.k[seen] + d]);
        grow(look.k[seen] + d, dScore * qkv[look.q + d]);
      }
    });
  }
  const { H, K } = shape;
  for (const [index, value] of sums.entries()) {
    const isValue = index % ((H + 2 * K) * D) >= (H + K) * D;
    dQkv[index] = toBf16(isValue ? value : a.round(value * scale));
  }
}
