/** What the recorder makes of a call, and every call that it refuses. */
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../../src/base/dims.js";
import { allowedIndex, checkOverlap, type Operation, type Place } from "../../../src/engine/native/call.js";
import type { AttentionShape, Buffer, Dtype, Operations } from "../../../src/engine/native/device.js";
import { CheckedOperations, OPERATION_NAMES } from "../../../src/engine/native/operations.js";

function f32(name: string, ...shape: number[]): Buffer {
  return bufferOf(name, shape, "f32");
}

function i32(name: string, ...shape: number[]): Buffer {
  return bufferOf(name, shape, "i32");
}

function bufferOf(name: string, shape: readonly number[], dtype: Dtype): Buffer {
  return { name, shape, dtype, size: sizeOf(shape) };
}

function recordedBy(call: (operations: Operations) => void): Operation {
  const recorded: Operation[] = [];
  call(new CheckedOperations((operation) => recorded.push(operation)));
  expect(recorded).toHaveLength(1);
  return recorded[0];
}

const SHAPE: AttentionShape = { B: 2, T: 3, H: 4, K: 2, D: 6, window: null };
const QKV = f32("qkv", 6, 48);
const OUT = f32("out", 6, 24);
const CACHE = { keysValues_RSY: f32("cache", 7, 5, 24), places_N: i32("places", 6) };
const SCALARS = f32("scalars", 13);
const [N, C] = [f32("n", 5), f32("c", 8)];
const NC = f32("nc", 5, 8);

describe("the order of codes", () => {
  it("is the one of abi.h", async () => {
    const header = await readFile("src/engine/native/cpu/kernels/abi.h", "utf8");
    const names = [...header.matchAll(/^ {2}OP_(\w+)\b/gm)].map(([, name]) => name.replaceAll("_", "").toLowerCase());
    expect(OPERATION_NAMES.map((name) => name.toLowerCase())).toEqual(names);
  });

  it("has every operation once", () => {
    const methods = Object.getOwnPropertyNames(CheckedOperations.prototype).filter(
      (name) => !["constructor", "normRows"].includes(name),
    );
    expect([...OPERATION_NAMES].sort()).toEqual(methods.sort());
  });
});

