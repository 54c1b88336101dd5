/** Bytes and FLOPs of recorded operations, against counts made by hand for small shapes. */
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../../src/base/dims.js";
import type { AttentionShape, Buffer, Dtype, Operations } from "../../../src/engine/native/device.js";
import { SCALARS } from "../../../src/engine/native/device.js";
import { CheckedOperations, OPERATION_NAMES } from "../../../src/engine/native/operations.js";
import { type Traffic, trafficOf } from "../../../src/engine/native/traffic.js";

function buffer(dtype: Dtype, ...shape: number[]): Buffer {
  return { name: "x", shape, dtype, size: sizeOf(shape) };
}
const f32 = (...shape: number[]) => buffer("f32", ...shape);
const i32 = (...shape: number[]) => buffer("i32", ...shape);

function traffic(call: (operations: Operations) => void): Traffic {
  const found: Traffic[] = [];
  call(new CheckedOperations((operation) => found.push(trafficOf(operation))));
  expect(found).toHaveLength(1);
  return found[0];
}

const S = SCALARS.length;
const SHAPE: AttentionShape = { B: 2, T: 5, H: 4, K: 2, D: 6, window: null };
/** B·T tokens of 10; q, k and v of 48 columns, of which q and k are 36; 24 columns of heads. */
const [QKV, HEADS, LSE, STARTS] = [f32(10, 48), f32(10, 24), f32(10, 4), i32(10)];

const CASES: readonly [string, (ops: Operations) => void, number][] = [
  ["zero", (ops) => ops.zero(f32(7, 3)), 21],
  ["embed: rows of the table", (ops) => ops.embed(f32(5, 8), f32(100, 8), i32(5)), 40 + 40 + 5],
  ["embedBackward", (ops) => ops.embedBackward(f32(100, 8), f32(5, 8), i32(5)), 40 + 2 * 40 + 5],
  ["rmsNorm", (ops) => ops.rmsNorm(f32(5, 8), f32(5), f32(5, 8), null, f32(8), 0), 40 + 5 + 40 + 8],
  [
    "rmsNorm with a sum",
    (ops) => ops.rmsNorm(f32(5, 8), f32(5), f32(5, 8), f32(5, 8), f32(8), 0),
    40 + 5 + 2 * 40 + 40 + 8,
  ],
  [
    "rmsNormBackward adds",
    (ops) => ops.rmsNormBackward(f32(5, 8), f32(8), f32(5, 8), f32(5, 8), f32(5), f32(8)),
    2 * 40 + 2 * 8 + 40 + 40 + 5 + 8,
  ],
  [
    "rmsNormBackward overwrites",
    (ops) => ops.rmsNormBackward(f32(5, 8), f32(8), f32(5, 8), f32(5, 8), f32(5), f32(8), { overwrite: true }),
    40 + 2 * 8 + 40 + 40 + 5 + 8,
  ],
  ["matmul", (ops) => ops.matmul(f32(3, 4), f32(3, 5), f32(5, 4)), 12 + 15 + 20],
  ["matmul and a sum", (ops) => ops.matmul(f32(3, 4), f32(3, 5), f32(5, 4), { plus: f32(3, 4) }), 12 + 15 + 20 + 12],
  ["addBias", (ops) => ops.addBias(f32(5, 8), f32(8)), 80 + 8],
  ["addBiasBackward", (ops) => ops.addBiasBackward(f32(8), f32(5, 8)), 16 + 40],
  ["add", (ops) => ops.add(f32(5), f32(5)), 15],
  ["copy", (ops) => ops.copy(f32(5), f32(5)), 10],
  ["sliceColumns: only the columns", (ops) => ops.sliceColumns(f32(5, 3), f32(5, 8), 2), 30],
  ["placeColumns: only the columns", (ops) => ops.placeColumns(f32(5, 8), f32(5, 3), 2), 30],
  ["rope: q and k", (ops) => ops.rope(QKV, f32(9, 6), i32(10), SHAPE), 2 * 360 + 54 + 10],
  ["attention", (ops) => ops.attention(HEADS, LSE, QKV, STARTS, SHAPE), 240 + 40 + 480 + 10],
  [
    "attention over a cache: the new tokens",
    (ops) => ops.attention(HEADS, LSE, QKV, STARTS, SHAPE, { keysValues_RSY: f32(3, 9, 24), places_N: i32(10) }),
    240 + 40 + 480 + 10 + 10,
  ],
  ["placeRows: only the columns", (ops) => ops.placeRows(f32(100, 3), f32(5, 8), i32(5), 2), 30 + 5],
  [
    "attentionBackward",
    (ops) => ops.attentionBackward(QKV, LSE, HEADS, HEADS, LSE, QKV, STARTS, SHAPE),
    480 + 40 + 240 + 240 + 40 + 480 + 10,
  ],
  ["swiglu", (ops) => ops.swiglu(f32(5, 3), f32(5, 6)), 15 + 30],
  ["swigluBackward", (ops) => ops.swigluBackward(f32(5, 6), f32(5, 3), f32(5, 6)), 30 + 15 + 30],
  [
    "crossEntropy",
    (ops) => ops.crossEntropy(f32(5), f32(5, 8), i32(5), f32(5), f32(S), { vocabulary: 8, gradient: false }),
    5 + 40 + 5 + 5 + S,
  ],
  [
    "crossEntropy with its gradient in place",
    (ops) => ops.crossEntropy(f32(5), f32(5, 8), i32(5), f32(5), f32(S), { vocabulary: 8, gradient: true }),
    5 + 80 + 5 + 5 + S,
  ],
  ["squaredNorm", (ops) => ops.squaredNorm(f32(1), f32(50)), 51],
  ["adamw", (ops) => ops.adamw(f32(9), f32(9), f32(9), f32(9), f32(S), { decays: true }), 8 * 9 + S],
];

