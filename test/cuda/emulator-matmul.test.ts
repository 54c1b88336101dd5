/** cuBLASLt's stand-in against plain loops in float64: layouts, transposes, types, alpha and beta, a result apart from what is added. */
import { beforeEach, describe, expect, it } from "vitest";
import { CONSTANTS as C } from "../../src/engine/native/cuda/ffi/cublaslt.js";
import { emulatorMissing } from "./emulator/build.js";
import { type Card, openCard } from "./emulator/card.js";

const missing = await emulatorMissing();
let card: Card;
beforeEach(async () => {
  card = await openCard();
});

type Type = "f32" | "bf16";
const CODES = { f32: C.CUDA_R_32F, bf16: C.CUDA_R_16BF } as const;

/** Column-major, as cuBLASLt's default. Values are whole, so every sum here is exact in float32. */
interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly leading: number;
  readonly type: Type;
  readonly at: (row: number, column: number) => number;
}

function matrix(rows: number, columns: number, type: Type, seed: number, padding = 0): Matrix {
  const at = (row: number, column: number): number => ((row * 31 + column * 17 + seed) % 13) - 6;
  return { rows, columns, leading: rows + padding, type, at };
}

const bf16 = (value: number): number => new Uint32Array(new Float32Array([value]).buffer)[0] >>> 16;
const fromBf16 = (bits: number): number => new Float32Array(new Uint32Array([bits << 16]).buffer)[0];

function upload({ rows, columns, leading, type, at }: Matrix): bigint {
  const values = new Float32Array(leading * columns).fill(Number.NaN);
  for (let column = 0; column < columns; column++)
    for (let row = 0; row < rows; row++) values[column * leading + row] = at(row, column);
  return card.upload(type === "f32" ? values : Uint16Array.from(values, bf16));
}

function download(address: bigint, { rows, columns, leading, type }: Matrix): number[] {
  const size = leading * columns;
  const all =
    type === "f32"
      ? [...card.download(address, new Float32Array(size))]
      : [...card.download(address, new Uint16Array(size))].map(fromBf16);
  return Array.from({ length: rows * columns }, (_, i) => all[Math.floor(i / rows) * leading + (i % rows)]);
}

const layoutOf = ({ type, rows, columns, leading }: Matrix): bigint =>
  card.made((out) => card.lt.cublasLtMatrixLayoutCreate(out, CODES[type], rows, columns, leading));

interface Given {
  readonly a: Matrix;
  readonly b: Matrix;
  readonly c: Matrix;
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha?: number;
  readonly beta?: number;
}

interface Addresses {
  readonly a: bigint;
  readonly b: bigint;
  readonly c: bigint;
  readonly d: bigint;
}

interface How {
  readonly algorithm?: Uint8Array;
  readonly workspace?: bigint;
  readonly bytes?: number;
  readonly stream?: bigint;
}

class Product {
  readonly handle = card.made((out) => card.lt.cublasLtCreate(out));
  readonly operation = card.made((out) => card.lt.cublasLtMatmulDescCreate(out, C.CUBLAS_COMPUTE_32F, C.CUDA_R_32F));
  readonly layouts: { readonly a: bigint; readonly b: bigint; readonly c: bigint };

  constructor(readonly given: Given) {
    const { lt } = card;
    card.check(
      lt.cublasLtMatmulDescSetAttribute(
        this.operation,
        C.CUBLASLT_MATMUL_DESC_TRANSA,
        new Int32Array([Number(given.transA)]),
        4,
      ),
    );
    card.check(
      lt.cublasLtMatmulDescSetAttribute(
        this.operation,
        C.CUBLASLT_MATMUL_DESC_TRANSB,
        new Int32Array([Number(given.transB)]),
        4,
      ),
    );
    this.layouts = { a: layoutOf(given.a), b: layoutOf(given.b), c: layoutOf(given.c) };
  }

  /** Gives cuBLASLt's status. */
  run(addresses: Addresses, how: How = {}): number {
    const { alpha = 1, beta = 0 } = this.given;
    const { algorithm = null, workspace = 0n, bytes = 0, stream = null } = how;
    const { a, b, c } = this.layouts;
    return card.lt.cublasLtMatmul(
      ...([this.handle, this.operation, new Float32Array([alpha]), addresses.a, a, addresses.b, b] as const),
      ...([new Float32Array([beta]), addresses.c, c, addresses.d, c, algorithm, workspace, bytes, stream] as const),
    );
  }

