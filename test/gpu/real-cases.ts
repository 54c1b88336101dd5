/**
 * Operations at the sizes of real models (8192 tokens, width 4096, heads 128 wide, rows of 4096 tokens, a vocabulary of 128256), with where
 * their values come from. HEPHAESTUS_GPU_SIZES=small takes small ones instead, to try the suite out where a card is emulated.
 */
import { type AttentionShape, type Buffer, type Operations, SCALARS } from "../../src/engine/native/device.js";

export const SMALL: boolean = process.env["HEPHAESTUS_GPU_SIZES"] === "small";

/** Where a buffer's first values come from. */
export type Source =
  | { readonly kind: "normal"; readonly deviation: number; readonly mean?: number; readonly absolute?: boolean }
  | { readonly kind: "indices"; readonly limit: number }
  | { readonly kind: "values"; readonly values: readonly number[] }
  | { readonly kind: "starts"; readonly T: number; readonly document: number }
  /** Is overwritten: holds NaN at first. */
  | { readonly kind: "nothing" };

export interface CaseBuffer {
  readonly shape: readonly number[];
  /** `matrix`: as the case's storage says. */
  readonly dtype: "matrix" | "f32" | "i32";
  readonly from: Source;
  /** Whether it is written, and compared. */
  readonly out?: boolean;
}

export interface RealCase {
  readonly title: string;
  /** As the oracle knows it. */
  readonly op: string;
  readonly sizes: Readonly<Record<string, number | boolean | null>>;
  readonly buffers: Readonly<Record<string, CaseBuffer>>;
  readonly call: (ops: Operations, buffer: (name: string) => Buffer) => void;
}

const pick = (real: number, small: number): number => (SMALL ? small : real);
const N = pick(8192, 20);
const C = pick(4096, 40);
const D = pick(128, 64);
const F = pick(14336, 56);
const V = pick(128_256, 130);
const T = pick(4096, 96);

const normal = (deviation = 1, more: { readonly mean?: number; readonly absolute?: boolean } = {}): Source => ({
  ...{ kind: "normal", deviation },
  ...more,
});
const NOTHING: Source = { kind: "nothing" };
const matrix = (shape: readonly number[], from: Source, out = false): CaseBuffer => ({
  shape,
  dtype: "matrix",
  from,
  out,
});
const float32 = (shape: readonly number[], from: Source, out = false): CaseBuffer => ({
  shape,
  dtype: "f32",
  from,
  out,
});
const whole = (shape: readonly number[], from: Source): CaseBuffer => ({ shape, dtype: "i32", from });

const STEP: Partial<Record<(typeof SCALARS)[number], number>> = {
  ...{ lossScale: 0.37, clipScale: 0.7, learningRate: 1e-2, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 },
  ...{ correction1: 1 - 0.9 ** 3, correction2: 1 - 0.95 ** 3, oneMinusBeta1: 1 - 0.9, oneMinusBeta2: 1 - 0.95 },
};
const scalars = float32([SCALARS.length], { kind: "values", values: SCALARS.map((name) => STEP[name] ?? 0) });

const NORMS: readonly RealCase[] = [C, D].flatMap((width) => [
  {
    title: `rmsNorm [${N}, ${width}]`,
    ...{ op: "rmsNorm", sizes: { epsilon: 1e-5 } },
    buffers: {
      ...{ out: matrix([N, width], NOTHING, true), rstd: float32([N], NOTHING, true) },
      ...{ residual: matrix([N, width], normal(), true), delta: matrix([N, width], normal()) },
      weight: matrix([width], normal(0.3, { mean: 1 })),
    },
    call: (ops, b) => ops.rmsNorm(b("out"), b("rstd"), b("residual"), b("delta"), b("weight"), 1e-5),
  },
  {
    title: `rmsNormBackward [${N}, ${width}]`,
    ...{ op: "rmsNormBackward", sizes: {} },
    buffers: {
      ...{ dX: matrix([N, width], normal(), true), dWeight: matrix([width], normal(), true) },
      ...{ dOut: matrix([N, width], normal()), x: matrix([N, width], normal()) },
      ...{ rstd: float32([N], normal(0.1, { mean: 1 })), weight: matrix([width], normal(0.3, { mean: 1 })) },
    },
    call: (ops, b) => ops.rmsNormBackward(b("dX"), b("dWeight"), b("dOut"), b("x"), b("rstd"), b("weight")),
  },
]);