describe("sizes and flags", () => {
  const cases: readonly [string, (operations: Operations) => void, readonly number[], number][] = [
    ["zero", (o) => o.zero(NC), [40], 0],
    ["embed", (o) => o.embed(NC, f32("table", 7, 8), i32("ids", 5)), [5, 8], 0],
    ["embedBackward", (o) => o.embedBackward(f32("table", 7, 8), NC, i32("ids", 5)), [5, 8, 7], 0],
    ["rmsNorm", (o) => o.rmsNorm(NC, N, f32("x", 5, 8), null, C, 1e-6), [5, 8], 0],
    ["rmsNorm of heads", (o) => o.rmsNorm(NC, f32("r", 20), NC, null, f32("w", 2), 1e-6), [20, 2], 0],
    ["rmsNormBackward", (o) => o.rmsNormBackward(NC, C, NC, NC, N, C), [5, 8], 0],
    ["overwriting", (o) => o.rmsNormBackward(NC, C, NC, NC, N, C, { overwrite: true }), [5, 8], 1],
    ["matmul", (o) => o.matmul(f32("o", 2, 3), f32("a", 2, 4), f32("b", 4, 3)), [2, 3, 4], 0],
    [
      "a transposed",
      (o) => o.matmul(f32("o", 2, 3), f32("a", 4, 2), f32("b", 4, 3), { transposeA: true }),
      [2, 3, 4],
      1,
    ],
    [
      "b transposed",
      (o) => o.matmul(f32("o", 2, 3), f32("a", 2, 4), f32("b", 3, 4), { transposeB: true }),
      [2, 3, 4],
      2,
    ],
    [
      "on top of something",
      (o) => o.matmul(f32("o", 2, 3), f32("a", 2, 4), f32("b", 4, 3), { plus: f32("p", 2, 3) }),
      [2, 3, 4],
      0,
    ],
    ["batched rows", (o) => o.matmul(f32("o", 2, 5, 3), f32("a", 2, 5, 4), f32("b", 4, 3)), [10, 3, 4], 0],
    ["addBias", (o) => o.addBias(NC, C), [5, 8], 0],
    ["addBiasBackward", (o) => o.addBiasBackward(C, NC), [5, 8], 0],
    ["add", (o) => o.add(NC, f32("x", 40)), [40], 0],
    ["copy", (o) => o.copy(i32("a", 4), i32("b", 2, 2)), [4], 0],
    ["sliceColumns", (o) => o.sliceColumns(f32("part", 5, 3), NC, 5), [5, 3, 8, 5], 0],
    ["placeColumns", (o) => o.placeColumns(NC, f32("part", 5, 3), 5), [5, 8, 3, 5], 0],
    ["rope", (o) => o.rope(QKV, f32("table", 9, 6), i32("p", 6), SHAPE), [6, 4, 2, 6], 0],
    ["inverse", (o) => o.rope(QKV, f32("table", 9, 6), i32("p", 6), SHAPE, { inverse: true }), [6, 4, 2, 6], 1],
    ["attention", (o) => o.attention(OUT, f32("lse", 6, 4), QKV, i32("s", 6), SHAPE), [2, 3, 4, 2, 6, 3, 3], 0],
    [
      "attention over a cache",
      (o) => o.attention(OUT, f32("lse", 6, 4), QKV, i32("s", 6), SHAPE, CACHE),
      [2, 3, 4, 2, 6, 5, 5],
      0,
    ],
    ["placeRows", (o) => o.placeRows(f32("out", 9, 3), NC, i32("rows", 5), 5), [5, 3, 8, 5], 0],
    [
      "with a window",
      (o) => o.attention(OUT, f32("lse", 6, 4), QKV, i32("s", 6), { ...SHAPE, window: 2 }),
      [2, 3, 4, 2, 6, 2, 3],
      0,
    ],
    [
      "attentionBackward",
      (o) => o.attentionBackward(QKV, f32("z", 24), OUT, OUT, f32("lse", 6, 4), QKV, i32("s", 6), SHAPE),
      [2, 3, 4, 2, 6, 3],
      0,
    ],
    ["swiglu", (o) => o.swiglu(f32("o", 5, 4), NC), [5, 4], 0],
    ["swigluBackward", (o) => o.swigluBackward(NC, f32("d", 5, 4), NC), [5, 4], 0],
    [
      "crossEntropy",
      (o) => o.crossEntropy(N, NC, i32("t", 5), f32("m", 5), SCALARS, { vocabulary: 7, gradient: true }),
      [5, 8, 7],
      1,
    ],
    ["squaredNorm", (o) => o.squaredNorm(f32("one", 1), NC), [40], 0],
    ["adamw", (o) => o.adamw(N, N, N, N, SCALARS, { decays: true }), [5, 0], 1],
  ];

  it.each(cases)("%s", (_, call, sizes, flags) => {
    expect(recordedBy(call)).toMatchObject({ sizes, flags });
  });

  it("keeps buffers in the order of device.ts, and null", () => {
    const { buffers, outputs, reals } = recordedBy((o) => o.rmsNorm(NC, N, NC, null, C, 1e-6));
    expect(buffers.map((buffer) => buffer?.name ?? null)).toEqual(["nc", "n", "nc", null, "c"]);
    expect({ outputs, reals }).toEqual({ outputs: 3, reals: [1e-6] });
  });

  it("remembers what indices may be", () => {
    const rule = (call: (o: Operations) => void) => recordedBy(call).indices[0].rule;
    expect(rule((o) => o.embed(NC, f32("table", 7, 8), i32("ids", 5)))).toEqual({ limit: 7 });
    expect(rule((o) => o.rope(QKV, f32("table", 9, 6), i32("p", 6), SHAPE))).toEqual({ limit: 9 });
    expect(rule((o) => o.attention(OUT, f32("lse", 6, 4), QKV, i32("s", 6), SHAPE))).toEqual({ causal: { T: 3 } });
    const { indices } = recordedBy((o) => o.attention(OUT, f32("lse", 6, 4), QKV, i32("s", 6), SHAPE, CACHE));
    expect(indices.map((index) => index.rule)).toContainEqual({ cached: { T: 3, S: 5, limit: 35 } });
    expect(rule((o) => o.placeRows(f32("out", 9, 3), NC, i32("rows", 5), 5))).toEqual({ limit: 9 });
  });
});