  heuristic(workspace: number, schemes: number): { status: number; algorithms: Uint8Array[] } {
    const { lt } = card;
    const preference = card.made((out) => lt.cublasLtMatmulPreferenceCreate(out));
    card.check(
      lt.cublasLtMatmulPreferenceSetAttribute(
        preference,
        C.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
        new BigUint64Array([BigInt(workspace)]),
        8,
      ),
    );
    card.check(
      lt.cublasLtMatmulPreferenceSetAttribute(
        preference,
        C.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
        new Uint32Array([schemes]),
        4,
      ),
    );
    const results = new Uint8Array(96 * 8);
    const found = new Int32Array(1);
    const { a, b, c } = this.layouts;
    const status = lt.cublasLtMatmulAlgoGetHeuristic(
      this.handle,
      this.operation,
      a,
      b,
      c,
      c,
      preference,
      8,
      results,
      found,
    );
    return { status, algorithms: Array.from({ length: found[0] }, (_, i) => results.slice(96 * i, 96 * i + 64)) };
  }
}

/** In the order of a column-major result. */
function plain({ a, b, c, transA, transB, alpha = 1, beta = 0 }: Given): number[] {
  const inner = transA ? a.rows : a.columns;
  return Array.from({ length: c.rows * c.columns }, (_, i) => {
    const [row, column] = [i % c.rows, Math.floor(i / c.rows)];
    let sum = 0;
    for (let k = 0; k < inner; k++)
      sum += (transA ? a.at(k, row) : a.at(row, k)) * (transB ? b.at(column, k) : b.at(k, column));
    return alpha * sum + (beta === 0 ? 0 : beta * c.at(row, column));
  });
}

const [M, N, K] = [37, 41, 300];
const given = (transA: boolean, transB: boolean, input: Type, output: Type): Given => ({
  a: transA ? matrix(K, M, input, 1, 3) : matrix(M, K, input, 1, 3),
  b: transB ? matrix(N, K, input, 2, 1) : matrix(K, N, input, 2, 1),
  c: matrix(M, N, output, 3, 2),
  transA,
  transB,
});
/** bf16 rounds to 8 bits: half a unit in the last place of the largest value. */
const rounding = (output: Type, values: readonly number[]): number =>
  output === "f32" ? 0 : Math.max(...values.map(Math.abs)) * 2 ** -8;

