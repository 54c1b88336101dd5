/** Which types of numbers the recorder lets go together: matrices of one float type, sums in float32, AdamW's ranges of any floats. */
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../../src/base/dims.js";
import type { Operation } from "../../../src/engine/native/call.js";
import type { AdamwOptions, AttentionShape, Buffer, Dtype, Operations } from "../../../src/engine/native/device.js";
import { CheckedOperations } from "../../../src/engine/native/operations.js";

function bufferOf(name: string, shape: readonly number[], dtype: Dtype): Buffer {
  return { name, shape, dtype, size: sizeOf(shape) };
}
const f32 = (name: string, ...shape: number[]) => bufferOf(name, shape, "f32");
const i32 = (name: string, ...shape: number[]) => bufferOf(name, shape, "i32");

function recordedBy(call: (operations: Operations) => void): Operation {
  const recorded: Operation[] = [];
  call(new CheckedOperations((operation) => recorded.push(operation)));
  expect(recorded).toHaveLength(1);
  return recorded[0];
}

const SHAPE: AttentionShape = { B: 2, T: 3, H: 4, K: 2, D: 6, window: null };
const SCALARS = f32("scalars", 13);

describe("types of numbers", () => {
  type Make = (role: string, ...shape: number[]) => Buffer;
  const [qkv, heads] = [[6, 48] as const, [6, 24] as const];
  /** Matrices, which are of one type, in the order of the arguments; and what is float32 always. */
  const calls: readonly [string, readonly string[], readonly string[], (o: Operations, b: Make) => void][] = [
    ["embed", ["out", "table"], [], (o, b) => o.embed(b("out", 5, 8), b("table", 7, 8), i32("ids", 5))],
    [
      "embedBackward",
      ["dTable", "dOut"],
      [],
      (o, b) => o.embedBackward(b("dTable", 7, 8), b("dOut", 5, 8), i32("ids", 5)),
    ],
    [
      "rmsNorm",
      ["out", "residual", "delta", "weight"],
      ["rstd"],
      (o, b) => o.rmsNorm(b("out", 5, 8), b("rstd", 5), b("residual", 5, 8), b("delta", 5, 8), b("weight", 8), 0),
    ],
    [
      "rmsNormBackward",
      ["dX", "dWeight", "dOut", "x", "weight"],
      ["rstd"],
      (o, b) =>
        o.rmsNormBackward(b("dX", 5, 8), b("dWeight", 8), b("dOut", 5, 8), b("x", 5, 8), b("rstd", 5), b("weight", 8)),
    ],
    [
      "matmul",
      ["out", "a", "b", "plus"],
      [],
      (o, b) => o.matmul(b("out", 2, 3), b("a", 2, 4), b("b", 4, 3), { plus: b("plus", 2, 3) }),
    ],
    ["addBias", ["out", "bias"], [], (o, b) => o.addBias(b("out", 5, 8), b("bias", 8))],
    ["addBiasBackward", ["dBias", "dOut"], [], (o, b) => o.addBiasBackward(b("dBias", 8), b("dOut", 5, 8))],
    ["add", ["out", "x"], [], (o, b) => o.add(b("out", 5), b("x", 5))],
    ["sliceColumns", ["out", "x"], [], (o, b) => o.sliceColumns(b("out", 5, 3), b("x", 5, 8), 2)],
    ["placeColumns", ["out", "x"], [], (o, b) => o.placeColumns(b("out", 5, 8), b("x", 5, 3), 2)],
    ["rope", ["qkv"], ["table"], (o, b) => o.rope(b("qkv", ...qkv), b("table", 9, 6), i32("p", 6), SHAPE)],
    [
      "attention",
      ["out", "qkv"],
      ["lse"],
      (o, b) => o.attention(b("out", ...heads), b("lse", 6, 4), b("qkv", ...qkv), i32("s", 6), SHAPE),
    ],
    [
      "attentionBackward",
      ["dQkv", "dOut", "out", "qkv"],
      ["scratch", "lse"],
      (o, b) => {
        const [dQkv, dOut, out] = [b("dQkv", ...qkv), b("dOut", ...heads), b("out", ...heads)];
        const [scratch, lse] = [b("scratch", 6, 4), b("lse", 6, 4)];
        o.attentionBackward(dQkv, scratch, dOut, out, lse, b("qkv", ...qkv), i32("s", 6), SHAPE);
      },
    ],
    ["swiglu", ["out", "gateUp"], [], (o, b) => o.swiglu(b("out", 5, 4), b("gateUp", 5, 8))],
    [
      "swigluBackward",
      ["dGateUp", "dOut", "gateUp"],
      [],
      (o, b) => o.swigluBackward(b("dGateUp", 5, 8), b("dOut", 5, 4), b("gateUp", 5, 8)),
    ],
    [
      "crossEntropy",
      ["logits"],
      ["loss", "mask", "scalars"],
      (o, b) => {
        const options = { vocabulary: 8, gradient: true };
        o.crossEntropy(b("loss", 5), b("logits", 5, 8), i32("t", 5), b("mask", 5), b("scalars", 13), options);
      },
    ],
    ["squaredNorm", ["x"], ["out"], (o, b) => o.squaredNorm(b("out", 1), b("x", 5, 8))],
    [
      "adamw",
      [],
      ["master", "scalars"],
      (o, b) => {
        const [w, m, v, g] = ["weight", "moment1", "moment2", "gradient"].map((role) => bufferOf(role, [5], "bf16"));
        o.adamw(w, m, v, g, b("scalars", 13), { decays: true, master: b("master", 5) });
      },
    ],
  ];

  /** Buffers of a type, but for some. */
  const making =
    (matrices: Dtype, others: Readonly<Record<string, Dtype>>): Make =>
    (role, ...shape) =>
      bufferOf(role, shape, others[role] ?? matrices);
  const float32 = (roles: readonly string[]) => Object.fromEntries(roles.map((role) => [role, "f32" as const]));

  it.each(calls)("%s takes bf16 matrices, and leaves the rest in float32", (_, _matrices, always, call) => {
    const [wide, narrow] = [making("f32", {}), making("bf16", float32(always))].map((make) =>
      recordedBy((o) => call(o, make)),
    );
    expect({ ...narrow, buffers: [], indices: [] }).toEqual({ ...wide, buffers: [], indices: [] });
  });

  it.each(calls)("%s refuses a matrix of another type than the others", (_, matrices, always, call) => {
    for (const [type, other] of [
      ["bf16", "f32"],
      ["f32", "bf16"],
    ] as const)
      for (const role of matrices.length > 1 ? matrices : []) {
        const make = making(type, { ...float32(always), [role]: other });
        const like = new RegExp(`: ${role} must be ${type}, like|must be ${other}, like ${role}`);
        expect(() => recordedBy((o) => call(o, make)), role).toThrow(like);
      }
  });

  it.each(calls)(
    "%s refuses anything but float32 where sums are kept, and indices for a matrix",
    (_, matrices, always, call) => {
      for (const role of always)
        for (const type of ["bf16", "i32"] as const)
          expect(() => recordedBy((o) => call(o, making("bf16", { ...float32(always), [role]: type }))), role).toThrow(
            `: ${role} must be f32`,
          );
      for (const role of matrices)
        expect(() => recordedBy((o) => call(o, making("f32", { [role]: "i32" }))), role).toThrow(
          `: ${role} must be f32 or bf16`,
        );
    },
  );

  it("copies only between buffers of one type", () => {
    expect(() => recordedBy((o) => o.copy(bufferOf("a", [4], "bf16"), f32("b", 4)))).toThrow("x must have the dtype");
    expect(recordedBy((o) => o.copy(bufferOf("a", [4], "bf16"), bufferOf("b", [4], "bf16"))).sizes).toEqual([4]);
  });

  it("names both types of a product", () => {
    expect(() => recordedBy((o) => o.matmul(bufferOf("y", [2, 3], "bf16"), f32("x", 2, 4), f32("w", 4, 3)))).toThrow(
      "matmul(out: y bf16[2, 3]; a: x f32[2, 4]; b: w f32[4, 3]; plus: null): a must be bf16, like out",
    );
  });
});

