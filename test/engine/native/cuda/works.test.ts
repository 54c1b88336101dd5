/**
 * Every operation of `device.ts` as work, without a device: which kernels, with how many arguments of which kinds, from which addresses. The
 * list of kernels is written out, so that one more launch is noticed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../../../src/base/dims.js";
import type { Operation, OperationName } from "../../../../src/engine/native/call.js";
import { KERNEL_FOLDER } from "../../../../src/engine/native/cuda/runtime/kernel-source.js";
import type { Address, Launch, Work } from "../../../../src/engine/native/cuda/runtime/launch.js";
import { checkArguments, signaturesOf } from "../../../../src/engine/native/cuda/runtime/signature.js";
import { scratchBytes, worksOf } from "../../../../src/engine/native/cuda/works.js";
import {
  type AttentionShape,
  type Buffer,
  type Dtype,
  type Float,
  type Operations,
  SCALARS,
} from "../../../../src/engine/native/device.js";
import { CheckedOperations, OPERATION_NAMES } from "../../../../src/engine/native/operations.js";
import { CARDS } from "./kernels/cards.js";

const FLOATS: readonly Float[] = ["f32", "bf16"];
const SCRATCH = 1n << 40n;
const [N, C, V, F] = [6, 24, 50, 40];
const SHAPE: AttentionShape = { B: 2, T: 3, H: 4, K: 2, D: 8, window: null };
const X = (SHAPE.H + 2 * SHAPE.K) * SHAPE.D;

/** Buffers are told apart by their addresses, which are far from each other. */
function makeBuffers(): {
  readonly make: (dtype: Dtype, ...shape: number[]) => Buffer;
  addressOf(buffer: Buffer): Address;
} {
  const addresses = new Map<Buffer, Address>();
  return {
    make: (dtype, ...shape) => {
      const buffer = { name: `buffer ${addresses.size}`, shape, dtype, size: sizeOf(shape) };
      addresses.set(buffer, BigInt(addresses.size + 1) << 32n);
      return buffer;
    },
    addressOf: (buffer) => {
      const address = addresses.get(buffer);
      if (address === undefined) throw new Error(`${buffer.name} is unknown`);
      return address;
    },
  };
}

type Record = (ops: Operations, make: (dtype: Dtype, ...shape: number[]) => Buffer, float: Float) => void;

/** A call of every operation, and the work that it should be, by name of the kernel. */
const CALLS: Readonly<
  globalThis.Record<OperationName, readonly { call: Record; works: (float: Float) => string[] }[]>