describe.skipIf(missing !== null)("cublasLtMatmul", () => {
  const transposes = [false, true].flatMap((a) => [false, true].map((b) => ({ transA: a, transB: b })));
  const types = [
    { input: "f32", output: "f32" },
    { input: "bf16", output: "bf16" },
    { input: "bf16", output: "f32" },
  ] as const;

  it.each(transposes.flatMap((t) => types.map((u) => ({ ...t, ...u }))))(
    "equals plain loops: a transposed $transA, b $transB, $input to $output",
    ({ transA, transB, input, output }) => {
      const what = given(transA, transB, input, output);
      const d = upload(what.c);
      card.check(new Product(what).run({ a: upload(what.a), b: upload(what.b), c: d, d }));
      const expected = plain(what);
      const limit = rounding(output, expected);
      const got = download(d, what.c);
      expect(Math.max(...got.map((value, i) => Math.abs(value - expected[i])))).toBeLessThanOrEqual(limit);
      expect(card.emulator.report()).toMatchObject({ matmuls: 1, errors: [] });
    },
  );

  it.each([true, false])("adds beta·c to alpha·a·b (in place: %s)", (inPlace) => {
    const what = { ...given(false, true, "f32", "f32"), alpha: 0.5, beta: 2 };
    const c = upload(what.c);
    const d = inPlace ? c : card.allocate(4 * what.c.leading * N);
    card.check(new Product(what).run({ a: upload(what.a), b: upload(what.b), c, d }));
    expect(download(d, what.c)).toEqual(plain(what));
    if (!inPlace) expect(download(c, what.c)).toEqual(plain({ ...what, alpha: 0, beta: 1 }));
  });

  it("does not read c where beta is 0", () => {
    const what = given(false, false, "f32", "f32");
    const d = card.allocate(4 * what.c.leading * N); // NaN
    card.check(new Product(what).run({ a: upload(what.a), b: upload(what.b), c: d, d }));
    expect(download(d, what.c)).toEqual(plain(what));
  });

  it("offers algorithms as the preference allows, which need their workspace", () => {
    const what = given(false, false, "bf16", "bf16");
    const product = new Product(what);
    const counts = [
      [0, 7],
      [1 << 20, 7],
      [1 << 20, 2],
      [1 << 20, 0],
    ].map(([bytes, schemes]) => product.heuristic(bytes, schemes).algorithms.length);
    expect(counts).toEqual([2, 3, 2, 1]);
    const d = upload(what.c);
    const addresses = { a: upload(what.a), b: upload(what.b), c: d, d };
    const [split] = product.heuristic(1 << 20, 2).algorithms;
    expect(product.run(addresses, { algorithm: split })).toBe(C.CUBLAS_STATUS_INVALID_VALUE);
    card.check(product.run(addresses, { algorithm: split, workspace: card.allocate(1 << 20), bytes: 1 << 20 }));
    const garbage = product.run(addresses, { algorithm: new Uint8Array(64) });
    expect(garbage).toBe(C.CUBLAS_STATUS_INVALID_VALUE);
  });

  it("refuses shapes and types that do not fit", () => {
    const fits = given(false, false, "f32", "f32");
    const status = (change: Partial<Given>): number => new Product({ ...fits, ...change }).heuristic(0, 7).status;
    expect(status({})).toBe(0);
    expect(status({ b: matrix(K + 1, N, "f32", 0) })).toBe(C.CUBLAS_STATUS_INVALID_VALUE);
    expect(status({ a: { ...fits.a, leading: M - 1 } })).toBe(C.CUBLAS_STATUS_INVALID_VALUE);
    expect(status({ c: matrix(M, N, "bf16", 0) })).toBe(C.CUBLAS_STATUS_NOT_SUPPORTED);
    expect(status({ b: matrix(K, N, "bf16", 0) })).toBe(C.CUBLAS_STATUS_NOT_SUPPORTED);
  });

  it.each([
    {
      what: "a matrix that is not all there",
      change: { a: 100n },
      says: /cublasLtMatmul: a has 47988 bytes at byte 100 of 48000 of device memory/,
    },
    { what: "a result that is also a factor", change: { d: 0n }, says: /cublasLtMatmul: d shares memory with a/ },
  ])("sees $what", ({ change, says }) => {
    const what = given(false, false, "f32", "f32");
    const a = upload(what.a);
    const [b, c] = [upload(what.b), upload(what.c)];
    const addresses = { a: a + (change.a ?? 0n), b, c, d: change.d === undefined ? c : a + change.d };
    card.check(new Product(what).run(addresses));
    expect(card.nameOf(card.synchronize())).toBe("CUDA_ERROR_ILLEGAL_ADDRESS");
    expect(card.emulator.report().errors[0]).toMatch(says);
  });

  it("is recorded like a launch while a stream is captured", () => {
    const what = { ...given(false, false, "f32", "f32"), beta: 1 };
    const product = new Product(what);
    const d = upload(what.c);
    const addresses = { a: upload(what.a), b: upload(what.b), c: d, d };
    const stream = card.made((out) => card.driver.cuStreamCreate(out, 1));
    card.check(card.synchronize());
    card.check(card.driver.cuStreamBeginCapture_v2(stream, 1));
    card.check(product.run(addresses, { stream }));
    const graph = card.made((out) => card.driver.cuStreamEndCapture(stream, out));
    card.check(card.lt.cublasLtMatmulDescDestroy(product.operation));
    const executable = card.made((out) => card.driver.cuGraphInstantiateWithFlags(out, graph, 0));
    card.check(card.driver.cuGraphLaunch(executable, stream));
    card.check(card.driver.cuGraphLaunch(executable, stream));
    card.check(card.synchronize(stream));
    expect(card.emulator.report().matmuls).toBe(2);
    // c + a·b + a·b
    expect(download(d, what.c)).toEqual(plain({ ...what, alpha: 2 }));
  });
});
