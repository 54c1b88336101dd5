/**
 * Where bf16 rounds: once, when an operation's float32 result is stored, to nearest with ties to even.
 *
 * Whole numbers show it bit by bit: products and sums of small ones are exact in float32 in any order, and beyond 256 not all of them are bf16
 * numbers; between 256 and 512 every odd one is a tie. Distances alone would not tell truncation from rounding.
 */
import { describe, expect, it } from "vitest";
import { random32, streamOf } from "../../../src/base/random.js";
import type { Buffer, BufferSpec, Device, Dtype, Operations } from "../../../src/engine/native/device.js";
import type { OpenDevice, Subject } from "./bf16-measure.js";
import { roundBf16 } from "./plain-adamw.js";

type Numbers = Float32Array | Int32Array;
type Get = (name: string) => Buffer;

/** An operation on whole numbers. */
interface SumCase {
  readonly name: string;
  readonly buffers: Readonly<Record<string, readonly [Dtype, ...number[]]>>;
  readonly inputs: Readonly<Record<string, Numbers>>;
  readonly run: (ops: Operations, get: Get) => void;
  /** Buffers afterwards, before they are rounded to their type. */
  readonly expected: Readonly<Record<string, (index: number) => number>>;
}

const [M, N, K] = [32, 48, 64];
const [A, B, PLUS] = [wholes("a", M * K, 8), wholes("b", K * N, 8), wholes("plus", M * N, 300)];
const [WIDE, NARROW] = [wholes("wide", M * N, 300), wholes("narrow", M * N, 300)];
const IDS = Int32Array.from({ length: M }, (_, n) => (n * n) % 5);
const THRICE = wholes("rows", M * N, 100);

const product = (index: number): number => sumOf(K, (k) => A[Math.floor(index / N) * K + k] * B[k * N + (index % N)]);

export const SUMS: readonly SumCase[] = [
  {
    name: "a product",
    buffers: { out: ["bf16", M, N], a: ["bf16", M, K], b: ["bf16", K, N] },
    inputs: { a: A, b: B },
    run: (ops, get) => ops.matmul(get("out"), get("a"), get("b")),
    expected: { out: product },
  },
  {
    name: "a product of transposed matrices",
    buffers: { out: ["bf16", M, N], a: ["bf16", K, M], b: ["bf16", N, K] },
    inputs: { a: transposed(A, M), b: transposed(B, K) },
    run: (ops, get) => ops.matmul(get("out"), get("a"), get("b"), { transposeA: true, transposeB: true }),
    expected: { out: product },
  },
  {
    name: "a product on top of what was there",
    buffers: { out: ["bf16", M, N], a: ["bf16", M, K], b: ["bf16", N, K] },
    inputs: { a: A, b: transposed(B, K), out: PLUS },
    run: (ops, get) => ops.matmul(get("out"), get("a"), get("b"), { transposeB: true, plus: get("out") }),
    expected: { out: (index) => roundBf16(PLUS[index]) + product(index) },
  },
  {
    name: "a gradient's product on top of what was there",
    buffers: { out: ["bf16", M, N], a: ["bf16", K, M], b: ["bf16", K, N] },
    inputs: { a: transposed(A, M), b: B, out: PLUS },
    run: (ops, get) => ops.matmul(get("out"), get("a"), get("b"), { transposeA: true, plus: get("out") }),
    expected: { out: (index) => roundBf16(PLUS[index]) + product(index) },
  },
  {
    name: "a sum",
    buffers: { out: ["bf16", M, N], x: ["bf16", M, N] },
    inputs: { out: WIDE, x: NARROW },
    run: (ops, get) => ops.add(get("out"), get("x")),
    expected: { out: (index) => roundBf16(WIDE[index]) + roundBf16(NARROW[index]) },
  },
  {
    name: "the residual stream in a norm",
    buffers: { out: ["bf16", M, N], rstd: ["f32", M], x: ["bf16", M, N], delta: ["bf16", M, N], weight: ["bf16", N] },
    inputs: { x: WIDE, delta: NARROW, weight: new Float32Array(N).fill(1) },
    run: (ops, get) => ops.rmsNorm(get("out"), get("rstd"), get("x"), get("delta"), get("weight"), 1e-5),
    expected: { x: (index) => roundBf16(WIDE[index]) + roundBf16(NARROW[index]) },
  },
  {
    name: "a bias",
    buffers: { out: ["bf16", M, N], bias: ["bf16", N] },
    inputs: { out: WIDE, bias: NARROW.slice(0, N) },
    run: (ops, get) => ops.addBias(get("out"), get("bias")),
    expected: { out: (index) => roundBf16(WIDE[index]) + roundBf16(NARROW[index % N]) },
  },
  {
    name: "a bias's gradient",
    buffers: { dBias: ["bf16", N], dOut: ["bf16", M, N] },
    inputs: { dBias: PLUS.slice(0, N), dOut: THRICE },
    run: (ops, get) => ops.addBiasBackward(get("dBias"), get("dOut")),
    expected: { dBias: (c) => roundBf16(PLUS[c]) + sumOf(M, (n) => THRICE[n * N + c]) },
  },
  {
    name: "an embedding's gradient, with tokens that come often and not at all",
    buffers: { dTable: ["bf16", 8, N], dOut: ["bf16", M, N], ids: ["i32", M] },
    inputs: { dTable: PLUS.slice(0, 8 * N), dOut: THRICE, ids: IDS },
    run: (ops, get) => ops.embedBackward(get("dTable"), get("dOut"), get("ids")),
    expected: {
      dTable: (index) => {
        const [token, c] = [Math.floor(index / N), index % N];
        return roundBf16(PLUS[index]) + sumOf(M, (n) => (IDS[n] === token ? THRICE[n * N + c] : 0));
      },
    },
  },
  {
    name: "a sum of squares, in float32",
    buffers: { out: ["f32", 1], x: ["bf16", M, N] },
    inputs: { x: THRICE },
    run: (ops, get) => ops.squaredNorm(get("out"), get("x")),
    expected: { out: () => sumOf(M * N, (index) => THRICE[index] ** 2) },
  },
];

