/** Causal grouped-query attention within documents and a sliding window, query by query, and its gradient. */

import type { Batch } from "../../src/data/batch.js";
import type { Architecture } from "../../src/model/architecture.js";
import { type Arithmetic, at, dot, sum, type Values } from "./arithmetic.js";

/** The keys that one query of one head sees, as indices of tokens (rows of [N, ·]), and what it makes of them. */
interface Look {
  readonly token: number;
  readonly head: number;
  /** First and number of the tokens that are seen. */
  readonly first: number;
  readonly count: number;
  /** Softmax over them. */
  readonly weights: Values;
}

/** Where value d of a head of a token stands in [N, heads, D]. */
function place(headWidth: number, heads: number, token: number, head: number): number {
  return (token * heads + head) * headWidth;
}

/** Key/value head that a query head reads. */
function sharedHead({ heads, kvHeads }: Architecture, head: number): number {
  return Math.floor(head / (heads / kvHeads));
}

function looks(a: Arithmetic, architecture: Architecture, batch: Batch, q: Values, k: Values): Look[] {
  const { heads, kvHeads, headWidth, slidingWindow } = architecture;
  const all: Look[] = [];
  for (let token = 0; token < batch.rows * batch.length; token++) {
    const position = token % batch.length;
    const document = batch.documentStart_BT[token] as number;
    const from = Math.max(document, slidingWindow === null ? 0 : position - slidingWindow + 1);
    const first = token - position + from;
    for (let head = 0; head < heads; head++) {
      const query = place(headWidth, heads, token, head);
      const scores = Float64Array.from({ length: position - from + 1 }, (_, seen) => {
        const key = place(headWidth, kvHeads, first + seen, sharedHead(architecture, head));
        const product = dot(a, headWidth, { values: q, start: query, stride: 1 }, { values: k, start: key, stride: 1 });
        return a.round(product * a.round(1 / Math.sqrt(headWidth)));
      });
      all.push({ token, head, first, count: scores.length, weights: softmax(a, scores) });
    }
  }
  return all;
}

/** exp(z − max) / Σ exp(z − max). */
export function softmax(a: Arithmetic, scores: Values): Values {
  const top = Math.max(...scores);
  const powers = scores.map((score) => a.round(Math.exp(a.round(score - top))));
  const total = sum(a, powers.length, (index) => at(powers, index));
  return powers.map((power) => a.round(power / total));
}

/** q [N, H, D], k and v [N, K, D] → [N, H, D]. */
export function attention(
  a: Arithmetic,
  architecture: Architecture,
  batch: Batch,
  { q, k, v }: { readonly q: Values; readonly k: Values; readonly v: Values },
): Values {
  const { heads, kvHeads, headWidth } = architecture;
  const mixed = new Float64Array(q.length);
  for (const { token, head, first, count, weights } of looks(a, architecture, batch, q, k)) {
    for (let d = 0; d < headWidth; d++) {
      const start = place(headWidth, kvHeads, first, sharedHead(architecture, head)) + d;
      const line = { values: v, start, stride: kvHeads * headWidth };
      mixed[place(headWidth, heads, token, head) + d] = dot(a, count, { values: weights, start: 0, stride: 1 }, line);
    }
  }
  return mixed;
}

/** For each look: dp = dy·v, ds = p (dp − Σ p dp), then ds/√D flows to q and k, and p·dy to v. */
export function attentionGradient(
  a: Arithmetic,
  architecture: Architecture,
  batch: Batch,
  { q, k, v }: { readonly q: Values; readonly k: Values; readonly v: Values },
  dMixed: Values,
): { readonly dq: Values; readonly dk: Values; readonly dv: Values } {
  const { heads, kvHeads, headWidth } = architecture;
  const dq = new Float64Array(q.length);
  const dk = new Float64Array(k.length);
  const dv = new Float64Array(v.length);
  const grow = (into: Values, index: number, term: number): void => {
    into[index] = a.round(at(into, index) + a.round(term));
  };
  for (const { token, head, first, count, weights } of looks(a, architecture, batch, q, k)) {
    const query = place(headWidth, heads, token, head);
    const keyOf = (seen: number): number => place(headWidth, kvHeads, first + seen, sharedHead(architecture, head));
    const dWeights = Float64Array.from({ length: count }, (_, seen) =>
      dot(a, headWidth, { values: dMixed, start: query, stride: 1 }, { values: v, start: keyOf(seen), stride: 1 }),
    );
    const mean = sum(a, count, (seen) => a.round(at(weights, seen) * at(dWeights, seen)));
    for (let seen = 0; seen < count; seen++) {
      const dScore = a.round(at(weights, seen) * a.round(at(dWeights, seen) - mean));
      const dProduct = a.round(dScore * a.round(1 / Math.sqrt(headWidth)));
      for (let d = 0; d < headWidth; d++) {
        grow(dq, query + d, dProduct * at(k, keyOf(seen) + d));
        grow(dk, keyOf(seen) + d, dProduct * at(q, query + d));
        grow(dv, keyOf(seen) + d, at(weights, seen) * at(dMixed, query + d));
      }
    }
  }
  return { dq, dk, dv };
}