describe("refusals", () => {
  const wrong: readonly [string, (operations: Operations) => void, string][] = [
    ["width of a table", (o) => o.embed(NC, f32("table", 7, 9), i32("ids", 5)), "table must be f32[7, 8]"],
    ["number of ids", (o) => o.embed(NC, f32("table", 7, 8), i32("ids", 4)), "ids must have 5 elements"],
    ["ids that are f32", (o) => o.embed(NC, f32("table", 7, 8), f32("ids", 5)), "ids must be i32"],
    ["i32 as a matrix", (o) => o.embed(i32("o", 5, 8), f32("table", 7, 8), i32("ids", 5)), "out must be f32"],
    ["gradient of a table", (o) => o.embedBackward(f32("t", 7, 3), NC, i32("ids", 5)), "dTable must be f32[7, 8]"],
    ["weight that divides no row", (o) => o.rmsNorm(NC, N, NC, null, f32("w", 3), 0), "weight must divide"],
    ["number of rstd", (o) => o.rmsNorm(NC, f32("r", 4), NC, null, C, 0), "rstd must have 5 elements"],
    ["size of delta", (o) => o.rmsNorm(NC, N, NC, f32("d", 39), C, 0), "delta must have 40 elements"],
    ["NaN as epsilon", (o) => o.rmsNorm(NC, N, NC, null, C, Number.NaN), "epsilon must not be NaN"],
    ["dWeight", (o) => o.rmsNormBackward(NC, N, NC, NC, N, C), "dWeight must have 8 elements"],
    ["b of a product", (o) => o.matmul(f32("o", 2, 3), f32("a", 2, 4), f32("b", 3, 4)), "b must be f32[4, 3]"],
    ["a of a product", (o) => o.matmul(f32("o", 2, 3), f32("a", 3, 4), f32("b", 4, 3)), "a must be f32[2, 4]"],
    ["a bias", (o) => o.addBias(NC, N), "bias must have 8 elements"],
    ["gradient of a bias", (o) => o.addBiasBackward(N, NC), "dBias must have 8 elements"],
    ["sizes of a sum", (o) => o.add(NC, N), "x must have 40 elements"],
    ["dtypes of a copy", (o) => o.copy(f32("a", 4), i32("b", 4)), "x must have the dtype"],
    ["columns beyond the end", (o) => o.sliceColumns(f32("p", 5, 3), NC, 6), "columns 6 to 9 are not all within 8"],
    ["columns before the beginning", (o) => o.placeColumns(NC, f32("p", 5, 3), -1), "columns -1 to 2"],
    ["rows of columns", (o) => o.sliceColumns(f32("p", 4, 3), NC, 0), "x must be f32[4, 8]"],
    ["an odd head", (o) => o.rope(f32("q", 6, 24), f32("t", 9, 3), i32("p", 6), { ...SHAPE, D: 3 }), "D must be even"],
    ["width of the angles", (o) => o.rope(QKV, f32("t", 9, 5), i32("p", 6), SHAPE), "table must be f32[9, 6]"],
    ["K that does not divide H", (o) => o.rope(QKV, N, i32("p", 6), { ...SHAPE, K: 3 }), "K divide H"],
    ["an empty window", (o) => o.attention(OUT, N, QKV, i32("s", 6), { ...SHAPE, window: 0 }), "whole and positive"],
    ["width of qkv", (o) => o.attention(OUT, N, OUT, i32("s", 6), SHAPE), "qkv must be f32[6, 48]"],
    ["size of lse", (o) => o.attention(OUT, N, QKV, i32("s", 6), SHAPE), "lse must have 24 elements"],
    ["starts", (o) => o.attention(OUT, f32("l", 24), QKV, i32("s", 3), SHAPE), "starts must have 6 elements"],
    [
      "a cache of rows that are too short",
      (o) =>
        o.attention(OUT, f32("l", 24), QKV, i32("s", 6), SHAPE, { ...CACHE, keysValues_RSY: f32("cache", 7, 2, 24) }),
      "keysValues must be [rows, 3 or more, 24]",
    ],
    [
      "width of a cache",
      (o) => o.attention(OUT, f32("l", 24), QKV, i32("s", 6), SHAPE, { ...CACHE, keysValues_RSY: f32("c", 7, 5, 23) }),
      "keysValues must be f32[35, 24]",
    ],
    ["rows of columns that are placed", (o) => o.placeRows(f32("p", 4, 3), NC, i32("rows", 4), 0), "rows must have 5"],
    ["width of gate and up", (o) => o.swiglu(f32("o", 5, 5), NC), "gateUp must be f32[5, 10]"],
    ["dGateUp", (o) => o.swigluBackward(N, f32("d", 5, 4), NC), "dGateUp must be f32[5, 8]"],
    [
      "a vocabulary wider than the logits",
      (o) => o.crossEntropy(N, NC, i32("t", 5), N, SCALARS, { vocabulary: 9, gradient: false }),
      "logits must be at least as wide as the vocabulary, 9",
    ],
    [
      "scalars",
      (o) => o.crossEntropy(N, NC, i32("t", 5), N, f32("s", 8), { vocabulary: 8, gradient: false }),
      "scalars must have 13 elements",
    ],
    ["a norm of two numbers", (o) => o.squaredNorm(f32("two", 2), NC), "out must have 1 elements"],
    ["ranges of AdamW", (o) => o.adamw(NC, N, N, N, SCALARS, { decays: false }), "moment1 must have 40 elements"],
  ];

  it.each(wrong)("%s", (_, call, message) => {
    expect(() => recordedBy(call)).toThrow(message);
  });

  it("name the operation and all its buffers with their shapes", () => {
    expect(() => recordedBy((o) => o.rmsNorm(NC, N, NC, null, N, 0))).toThrow(
      "rmsNorm(out: nc f32[5, 8]; rstd: n f32[5]; residual: nc f32[5, 8]; delta: null; weight: n f32[5]): weight must divide",
    );
  });
});