export function roundingContract({ open }: Subject): void {
  describe("rounding", () => {
    it("of what is written, to nearest with ties to even", () => checkWritten(open));
    it.each(SUMS)("of $name, once", (one) => checkSum(open, one));
    it("leaves copies as they are", () => checkCopies(open));
  });
}

/** Ties both ways, carries into the exponent, the ends of the range, numbers below the normal ones. */
export async function checkWritten(open: OpenDevice): Promise<void> {
  const one = [
    1,
    1 + 2 ** -8,
    1 + 3 * 2 ** -8,
    1 + 2 ** -8 + 2 ** -20,
    1.998,
    1.9999,
    2 ** -126,
    2 ** -130,
    3 * 2 ** -134,
    3e38,
  ];
  const random = Array.from(
    { length: 240 },
    (_, index) => (random32(1, 2, index) / 2 ** 32 - 0.5) * 2 ** ((index % 40) - 20),
  );
  const values = Float32Array.from([...one, ...one.map((value) => -value), 0, ...random]);
  using device = await open();
  const [buffer] = device.allocate([{ name: "x", shape: [values.length], dtype: "bf16" }]).values();
  device.write(buffer, values);
  expect(await device.read(buffer)).toEqual(values.map((value) => roundBf16(value)));
}

/** @throws when a result is not the rounding of the exact one. */
export async function checkSum(open: OpenDevice, { buffers, inputs, run, expected }: SumCase): Promise<void> {
  using device = await open();
  const get = allocated(device, buffers);
  for (const [name, values] of Object.entries(inputs)) device.write(get(name), values);
  using program = device.record((ops) => run(ops, get));
  await device.run(program);
  for (const [name, value] of Object.entries(expected)) {
    const { size, dtype } = get(name);
    const right = Float32Array.from({ length: size }, (_, index) => value(index));
    if (dtype === "bf16")
      expect(
        right.some((sum) => roundBf16(sum) !== sum),
        `${name}: some need rounding`,
      ).toBe(true);
    expect(await device.read(get(name)), name).toEqual(dtype === "bf16" ? right.map((sum) => roundBf16(sum)) : right);
  }
}

async function checkCopies(open: OpenDevice): Promise<void> {
  using device = await open();
  const get = allocated(device, {
    x: ["bf16", M, N],
    copy: ["bf16", M, N],
    part: ["bf16", M, 16],
    rows: ["bf16", 8, N],
    ids: ["i32", 8],
  });
  const ids = Int32Array.from({ length: 8 }, (_, n) => (n * 5) % M);
  device.write(get("x"), WIDE);
  device.write(get("ids"), ids);
  using program = device.record((ops) => {
    ops.zero(get("copy"));
    ops.sliceColumns(get("part"), get("x"), 24);
    ops.placeColumns(get("copy"), get("part"), 8);
    ops.embed(get("rows"), get("x"), get("ids"));
  });
  await device.run(program);
  const x = WIDE.map((value) => roundBf16(value));
  const placed = x.map((_, index) => (index % N >= 8 && index % N < 24 ? x[index + 16] : 0));
  expect(await device.read(get("copy"))).toEqual(placed);
  expect(await device.read(get("rows"))).toEqual(
    Float32Array.from({ length: 8 * N }, (_, index) => x[ids[Math.floor(index / N)] * N + (index % N)]),
  );
}

function allocated(device: Device, buffers: SumCase["buffers"]): Get {
  const specs = Object.entries(buffers).map(([name, [dtype, ...shape]]): BufferSpec => ({ name, dtype, shape }));
  const made = device.allocate(specs);
  return (name) => {
    const buffer = made.get(name);
    if (buffer === undefined) throw new Error(`no buffer ${name}`);
    return buffer;
  };
}

/** Whole numbers from −limit to limit. */
function wholes(name: string, count: number, limit: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, index) => (random32(3, streamOf(name), index) % (2 * limit + 1)) - limit,
  );
}

function transposed(values: Float32Array, rows: number): Float32Array {
  const columns = values.length / rows;
  return values.map((_, index) => values[(index % rows) * columns + Math.floor(index / rows)]);
}

function sumOf(count: number, term: (index: number) => number): number {
  let total = 0;
  for (let index = 0; index < count; index++) total += term(index);
  return total;
}