describe("AdamW", () => {
  const range = (name: string, dtype: Dtype = "bf16"): Buffer => bufferOf(name, [16], dtype);
  const recorded = (types: readonly Dtype[], options: Partial<AdamwOptions> = {}): Operation => {
    const [w, m, v, g] = ["weight", "moment1", "moment2", "gradient"].map((name, at) => range(name, types[at]));
    return recordedBy((o) => o.adamw(w, m, v, g, SCALARS, { decays: false, ...options }));
  };

  it.each([
    ["fp32", ["f32", "f32", "f32", "f32"], null],
    ["bf16", ["bf16", "f32", "f32", "bf16"], range("master", "f32")],
    ["bf16-lean", ["bf16", "bf16", "bf16", "bf16"], null],
    ["a mixture", ["f32", "bf16", "bf16", "f32"], null],
  ] as const)("takes ranges of any floats: %s", (_, types, master) => {
    const { sizes, flags, outputs, buffers } = recorded(types, { master });
    expect({ sizes, flags, outputs }).toEqual({ sizes: [16, 0], flags: 0, outputs: 5 });
    expect(buffers.map((buffer) => buffer?.dtype ?? null)).toEqual([...types, master && "f32", "f32"]);
  });

  it("keeps the place of the first element", () => {
    expect(recorded(["bf16", "f32", "f32", "bf16"], { first: 2 ** 40 }).sizes).toEqual([16, 2 ** 40]);
  });

  it.each([
    ["moments of two types", ["bf16", "bf16", "f32", "bf16"], {}, "moment2 must be of moment1's type"],
    ["indices", ["bf16", "i32", "i32", "bf16"], {}, "moment1 must be f32 or bf16"],
    ["a bf16 master", ["bf16", "f32", "f32", "bf16"], { master: range("m") }, "master must be f32"],
    ["a short master", ["bf16", "f32", "f32", "bf16"], { master: f32("m", 8) }, "master must have 16 elements"],
    ["a first element within a block", ["f32", "f32", "f32", "f32"], { first: 4 }, "multiple of 8, not 4"],
    ["a first element before the arena", ["f32", "f32", "f32", "f32"], { first: -8 }, "multiple of 8, not -8"],
    ["a first element beyond whole numbers", ["f32", "f32", "f32", "f32"], { first: 2 ** 53 }, "multiple of 8"],
  ] as const)("refuses %s", (_, types, options, message) => {
    expect(() => recorded(types, options)).toThrow(message);
  });
});
