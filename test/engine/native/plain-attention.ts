/** Causal grouped-query attention over packed q, k, v and its gradient, one query of one head at a time. */
import type { AttentionShape } from "../../../src/engine/native/device.js";
import { type Arithmetic, sum } from "../../reference/arithmetic.js";
import type { PlainValues } from "./plain-buffer.js";

export interface AttentionArrays {
  readonly out: PlainValues;
  readonly lse: PlainValues;
  readonly qkv: PlainValues;
  readonly starts: PlainValues;
  readonly cache?: PlainCache | null;
}

/** As `KeyValueCache`; S tokens a row. */
export interface PlainCache {
  readonly keysValues: PlainValues;
  readonly places: PlainValues;
  readonly S: number;
}

export interface AttentionGradientArrays extends AttentionArrays {
  readonly dQkv: PlainValues;
  readonly scratch: PlainValues;
  readonly dOut: PlainValues;
}

/** One query of one head: where its values begin, and what it sees. */
interface Query {
  /** Its place in [N, H]. */
  readonly at: number;
  /** Where its q begins in qkv, and its out in out. */
  readonly q: number;
  readonly out: number;
  /** Number of keys seen; where the k and v of the `seen`-th begin among the keys and values: in qkv, or in the cache. */
  readonly count: number;
  readonly k: (seen: number) => number;
  readonly v: (seen: number) => number;
}

function queries(
  { B, T, H, K, D, window }: AttentionShape,
  starts: PlainValues,
  cache: PlainCache | null = null,
): Query[] {
  const width = (H + 2 * K) * D;
  const [keyWidth, keyFrom] = cache === null ? [width, H * D] : [2 * K * D, 0];
  const all: Query[] = [];
  for (let n = 0; n < B * T; n++) {
    const place = cache === null ? n : cache.places[n];
    const i = place % (cache?.S ?? T);
    const first = Math.max(starts[n], window === null ? 0 : i - window + 1);
    for (let h = 0; h < H; h++) {
      const shared = Math.floor((h * K) / H);
      const row = (seen: number): number => (place - i + first + seen) * keyWidth + keyFrom;
      all.push({
        at: n * H + h,
        q: n * width + h * D,
        out: (n * H + h) * D,
        count: i - first + 1,
        k: (seen) => row(seen) + shared * D,
        v: (seen) => row(seen) + (K + shared) * D,
      });
    }
  }
  return all;
}

function scoresOf(a: Arithmetic, qkv: PlainValues, query: Query, D: number, keys = qkv): Float64Array {
  return Float64Array.from({ length: query.count }, (_, seen) =>
    a.round(sum(a, D, (d) => a.round(qkv[query.q + d] * keys[query.k(seen) + d])) * a.round(1 / Math.sqrt(D))),
  );
}

export function plainAttention(
  a: Arithmetic,
  { out, lse, qkv, starts, cache = null }: AttentionArrays,
  shape: AttentionShape,
): void {
  const { D } = shape;
  const keysValues = cache?.keysValues ?? qkv;
  for (const query of queries(shape, starts, cache)) {
    const scores = scoresOf(a, qkv, query, D, keysValues);
    const top = Math.max(...scores);
    const powers = scores.map((score) => a.round(Math.exp(a.round(score - top))));
    const total = sum(a, query.count, (seen) => powers[seen]);
    lse[query.at] = a.round(top + a.round(Math.log(total)));
    for (let d = 0; d < D; d++)
      out[query.out + d] = sum(a, query.count, (seen) =>
        a.round(a.round(powers[seen] / total) * keysValues[query.v(seen) + d]),
      );
  }
}

/** With p = exp(score − lse), dp = dOut·v and δ = Σ dOut·out: dv += p dOut, ds = p (dp − δ)/√D, dq += ds k, dk += ds q. */
export function plainAttentionBackward(
  a: Arithmetic,
  { dQkv, scratch, dOut, out, lse, qkv, starts }: AttentionGradientArrays,
  shape: AttentionShape,
): void {
  const { D } = shape;
  dQkv.fill(0);
  const grow = (index: number, term: number): void => {
    dQkv[index] = a.round(dQkv[index] + a.round(term));
  };
  for (const query of queries(shape, starts)) {
    const scores = scoresOf(a, qkv, query, D);
    scratch[query.at] = sum(a, D, (d) => a.round(dOut[query.out + d] * out[query.out + d]));
    for (let seen = 0; seen < query.count; seen++) {
      const [k, v] = [query.k(seen), query.v(seen)];
      const p = a.round(Math.exp(a.round(scores[seen] - lse[query.at])));
      const dp = sum(a, D, (d) => a.round(dOut[query.out + d] * qkv[v + d]));
      const ds = a.round(a.round(p * a.round(dp - scratch[query.at])) * a.round(1 / Math.sqrt(D)));
      for (let d = 0; d < D; d++) {
        grow(v + d, p * dOut[query.out + d]);
        grow(query.q + d, ds * qkv[k + d]);
        grow(k + d, ds * qkv[query.q + d]);
      }
    }
  }
}