> = {
  zero: [{ call: (ops, make, float) => ops.zero(make(float, N, C)), works: () => ["fill"] }],
  copy: [{ call: (ops, make, float) => ops.copy(make(float, N), make(float, N)), works: () => ["copy"] }],
  add: [{ call: (ops, make, float) => ops.add(make(float, N), make(float, N)), works: () => ["add"] }],
  embed: [
    {
      call: (ops, make, float) => ops.embed(make(float, N, C), make(float, V, C), make("i32", N)),
      works: () => ["embed"],
    },
  ],
  embedBackward: [
    {
      call: (ops, make, float) => ops.embedBackward(make(float, V, C), make(float, N, C), make("i32", N)),
      works: () => ["sort_chunks", "merge_chunks", "add_runs"],
    },
  ],
  rmsNorm: [
    {
      call: (ops, make, f) =>
        ops.rmsNorm(make(f, N, C), make("f32", N), make(f, N, C), make(f, N, C), make(f, C), 1e-5),
      works: () => ["rms_norm"],
    },
    {
      call: (ops, make, f) => ops.rmsNorm(make(f, N, C), make("f32", N), make(f, N, C), null, make(f, C), 1e-5),
      works: () => ["rms_norm"],
    },
  ],
  rmsNormBackward: [
    {
      call: (ops, make, f) =>
        ops.rmsNormBackward(make(f, N, C), make(f, C), make(f, N, C), make(f, N, C), make("f32", N), make(f, C)),
      works: () => ["rms_norm_backward", "sum_parts"],
    },
  ],
  matmul: [
    { call: (ops, make, f) => ops.matmul(make(f, N, C), make(f, N, F), make(f, F, C)), works: () => ["product"] },
    {
      call: (ops, make, f) =>
        ops.matmul(make(f, N, C), make(f, F, N), make(f, C, F), {
          ...{ transposeA: true, transposeB: true, plus: make(f, N, C) },
        }),
      works: () => ["product"],
    },
  ],
  addBias: [{ call: (ops, make, f) => ops.addBias(make(f, N, C), make(f, C)), works: () => ["add_bias"] }],
  addBiasBackward: [
    {
      call: (ops, make, f) => ops.addBiasBackward(make(f, C), make(f, N, C)),
      works: () => ["sum_rows", "sum_parts"],
    },
  ],
  sliceColumns: [
    { call: (ops, make, f) => ops.sliceColumns(make(f, N, C), make(f, N, F), 3), works: () => ["copy_columns"] },
  ],
  placeColumns: [
    { call: (ops, make, f) => ops.placeColumns(make(f, N, F), make(f, N, C), 3), works: () => ["copy_columns"] },
  ],
  placeRows: [
    {
      call: (ops, make, f) => ops.placeRows(make(f, V, C), make(f, N, F), make("i32", N), 3),
      works: () => ["place_rows"],
    },
  ],
  rope: [
    {
      call: (ops, make, f) =>
        ops.rope(make(f, N, X), make("f32", 9, SHAPE.D), make("i32", N), SHAPE, { inverse: true }),
      works: () => ["rope"],
    },
  ],
  attention: [
    {
      call: (ops, make, f) =>
        ops.attention(make(f, N, SHAPE.H * SHAPE.D), make("f32", N, SHAPE.H), make(f, N, X), make("i32", N), SHAPE),
      works: (f) => [f === "f32" ? "attention_forward_f32" : "attention_forward"],
    },
    {
      call: (ops, make, f) => {
        const cache = { keysValues_RSY: make(f, 4, 9, 2 * SHAPE.K * SHAPE.D), places_N: make("i32", N) };
        const out = [make(f, N, SHAPE.H * SHAPE.D), make("f32", N, SHAPE.H)] as const;
        ops.attention(...out, make(f, N, X), make("i32", N), SHAPE, cache);
      },
      works: (f) => [f === "f32" ? "attention_forward_f32" : "attention_forward"],
    },
  ],
  attentionBackward: [
    {
      call: (ops, make, f) => {
        const [heads, numbers] = [
          [N, SHAPE.H * SHAPE.D],
          [N, SHAPE.H],
        ];
        ops.attentionBackward(
          ...([make(f, N, X), make("f32", ...numbers), make(f, ...heads), make(f, ...heads)] as const),
          ...([make("f32", ...numbers), make(f, N, X), make("i32", N), SHAPE] as const),
        );
      },
      works: (f) => {
        const kernels = ["attention_dots", "attention_backward_queries", "attention_backward_keys"];
        return kernels.map((kernel) => (f === "f32" ? `${kernel}_f32` : kernel));
      },
    },
  ],
  swiglu: [{ call: (ops, make, f) => ops.swiglu(make(f, N, F), make(f, N, 2 * F)), works: () => ["swiglu"] }],
  swigluBackward: [
    {
      call: (ops, make, f) => ops.swigluBackward(make(f, N, 2 * F), make(f, N, F), make(f, N, 2 * F)),
      works: () => ["swiglu_backward"],
    },
  ],
  crossEntropy: [
    {
      call: (ops, make, f) =>
        ops.crossEntropy(make("f32", N), make(f, N, V), make("i32", N), make("f32", N), make("f32", SCALARS.length), {
          ...{ vocabulary: V - 1, gradient: true },
        }),
      works: () => ["cross_entropy"],
    },
  ],
  squaredNorm: [
    {
      call: (ops, make, f) => ops.squaredNorm(make("f32", 1), make(f, N, C)),
      works: () => ["sum_squares", "sum_blocks"],
    },
  ],
  adamw: [
    {
      call: (ops, make, f) => {
        const [weight, moment1, moment2, gradient] = [1, 2, 3, 4].map(() => make(f, N));
        ops.adamw(weight, moment1, moment2, gradient, make("f32", SCALARS.length), { decays: true });
      },
      works: () => ["adamw"],
    },
    {
      call: (ops, make, f) => {
        const [moment1, moment2, master] = [1, 2, 3].map(() => make("f32", N));
        const options = { decays: false, first: 16, master };
        ops.adamw(make(f, N), moment1, moment2, make(f, N), make("f32", SCALARS.length), options);
      },
      works: () => ["adamw"],
    },
  ],
};