const PRODUCTS: readonly RealCase[] = [
  { transposeA: false, transposeB: true, adds: false },
  { transposeA: false, transposeB: false, adds: true },
  { transposeA: true, transposeB: false, adds: true },
].map(({ transposeA, transposeB, adds }) => ({
  title: `matmul [${N}, ${C}] of ${C}, transposed ${transposeA}, ${transposeB}, adding ${adds}`,
  ...{ op: "matmul", sizes: { transposeA, transposeB } },
  buffers: {
    ...{ out: matrix([N, C], NOTHING, true) },
    ...{ a: matrix(transposeA ? [C, N] : [N, C], normal()), b: matrix([C, C], normal(1 / Math.sqrt(C))) },
    ...(adds ? { plus: matrix([N, C], normal()) } : {}),
  },
  call: (ops, b) =>
    ops.matmul(b("out"), b("a"), b("b"), { transposeA, transposeB, ...(adds ? { plus: b("plus") } : {}) }),
}));

const ROWS: readonly RealCase[] = [
  {
    title: `embed [${N}] of [${V}, 512]`,
    ...{ op: "embed", sizes: {} },
    buffers: {
      ...{ out: matrix([N, 512], NOTHING, true), table: matrix([V, 512], normal()) },
      ids: whole([N], { kind: "indices", limit: V }),
    },
    call: (ops, b) => ops.embed(b("out"), b("table"), b("ids")),
  },
  {
    title: `embedBackward [${N}, 512] of ${V}`,
    ...{ op: "embedBackward", sizes: {} },
    buffers: {
      ...{ dTable: matrix([V, 512], normal(), true), dOut: matrix([N, 512], normal()) },
      ids: whole([N], { kind: "indices", limit: V }),
    },
    call: (ops, b) => ops.embedBackward(b("dTable"), b("dOut"), b("ids")),
  },
  {
    title: `addBias [${N}, ${C}]`,
    ...{ op: "addBias", sizes: {} },
    buffers: { out: matrix([N, C], normal(), true), bias: matrix([C], normal()) },
    call: (ops, b) => ops.addBias(b("out"), b("bias")),
  },
  {
    title: `addBiasBackward [${N}, ${C}]`,
    ...{ op: "addBiasBackward", sizes: {} },
    buffers: { dBias: matrix([C], normal(), true), dOut: matrix([N, C], normal()) },
    call: (ops, b) => ops.addBiasBackward(b("dBias"), b("dOut")),
  },
  {
    title: `swiglu [${N / 4}, ${F}]`,
    ...{ op: "swiglu", sizes: {} },
    buffers: { out: matrix([N / 4, F], NOTHING, true), gateUp: matrix([N / 4, 2 * F], normal()) },
    call: (ops, b) => ops.swiglu(b("out"), b("gateUp")),
  },
  {
    title: `swigluBackward [${N / 4}, ${F}]`,
    ...{ op: "swigluBackward", sizes: {} },
    buffers: {
      ...{ dGateUp: matrix([N / 4, 2 * F], NOTHING, true), dOut: matrix([N / 4, F], normal()) },
      gateUp: matrix([N / 4, 2 * F], normal()),
    },
    call: (ops, b) => ops.swigluBackward(b("dGateUp"), b("dOut"), b("gateUp")),
  },
  {
    title: `add ${N * C}`,
    ...{ op: "add", sizes: {} },
    buffers: { out: matrix([N * C], normal(), true), x: matrix([N * C], normal()) },
    call: (ops, b) => ops.add(b("out"), b("x")),
  },
  {
    title: `squaredNorm of ${N * C}`,
    ...{ op: "squaredNorm", sizes: {} },
    buffers: { out: float32([1], NOTHING, true), x: matrix([N * C], normal()) },
    call: (ops, b) => ops.squaredNorm(b("out"), b("x")),
  },
  {
    title: `crossEntropy [${N / 20}, ${V}]`,
    ...{ op: "crossEntropy", sizes: { vocabulary: V - 1 } },
    buffers: {
      ...{
        loss: float32([Math.floor(N / 20)], NOTHING, true),
        logits: matrix([Math.floor(N / 20), V], normal(3), true),
      },
      ...{ targets: whole([Math.floor(N / 20)], { kind: "indices", limit: V - 1 }), scalars },
      mask: float32([Math.floor(N / 20)], normal(1, { absolute: true })),
    },
    call: (ops, b) =>
      ops.crossEntropy(b("loss"), b("logits"), b("targets"), b("mask"), b("scalars"), {
        ...{ vocabulary: V - 1, gradient: true },
      }),
  },
];

