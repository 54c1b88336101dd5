/** Attention and its gradient: grouped heads, documents, sliding windows, one token, large scores. */
import { it } from "vitest";
import type { AttentionShape } from "../../../../src/engine/native/device.js";
import { describeKernels, expectLikePlain, type KernelCase, normal } from "./kernel-devices.js";

interface Case extends AttentionShape {
  /** Tokens of a document; the last one of a row is cut. */
  readonly document: number;
  /** Standard deviation of q, k and v. */
  readonly size: number;
}

const CASES: readonly Case[] = [
  { B: 1, T: 1, H: 1, K: 1, D: 8, window: null, document: 1, size: 1 },
  { B: 3, T: 1, H: 3, K: 1, D: 40, window: null, document: 5, size: 1 },
  { B: 2, T: 17, H: 3, K: 1, D: 8, window: null, document: 17, size: 1 },
  { B: 2, T: 17, H: 3, K: 3, D: 40, window: 5, document: 7, size: 1 },
  { B: 1, T: 17, H: 4, K: 2, D: 128, window: 1, document: 17, size: 1 },
  { B: 1, T: 64, H: 1, K: 1, D: 6, window: null, document: 1, size: 1 },
  { B: 1, T: 65, H: 2, K: 1, D: 64, window: null, document: 33, size: 1 },
  { B: 1, T: 130, H: 2, K: 2, D: 12, window: 64, document: 100, size: 3 },
  { B: 1, T: 257, H: 3, K: 1, D: 8, window: null, document: 257, size: 1 },
  { B: 2, T: 257, H: 1, K: 1, D: 40, window: 100, document: 61, size: 4 },
  { B: 1, T: 90, H: 2, K: 1, D: 128, window: null, document: 70, size: 0.5 },
];

/** Where the document of every token starts in its row. */
function starts({ B, T, document }: Case): Int32Array {
  return Int32Array.from({ length: B * T }, (_, n) => Math.floor((n % T) / document) * document);
}

function caseOf(shape: Case, backward: boolean): KernelCase {
  const { B, T, H, K, D, size } = shape;
  const [N, X] = [B * T, (H + 2 * K) * D];
  return {
    shapes: {
      ...{ out: [N, H * D], lse: [N, H], qkv: [N, X], starts: [N] },
      ...(backward ? { dQkv: [N, X], scratch: [N, H], dOut: [N, H * D] } : {}),
    },
    inputs: { qkv: normal(N * X, size), starts: starts(shape), ...(backward ? { dOut: normal(N * H * D) } : {}) },
    looseRuns: B * T * H > 200 ? 1 : 4,
    program: (operations, get) => {
      const [out, lse, qkv, begin] = ["out", "lse", "qkv", "starts"].map(get);
      operations.attention(out, lse, qkv, begin, shape);
      if (!backward) return;
      const [dQkv, scratch, dOut] = ["dQkv", "scratch", "dOut"].map(get);
      operations.attentionBackward(dQkv, scratch, dOut, out, lse, qkv, begin, shape);
    },
  };
}

/** Queries that are the last T of the tokens in a row of a cache: rows in no order, some at its beginning, some at its end. */
const CACHED = [
  { B: 1, T: 1, H: 1, K: 1, D: 8, window: null, S: 1, R: 1 },
  { B: 3, T: 1, H: 6, K: 2, D: 40, window: null, S: 90, R: 4 },
  { B: 2, T: 1, H: 4, K: 1, D: 128, window: 33, S: 200, R: 2 },
  { B: 1, T: 17, H: 2, K: 2, D: 6, window: 9, S: 30, R: 3 },
  { B: 2, T: 70, H: 2, K: 1, D: 12, window: null, S: 150, R: 2 },
] as const;

function cachedCase({ S, R, ...shape }: (typeof CACHED)[number]): KernelCase {
  const { B, T, H, K, D } = shape;
  const N = B * T;
  const past = [S - T, Math.floor((S - T) / 2), 0];
  const places = Array.from({ length: N }, (_, n) => {
    const row = Math.floor(n / T);
    return (R - 1 - row) * S + past[row] + (n % T);
  });
  return {
    shapes: {
      out: [N, H * D],
      lse: [N, H],
      qkv: [N, (H + 2 * K) * D],
      starts: [N],
      cache: [R, S, 2 * K * D],
      places: [N],
    },
    inputs: {
      ...{ qkv: normal(N * (H + 2 * K) * D), starts: new Int32Array(N) },
      ...{ cache: normal(R * S * 2 * K * D), places: Int32Array.from(places) },
    },
    program: (operations, get) => {
      const [out, lse, qkv, starts, keysValues_RSY, places_N] = ["out", "lse", "qkv", "starts", "cache", "places"].map(
        get,
      );
      operations.attention(out, lse, qkv, starts, shape, { keysValues_RSY, places_N });
    },
  };
}

describeKernels("attention", (devices) => {
  const title = "B $B, T $T, H $H, K $K, D $D, window $window, documents of $document, size $size";
  it.each(CASES)(`forward: ${title}`, (shape) => expectLikePlain(devices, caseOf(shape, false)));
  it.each(CACHED)("over a cache: B $B, T $T, H $H, K $K, D $D, window $window, S $S", (shape) =>
    expectLikePlain(devices, cachedCase(shape)),
  );
  it.each(CASES)(`backward: ${title}`, (shape) => expectLikePlain(devices, caseOf(shape, true), ["scratch"]));
});