const CASES = FLOATS.flatMap((float) =>
  OPERATION_NAMES.flatMap((name) =>
    CALLS[name].map(({ call, works }, index) => ({
      title: `${name} ${index + 1}, ${float}`,
      name,
      float,
      call,
      works,
    })),
  ),
);

function nameOf(work: Work): string {
  return work.kind === "launch" ? work.kernel.name : work.kind;
}

function addressesOf(work: Work): (Address | null)[] {
  if (work.kind === "product") return [work.out, work.a, work.b, work.plus];
  if (work.kind === "fill") return [work.address];
  if (work.kind === "copy") return [work.to, work.from];
  return work.args.flatMap((argument) => ("pointer" in argument ? [argument.pointer] : []));
}

function recorded(
  call: Record,
  float: Float,
): { readonly operation: Operation; readonly works: readonly Work[]; readonly own: Set<Address> } {
  const operations: Operation[] = [];
  const { make, addressOf } = makeBuffers();
  call(new CheckedOperations((operation) => operations.push(operation)), make, float);
  const [operation] = operations;
  const context = { card: CARDS.h100, addressOf, scratch: SCRATCH };
  const own = new Set(operation.buffers.filter((buffer) => buffer !== null).map(addressOf));
  return { operation, works: worksOf(operation, context), own };
}

describe("the work of", () => {
  it.each(CASES)("$title", ({ name, float, call, works: expected }) => {
    const { operation, works, own } = recorded(call, float);
    expect(operation.name).toBe(name);
    expect(works.map(nameOf)).toEqual(expected(float));
    // It reads and writes the operation's buffers, all of them, its scratch where it has some, and nothing else.
    const used = new Set(works.flatMap(addressesOf));
    used.delete(null);
    const inScratch = [...used].filter((address) => address !== null && address >= SCRATCH);
    for (const address of inScratch) {
      expect(address).toBeLessThan(SCRATCH + BigInt(scratchBytes(operation)));
      used.delete(address);
    }
    expect(inScratch.length > 0).toBe(scratchBytes(operation) > 0);
    // Columns begin inside of a buffer.
    expect(new Set([...used].map((address) => ((address ?? 0n) >> 32n) << 32n))).toEqual(own);
    for (const launch of works.filter((work): work is Launch => work.kind === "launch")) {
      const text = readFileSync(join(KERNEL_FOLDER, launch.kernel.file), "utf8");
      checkArguments(launch.kernel.name, signaturesOf(launch.kernel.file, text, launch.kernel.name), launch.args);
    }
  });

  it("a fill and a copy is as long as the buffer, in bytes of its type", () => {
    expect(recorded(CALLS.zero[0].call, "f32").works).toMatchObject([{ bytes: 4 * N * C }]);
    expect(recorded(CALLS.zero[0].call, "bf16").works).toMatchObject([{ bytes: 2 * N * C }]);
    expect(recorded(CALLS.copy[0].call, "bf16").works).toMatchObject([{ bytes: 2 * N }]);
  });

  it("a product has its sizes, transposes and what is added", () => {
    const plain = { m: N, n: C, k: F, transposeA: false, transposeB: false, plus: null, inputType: "f32" };
    expect(recorded(CALLS.matmul[0].call, "f32").works).toMatchObject([plain]);
    const { works } = recorded(CALLS.matmul[1].call, "bf16");
    expect(works).toMatchObject([{ m: N, n: C, k: F, transposeA: true, transposeB: true, outputType: "bf16" }]);
    expect(works[0].kind === "product" && works[0].plus).not.toBeNull();
  });

  it("attention without a window sees the whole row", () => {
    const windows = [null, SHAPE.T].map((window) =>
      recorded((ops, make, f) => {
        const shape = { ...SHAPE, window };
        ops.attention(make(f, N, SHAPE.H * SHAPE.D), make("f32", N, SHAPE.H), make(f, N, X), make("i32", N), shape);
      }, "bf16"),
    );
    expect(windows[0].works).toEqual(windows[1].works);
  });
});