describe("allowedIndex", () => {
  const rule = { cached: { T: 2, S: 5, limit: 15 } };
  const allowed = (...values: number[]) => values.map((_, n) => allowedIndex(rule, n, Int32Array.from(values)));

  it("keeps a batch's row within one row of a cache, one token after the other", () => {
    expect(allowed(3, 4, 10, 11)).toEqual([
      [0, 4],
      [4, 5],
      [0, 14],
      [11, 12],
    ]);
  });

  it("refuses a place from which a row of the batch would reach into the next row, or out of the cache", () => {
    for (const first of [4, 9, 14, 15, -1]) {
      const [[least, limit]] = allowed(first, first + 1);
      expect(first >= least && first < limit, String(first)).toBe(false);
    }
  });
});

describe("checkOverlap", () => {
  const places = new Map<Buffer, Place>();
  const placed = (name: string, start: number, ...shape: number[]): Buffer => {
    const buffer = f32(name, ...shape);
    places.set(buffer, { memory: "arena", start, size: buffer.size });
    return buffer;
  };
  const check = (call: (operations: Operations) => void): void =>
    checkOverlap(recordedBy(call), (buffer) => places.get(buffer) ?? { memory: buffer, start: 0, size: buffer.size });

  it("refuses an output that lies on an input, wherever it begins", () => {
    const out = placed("out", 0, 2, 2);
    for (const start of [0, 1, 3])
      expect(() => check((o) => o.matmul(out, placed("a", start, 2, 2), f32("b", 2, 2)))).toThrow(
        "matmul: out f32[2, 2], which is written, shares memory with a f32[2, 2]",
      );
    expect(() => check((o) => o.matmul(out, placed("a", 4, 2, 2), f32("b", 2, 2)))).not.toThrow();
  });

  it("refuses two outputs on each other, and lets inputs share", () => {
    const shared = placed("shared", 0, 5);
    expect(() => check((o) => o.adamw(shared, shared, N, f32("g", 5), SCALARS, { decays: true }))).toThrow("adamw");
    const options = { decays: true, master: shared };
    expect(() => check((o) => o.adamw(shared, f32("m", 5), N, f32("g", 5), SCALARS, options))).toThrow(
      "shares memory with shared",
    );
    expect(() => check((o) => o.matmul(f32("o", 2, 2), placed("a", 0, 2, 2), placed("b", 0, 2, 2)))).not.toThrow();
  });

  it("lets an operation in place work on exactly its input", () => {
    const gateUp = placed("gateUp", 0, 5, 8);
    expect(() => check((o) => o.swigluBackward(gateUp, f32("d", 5, 4), gateUp))).not.toThrow();
    expect(() => check((o) => o.add(gateUp, gateUp))).not.toThrow();
    expect(() => check((o) => o.swigluBackward(placed("d", 8, 5, 8), f32("d", 5, 4), gateUp))).toThrow("shares memory");
    expect(() => check((o) => o.copy(gateUp, gateUp))).toThrow("shares memory");
  });
});