const bf16 = (...shape: number[]) => buffer("bf16", ...shape);
const SHAPED_BF16 = { qkv: bf16(10, 48), heads: bf16(10, 24) };

/** Bytes: 2 for an element of a matrix, 4 for what is float32 or an index. */
const BF16_CASES: readonly [string, (ops: Operations) => void, number][] = [
  ["zero", (ops) => ops.zero(bf16(7, 3)), 2 * 21],
  ["embed", (ops) => ops.embed(bf16(5, 8), bf16(100, 8), i32(5)), 2 * (40 + 40) + 4 * 5],
  ["embedBackward", (ops) => ops.embedBackward(bf16(100, 8), bf16(5, 8), i32(5)), 2 * (40 + 2 * 40) + 4 * 5],
  [
    "rmsNorm with a sum",
    (ops) => ops.rmsNorm(bf16(5, 8), f32(5), bf16(5, 8), bf16(5, 8), bf16(8), 0),
    2 * (40 + 2 * 40 + 40 + 8) + 4 * 5,
  ],
  [
    "rmsNormBackward",
    (ops) => ops.rmsNormBackward(bf16(5, 8), bf16(8), bf16(5, 8), bf16(5, 8), f32(5), bf16(8), { overwrite: true }),
    2 * (40 + 2 * 8 + 40 + 40 + 8) + 4 * 5,
  ],
  [
    "matmul and a sum",
    (ops) => ops.matmul(bf16(3, 4), bf16(3, 5), bf16(5, 4), { plus: bf16(3, 4) }),
    2 * (12 + 15 + 20 + 12),
  ],
  ["rope", (ops) => ops.rope(SHAPED_BF16.qkv, f32(9, 6), i32(10), SHAPE), 2 * 2 * 360 + 4 * (54 + 10)],
  [
    "attention",
    (ops) => ops.attention(SHAPED_BF16.heads, LSE, SHAPED_BF16.qkv, STARTS, SHAPE),
    2 * (240 + 480) + 4 * (40 + 10),
  ],
  ["placeColumns", (ops) => ops.placeColumns(bf16(5, 8), bf16(5, 3), 2), 2 * 30],
  [
    "crossEntropy with its gradient",
    (ops) => ops.crossEntropy(f32(5), bf16(5, 8), i32(5), f32(5), f32(S), { vocabulary: 8, gradient: true }),
    2 * 80 + 4 * (5 + 5 + 5 + S),
  ],
  ["squaredNorm", (ops) => ops.squaredNorm(f32(1), bf16(50)), 2 * 50 + 4],
  // Gradient and weights once each way, moments too: 16 bytes.
  [
    "adamw without a master",
    (ops) => ops.adamw(bf16(9), bf16(9), bf16(9), bf16(9), f32(S), { decays: true }),
    9 * 16 + 4 * S,
  ],
  // The weight is written but not read, the master is both: 2 + 8, moments 16, gradient 4.
  [
    "adamw with a master",
    (ops) => ops.adamw(bf16(9), f32(9), f32(9), bf16(9), f32(S), { decays: true, master: f32(9) }),
    9 * 30 + 4 * S,
  ],
];

