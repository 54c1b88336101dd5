/**
 * Attention's kernels against float64: grouped heads, documents, windows, one token, large scores, the tiles of several cards. Allowed is
 * twice the error of plain loops that round where the kernels do.
 */
import { Buffer as Bytes } from "node:buffer";
import { expect, it } from "vitest";
import type { Storage } from "../../../../../src/engine/native/cuda/kernels/access.js";
import { attention, attentionBackward } from "../../../../../src/engine/native/cuda/kernels/attention.js";
import type { Card } from "../../../../../src/engine/native/cuda/runtime/card.js";
import type { AttentionShape } from "../../../../../src/engine/native/device.js";
import { type Arithmetic, EXACT, FLOAT32, looseFloat32 } from "../../../../reference/arithmetic.js";
import { distance } from "../../../tolerance.js";
import { type AttentionGradientArrays, plainAttention, plainAttentionBackward } from "../../plain-attention.js";
import { bf16Attention, bf16AttentionBackward } from "./attention-plain-bf16.js";
import { toBf16 } from "./bf16-values.js";
import { CARDS } from "./cards.js";
import { describeKernels, type KernelCase, normal, runOnCard } from "./kernel-cases.js";

interface Case extends AttentionShape {
  /** Tokens of a document; the last one of a row is cut. */
  readonly document: number;
  /** Standard deviation of q, k and v. */
  readonly size: number;
}

const ONE = { B: 1, H: 1, K: 1, window: null, size: 1 };
const CASES: readonly Case[] = [
  { ...ONE, T: 1, D: 8, document: 1 },
  { ...ONE, B: 3, T: 1, H: 3, D: 40, document: 5 },
  { ...ONE, B: 2, T: 17, H: 3, D: 8, document: 17 },
  { ...ONE, B: 2, T: 17, H: 3, K: 3, D: 40, window: 5, document: 7 },
  { ...ONE, T: 17, H: 8, K: 2, D: 128, window: 1, document: 17 },
  { ...ONE, T: 17, H: 8, K: 8, D: 8, document: 17 },
  { ...ONE, T: 64, D: 64, document: 1 },
  { ...ONE, T: 64, D: 6, document: 64 },
  { ...ONE, T: 65, H: 2, D: 64, document: 33 },
  { ...ONE, T: 130, H: 2, K: 2, D: 40, window: 64, document: 100, size: 3 },
  { ...ONE, T: 257, H: 3, D: 8, document: 257 },
  { ...ONE, B: 2, T: 257, D: 40, window: 100, document: 61, size: 4 },
  { ...ONE, T: 90, H: 2, D: 128, document: 70, size: 0.5 },
  { ...ONE, T: 70, D: 256, document: 50 },
];

const LOOSE_SEEDS = [1, 2, 3, 4];
/** Compared, in the order that they are checked; scratch is nobody's business. */
const RESULTS = ["out", "lse", "dQkv"] as const;

/** Where the document of every token starts in its row. */
function startsOf({ B, T, document }: Case): Int32Array {
  return Int32Array.from({ length: B * T }, (_, n) => Math.floor((n % T) / document) * document);
}

function kernelCase(one: Case, storage: Storage, card: Card): KernelCase {
  const { B, T, H, K, D } = one;
  const [N, X] = [B * T, (H + 2 * K) * D];
  const stored = (values: Float32Array): Float32Array => (storage === "bf16" ? values.map(toBf16) : values);
  return {
    storage,
    shapes: { out: [N, H * D], qkv: [N, X], dQkv: [N, X], dOut: [N, H * D], starts: [N] },
    f32: { lse: [N, H], scratch_NH: [N, H] },
    inputs: { qkv: stored(normal(N * X, one.size)), dOut: stored(normal(N * H * D)), starts: startsOf(one) },
    plain: [],
    launches: (at) => {
      const forward = { out: at("out"), lse: at("lse"), qkv: at("qkv"), starts: at("starts") };
      const backward = { ...forward, dQkv: at("dQkv"), scratch: at("scratch_NH"), dOut: at("dOut") };
      return [...attention(forward, one, storage, card), ...attentionBackward(backward, one, storage, card)];
    },
  };
}

/** What loops make of the inputs: exact ones keep float64 between forward and backward, others float32 or bf16. */
function plainRun({ inputs, storage }: KernelCase, one: Case, a: Arithmetic): AttentionGradientArrays {
  const { B, T, H, K, D } = one;
  const fresh = (size: number): Float64Array => new Float64Array(size).fill(Number.NaN);
  const N = B * T;
  const arrays = {
    ...{ out: fresh(N * H * D), lse: fresh(N * H), dQkv: fresh(N * (H + 2 * K) * D), scratch: fresh(N * H) },
    ...{ qkv: Float64Array.from(inputs["qkv"]), dOut: Float64Array.from(inputs["dOut"]), starts: startsOf(one) },
  };
  const inBf16 = storage === "bf16" && a !== EXACT;
  (inBf16 ? bf16Attention : plainAttention)(a, arrays, one);
  (inBf16 ? bf16AttentionBackward : plainAttentionBackward)(a, arrays, one);
  return arrays;
}

async function expectLikePlain(one: Case, storage: Storage, card: Card): Promise<void> {
  const kernels = kernelCase(one, storage, card);
  const exact = plainRun(kernels, one, EXACT);
  const plain = [FLOAT32, ...LOOSE_SEEDS.map(looseFloat32)].map((arithmetic) => plainRun(kernels, one, arithmetic));
  const [first, second] = [await runOnCard(kernels), await runOnCard(kernels)];
  for (const name of RESULTS) {
    expect(sameBits(first[name], second[name]), `${name}: the same bits`).toBe(true);
    const limit = 2 * Math.max(...plain.map((run) => distance(run[name], exact[name])));
    expect(distance(first[name], exact[name]), name).toBeLessThanOrEqual(limit);
  }
}