function heads(shape: AttentionShape, document: number): RealCase[] {
  const { B, T: length, H, K, D: width } = shape;
  const rows = B * length;
  const qkv = [rows, (H + 2 * K) * width];
  const starts: Source = { kind: "starts", T: length, document };
  const { window } = shape;
  return [
    {
      title: `attention and its gradient, B ${B}, T ${length}, H ${H}, K ${K}, D ${width}, window ${window}, documents of ${document}`,
      ...{ op: "attention", sizes: { ...shape } },
      buffers: {
        ...{ out: matrix([rows, H * width], NOTHING, true), lse: float32([rows, H], NOTHING, true) },
        ...{ qkv: matrix(qkv, normal()), dQkv: matrix(qkv, NOTHING, true), dOut: matrix([rows, H * width], normal()) },
        ...{ starts: whole([rows], starts), dots: float32([rows, H], NOTHING) },
      },
      call: (ops, b) => {
        ops.attention(b("out"), b("lse"), b("qkv"), b("starts"), shape);
        const given = [b("dOut"), b("out"), b("lse"), b("qkv"), b("starts")] as const;
        ops.attentionBackward(b("dQkv"), b("dots"), ...given, shape);
      },
    },
    {
      title: `rope, T ${length}, H ${H}, K ${K}, D ${width}`,
      ...{ op: "rope", sizes: { ...shape } },
      buffers: {
        ...{ qkv: matrix(qkv, normal(), true), table: float32([length, width], normal()) },
        positions: whole([rows], { kind: "indices", limit: length }),
      },
      call: (ops, b) => ops.rope(b("qkv"), b("table"), b("positions"), shape),
    },
  ];
}

const HEADS: readonly RealCase[] = [
  ...heads({ B: 1, T, H: pick(32, 4), K: pick(8, 2), D, window: null }, T),
  ...heads({ B: 2, T, H: 4, K: 2, D, window: null }, pick(1000, 33)),
  ...heads({ B: 1, T, H: 4, K: 4, D: 64, window: pick(1024, 40) }, pick(3000, 70)),
];

const count = N * pick(2048, 16);
const adamwBuffers = {
  ...{ moment1: float32([count], normal(0.1), true), moment2: float32([count], normal(0.1, { absolute: true }), true) },
  ...{ gradient: matrix([count], normal(), true), scalars },
};

/** Weights in the storage, float32 moments. In bf16 there is a master, for otherwise weights are rounded by chance. */
export function adamwCase(storage: "f32" | "bf16"): RealCase {
  const master = storage === "bf16" ? { master: float32([count], normal(), true) } : {};
  return {
    title: `adamw ${count}`,
    ...{ op: "adamw", sizes: {} },
    buffers: { ...adamwBuffers, ...master, weight: matrix([count], normal(), true) },
    call: (ops, b) => {
      const options = { decays: true, ...(storage === "bf16" ? { master: b("master") } : {}) };
      ops.adamw(b("weight"), b("moment1"), b("moment2"), b("gradient"), b("scalars"), options);
    },
  };
}

export const REAL_CASES: readonly RealCase[] = [...NORMS, ...PRODUCTS, ...ROWS, ...HEADS];