describe("bytes in bf16", () => {
  it.each(BF16_CASES)("%s", (_, call, bytes) => {
    expect(traffic(call).bytes).toBe(bytes);
  });

  it("change no FLOPs", () => {
    expect(traffic((ops) => ops.matmul(bf16(3, 4), bf16(3, 5), bf16(5, 4))).flops).toBe(2 * 3 * 4 * 5);
    const { qkv, heads } = SHAPED_BF16;
    expect(traffic((ops) => ops.attention(heads, LSE, qkv, STARTS, SHAPE)).flops).toBe(
      traffic((ops) => ops.attention(HEADS, LSE, QKV, STARTS, SHAPE)).flops,
    );
  });
});

describe("bytes", () => {
  it.each(CASES)("%s", (_, call, elements) => {
    expect(traffic(call).bytes).toBe(4 * elements);
  });

  it("is known of every operation", () => {
    const seen = new Set(CASES.map(([name]) => name.split(/[ :]/)[0]));
    expect([...seen].sort()).toEqual([...OPERATION_NAMES].sort());
  });

  it("are those of the type", () => {
    const half = (...shape: number[]) => buffer("bf16", ...shape);
    expect(traffic((ops) => ops.matmul(half(3, 4), half(3, 5), half(5, 4))).bytes).toBe(2 * (12 + 15 + 20));
  });
});

describe("FLOPs", () => {
  it("of a product are two for each multiply-add, whatever is transposed or added", () => {
    expect(traffic((ops) => ops.matmul(f32(3, 4), f32(3, 5), f32(5, 4))).flops).toBe(2 * 3 * 4 * 5);
    const transposed = { transposeA: true, transposeB: true, plus: f32(3, 4) } as const;
    expect(traffic((ops) => ops.matmul(f32(3, 4), f32(5, 3), f32(4, 5), transposed)).flops).toBe(2 * 3 * 4 * 5);
  });

  it.each([null, 1, 2, 5, 9])("of attention are those of the keys that are seen, window %s", (window) => {
    const shape = { ...SHAPE, window };
    let pairs = 0;
    for (let i = 0; i < SHAPE.T; i++) for (let j = 0; j <= i; j++) if (window === null || i - j < window) pairs++;
    const product = 2 * 2 * 4 * 6 * pairs;
    expect(traffic((ops) => ops.attention(HEADS, LSE, QKV, STARTS, shape)).flops).toBe(2 * product);
    const backward = traffic((ops) => ops.attentionBackward(QKV, LSE, HEADS, HEADS, LSE, QKV, STARTS, shape));
    expect(backward.flops).toBe(5 * product);
  });

  it("of everything else are not counted", () => {
    for (const [name, call] of CASES) if (!/^(matmul|attention)/.test(name)) expect(traffic(call).flops, name).toBe(0);
  });
});