function sameBits(a: Float64Array, b: Float64Array): boolean {
  return Bytes.from(a.buffer).equals(Bytes.from(b.buffer));
}

/** Queries that are the last T of the tokens in a row of a cache. */
const CACHED = [
  { B: 1, T: 1, H: 1, K: 1, D: 8, window: null, S: 1, R: 1 },
  { B: 3, T: 1, H: 6, K: 2, D: 40, window: null, S: 90, R: 4 },
  { B: 2, T: 1, H: 4, K: 1, D: 128, window: 33, S: 200, R: 2 },
  { B: 1, T: 17, H: 2, K: 2, D: 6, window: 9, S: 30, R: 3 },
  { B: 2, T: 70, H: 2, K: 1, D: 64, window: null, S: 150, R: 2 },
] as const;

async function expectCachedLikePlain({ S, R, ...shape }: (typeof CACHED)[number], storage: Storage): Promise<void> {
  const { B, T, H, K, D } = shape;
  const [N, X, Y] = [B * T, (H + 2 * K) * D, 2 * K * D];
  const past = [S - T, Math.floor((S - T) / 2), 0];
  const places = Int32Array.from({ length: N }, (_, n) => {
    const row = Math.floor(n / T);
    return (R - 1 - row) * S + past[row] + (n % T);
  });
  const stored = (values: Float32Array): Float32Array => (storage === "bf16" ? values.map(toBf16) : values);
  const one: KernelCase = {
    storage,
    shapes: { out: [N, H * D], qkv: [N, X], cache: [R, S, Y], starts: [N], places: [N] },
    f32: { lse: [N, H] },
    inputs: {
      ...{ qkv: stored(normal(N * X)), cache: stored(normal(R * S * Y)), starts: new Int32Array(N), places },
    },
    plain: [],
    launches: (at) =>
      attention(
        {
          ...{ out: at("out"), lse: at("lse"), qkv: at("qkv"), starts: at("starts") },
          cache: { keysValues: at("cache"), places: at("places"), S },
        },
        shape,
        storage,
        CARDS.h100,
      ),
  };
  const compute = (a: Arithmetic) => {
    const arrays = {
      ...{ out: new Float64Array(N * H * D), lse: new Float64Array(N * H), starts: new Int32Array(N) },
      qkv: Float64Array.from(one.inputs["qkv"]),
      cache: { keysValues: Float64Array.from(one.inputs["cache"]), places, S },
    };
    (storage === "bf16" && a !== EXACT ? bf16Attention : plainAttention)(a, arrays, shape);
    return arrays;
  };
  const exact = compute(EXACT);
  const plain = [FLOAT32, ...LOOSE_SEEDS.map(looseFloat32)].map(compute);
  const [first, second] = [await runOnCard(one), await runOnCard(one)];
  for (const name of ["out", "lse"] as const) {
    expect(sameBits(first[name], second[name]), `${name}: the same bits`).toBe(true);
    const limit = 2 * Math.max(...plain.map((run) => distance(run[name], exact[name])));
    expect(distance(first[name], exact[name]), name).toBeLessThanOrEqual(limit);
  }
}

describeKernels("attention and its gradient", () => {
  it.each(CACHED.flatMap((one) => (["f32", "bf16"] as const).map((storage) => ({ ...one, storage }))))(
    "$storage over a cache: B $B, T $T, H $H, K $K, D $D, window $window, S $S",
    ({ storage, ...one }) => expectCachedLikePlain(one, storage),
  );

  const title = "B $B, T $T, H $H, K $K, D $D, window $window, documents of $document, size $size";
  it.each(CASES)(`f32: ${title}`, (one) => expectLikePlain(one, "f32", CARDS.h100));
  it.each(CASES)(`bf16: ${title}`, (one) => expectLikePlain(one, "bf16", CARDS.h100));

  /** One multiprocessor: few blocks keep it busy, so the large tiles are chosen, which would need a long row otherwise. */
  const large = { ...ONE, T: 150, H: 2, window: 90, document: 140 };
  it.each([
    { card: CARDS.a100, D: 128 },
    { card: CARDS.h100, D: 128 },
    { card: CARDS.h100, D: 64 },
    { card: CARDS.rtx4090, D: 64 },
  ])("bf16 in the large tiles of $card.name, D $D", ({ card, D }) =>
    expectLikePlain({ ...large, D }, "bf16", { ...card, multiprocessors: 1 }),
  );

  it.each(["f32", "bf16"] as const)("%s: what lies in blocks of another document is never read", async (storage) => {
    const one: Case = { ...ONE, T: 256, D: 8, document: 128 };
    const clean = kernelCase(one, storage, CARDS.h100);
    const poison = (values: Float32Array | Int32Array): Float32Array =>
      Float32Array.from(values, (value, index) => (index < values.length / 2 ? Number.NaN : value));
    const inputs = { ...clean.inputs, qkv: poison(clean.inputs["qkv"]), dOut: poison(clean.inputs["dOut"]) };
    const [expected, found] = [await runOnCard(clean), await runOnCard({ ...clean, inputs })];
    for (const name of RESULTS) {
      const half = expected[name].length / 2;
      expect(sameBits(found[name].slice(half), expected[name].slice(half)), name).toBe(true);
      expect(found[name].slice(half).some(Number.isNaN), name).toBe(false);
    }
  });
});
