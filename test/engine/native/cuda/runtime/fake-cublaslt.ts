/**
 * cuBLASLt and device memory inside JavaScript, with algorithms and times that a test chooses: column-major products with exact sums,
 * rounded once. It counts what lives, so that a test sees leaks.
 */

import { CONSTANTS as C, type CublasLt } from "../../../../../src/engine/native/cuda/ffi/cublaslt.js";
import type { Pointer } from "../../../../../src/engine/native/cuda/ffi/prototypes.js";
import type { Card } from "../../../../../src/engine/native/cuda/runtime/card.js";
import type { MatmulHost } from "../../../../../src/engine/native/cuda/runtime/matmul-host.js";
import { BASE, FakeMemory } from "./fake-memory.js";

export const HOPPER: Card = {
  name: "NVIDIA H100 80GB HBM3",
  computeCapability: [9, 0],
  multiprocessors: 132,
  memoryBytes: 80 * 2 ** 30,
  sharedBytesPerBlock: 232_448,
  l2Bytes: 50 * 2 ** 20,
};
export const AMPERE: Card = {
  ...HOPPER,
  name: "NVIDIA A100-SXM4-80GB",
  computeCapability: [8, 0],
  multiprocessors: 108,
};

export interface FakeAlgorithm {
  /** From 1 to 255. */
  readonly id: number;
  /** Of one run. */
  readonly milliseconds: number;
  readonly scheme?: number;
  readonly workspace?: number;
  /** What running it gives. */
  readonly status?: number;
}

interface Layout {
  readonly type: number;
  readonly rows: number;
  readonly cols: number;
}

type Thing =
  | { readonly kind: "handle" }
  | { readonly kind: "operation"; readonly attributes: Map<number, number>; readonly computeType: number }
  | ({ readonly kind: "layout" } & Layout)
  | { readonly kind: "preference"; readonly attributes: Map<number, number> };

/** What the last search for algorithms asked for. */
export interface Search {
  readonly preferences: ReadonlyMap<number, number>;
  readonly count: number;
}

export class FakeCublasLt {
  algorithms: readonly FakeAlgorithm[] = [{ id: 1, milliseconds: 1 }];
  version = 130_101;
  /** Functions that fail, and with what. */
  readonly failing = new Map<keyof CublasLt, number>();
  readonly searches: Search[] = [];
  /** Ids of the algorithms that ran, and where to. */
  readonly runs: {
    readonly id: number;
    readonly out: bigint;
    readonly workspaceBytes: number;
    readonly stream: unknown;
  }[] = [];
  /** Time that has passed on the card. */
  clock = 0;
  private readonly things = new Map<bigint, Thing>();
  private nextHandle = 1n;

  constructor(readonly memory = new FakeMemory()) {}

  get alive(): number {
    return this.things.size;
  }

  host(card: Card = HOPPER): MatmulHost {
    let inUse = 0;
    return {
      card,
      timer: {
        stream: 77n,
        milliseconds: (enqueue) => {
          const begin = this.clock;
          enqueue();
          return this.clock - begin;
        },
      },
      allocate: (bytes) => {
        // The workspace is never read, so it needs no room of its own.
        const address = bytes >= 1 << 22 ? BASE : this.memory.allocate(bytes);
        this.memory.allocations.set(BigInt(++inUse), bytes);
        const key = BigInt(inUse);
        return { address, [Symbol.dispose]: () => void this.memory.allocations.delete(key) };
      },
    };
  }

  readonly functions: CublasLt = {
    cublasLtCreate: (out) => this.make("cublasLtCreate", out, { kind: "handle" }),
    cublasLtDestroy: (handle) => this.destroy(handle, "handle"),
    cublasLtGetStatusName: (status) =>
      Object.entries(C).find(([name, value]) => name.startsWith("CUBLAS_STATUS") && value === status)?.[0] ?? "unknown",
    cublasLtGetStatusString: (status) => `words for ${status}`,
    cublasLtGetVersion: () => this.version,
    cublasLtMatrixLayoutCreate: (out, type, rows, cols, ld) => {
      if (Number(ld) !== Number(rows)) throw new Error("a matrix is not dense");
      const layout = { kind: "layout", type, rows: Number(rows), cols: Number(cols) } as const;
      return this.make("cublasLtMatrixLayoutCreate", out, layout);
    },
    cublasLtMatrixLayoutDestroy: (layout) => this.destroy(layout, "layout"),
    cublasLtMatmulDescCreate: (out, computeType, scaleType) => {
      if (scaleType !== C.CUDA_R_32F) throw new Error("scalars are not float32");
      return this.make("cublasLtMatmulDescCreate", out, { kind: "operation", attributes: new Map(), computeType });
    },
    cublasLtMatmulDescDestroy: (operation) => this.destroy(operation, "operation"),
    cublasLtMatmulDescSetAttribute: (operation, attribute, value, bytes) =>
      this.setAttribute("cublasLtMatmulDescSetAttribute", operation, attribute, value, Number(bytes)),
    cublasLtMatmulPreferenceCreate: (out) =>
      this.make("cublasLtMatmulPreferenceCreate", out, { kind: "preference", attributes: new Map() }),
    cublasLtMatmulPreferenceDestroy: (preference) => this.destroy(preference, "preference"),
    cublasLtMatmulPreferenceSetAttribute: (preference, attribute, value, bytes) =>
      this.setAttribute("cublasLtMatmulPreferenceSetAttribute", preference, attribute, value, Number(bytes)),
    cublasLtMatmulAlgoGetHeuristic: (_handle, _op, _a, _b, _c, _d, preference, count, results, found) =>
      this.search(preference, count, results, found),
    cublasLtMatmulAlgoCheck: (_handle, _operation, _a, _b, _c, _d, algorithm, result) => {
      const known = this.algorithms.find(({ id }) => id === bytesOf(algorithm)[0]);
      if (known === undefined) return C.CUBLAS_STATUS_NOT_SUPPORTED;
      viewOf(result).setBigUint64(64, BigInt(known.workspace ?? 0), true);
      return C.CUBLAS_STATUS_SUCCESS;
    },
    cublasLtMatmulAlgoConfigGetAttribute: (algorithm, attribute, value) => {
      if (attribute !== C.CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME) return C.CUBLAS_STATUS_INVALID_VALUE;
      viewOf(value).setUint32(0, bytesOf(algorithm)[1], true);
      return C.CUBLAS_STATUS_SUCCESS;
    },
    cublasLtMatmul: (
      _handle,
      operation,
      alpha,
      a,
      aLayout,
      b,
      bLayout,
      beta,
      c,
      cLayout,
      d,
      dLayout,
      algorithm,
      _w,
      size,
      stream,
    ) => {
      const known = this.algorithms.find(({ id }) => id === bytesOf(algorithm)[0]);
      if (known === undefined) return C.CUBLAS_STATUS_INVALID_VALUE;
      const failed = this.failing.get("cublasLtMatmul") ?? known.status ?? 0;
      if (failed !== 0) return failed;
      this.clock += known.milliseconds;
      this.runs.push({ id: known.id, out: addressOf(d), workspaceBytes: Number(size), stream });
      if (cLayout !== dLayout) throw new Error("C and D have different layouts");
      this.multiply(
        this.thing(operation, "operation"),
        { at: addressOf(a), ...this.thing(aLayout, "layout") },
        { at: addressOf(b), ...this.thing(bLayout, "layout") },
        { at: addressOf(c), ...this.thing(dLayout, "layout") },
        { at: addressOf(d), alpha: viewOf(alpha).getFloat32(0, true), beta: viewOf(beta).getFloat32(0, true) },
      );
      return 0;
    },
  };

  private make(name: keyof CublasLt, out: Pointer, thing: Thing): number {
    const failed = this.failing.get(name);
    if (failed !== undefined) return failed;
    viewOf(out).setBigUint64(0, this.nextHandle, true);
    this.things.set(this.nextHandle++, thing);
    return 0;
  }

  private destroy(handle: Pointer, kind: Thing["kind"]): number {
    this.thing(handle, kind);
    this.things.delete(addressOf(handle));
    return 0;
  }

  private thing<Kind extends Thing["kind"]>(handle: Pointer, kind: Kind): Extract<Thing, { kind: Kind }> {
    const found = this.things.get(addressOf(handle));
    if (found?.kind !== kind) throw new Error(`${String(handle)} is no ${kind}`);
    return found as Extract<Thing, { kind: Kind }>;
  }

  private setAttribute(
    name: keyof CublasLt,
    handle: Pointer,
    attribute: number,
    value: Pointer,
    bytes: number,
  ): number {
    const failed = this.failing.get(name);
    if (failed !== undefined) return failed;
    const kind = name === "cublasLtMatmulDescSetAttribute" ? "operation" : "preference";
    const number = bytes === 8 ? Number(viewOf(value).getBigUint64(0, true)) : viewOf(value).getUint32(0, true);
    this.thing(handle, kind).attributes.set(attribute, number);
    return 0;
  }

  /** Offers whatever the test wants, even what was not asked for. */
  private search(preference: Pointer, count: number, results: Pointer, found: Pointer): number {
    const failed = this.failing.get("cublasLtMatmulAlgoGetHeuristic");
    if (failed !== undefined) return failed;
    this.searches.push({ preferences: new Map(this.thing(preference, "preference").attributes), count });
    const offered = this.algorithms.slice(0, count);
    offered.forEach(({ id, scheme = 0, workspace = 0 }, index) => {
      bytesOf(results).set([id, scheme], index * 96);
      viewOf(results).setBigUint64(index * 96 + 64, BigInt(workspace), true);
    });
    viewOf(found).setInt32(0, offered.length, true);
    return 0;
  }

  private multiply(
    { attributes, computeType }: { readonly attributes: ReadonlyMap<number, number>; readonly computeType: number },
    a: Layout & { readonly at: bigint },
    b: Layout & { readonly at: bigint },
    c: Layout & { readonly at: bigint },
    { at, alpha, beta }: { readonly at: bigint; readonly alpha: number; readonly beta: number },
  ): void {
    if (computeType !== C.CUBLAS_COMPUTE_32F) throw new Error("sums are not plain float32");
    const [ta, tb] = [C.CUBLASLT_MATMUL_DESC_TRANSA, C.CUBLASLT_MATMUL_DESC_TRANSB].map(
      (one) => attributes.get(one) === 1,
    );
    const [m, k, kb, n] = [ta ? a.cols : a.rows, ta ? a.rows : a.cols, tb ? b.cols : b.rows, tb ? b.rows : b.cols];
    if (k !== kb || c.rows !== m || c.cols !== n) throw new Error("shapes do not fit");
    const element = (matrix: Layout & { readonly at: bigint }, row: number, column: number): number =>
      this.memory.get(matrix.at, matrix.type, row + column * matrix.rows);
    const sums = Float64Array.from({ length: m * n }, (_, index) => {
      const [row, column] = [index % m, Math.floor(index / m)];
      let sum = 0;
      for (let inner = 0; inner < k; inner++)
        sum +=
          (ta ? element(a, inner, row) : element(a, row, inner)) *
          (tb ? element(b, column, inner) : element(b, inner, column));
      return alpha * sum + (beta === 0 ? 0 : beta * element(c, row, column));
    });
    sums.forEach((sum, index) => {
      this.memory.put(at, c.type, index, sum);
    });
  }
}

function addressOf(pointer: Pointer): bigint {
  if (typeof pointer !== "bigint") throw new Error("not an address of the card");
  return pointer;
}

function bytesOf(pointer: unknown): Uint8Array {
  if (!ArrayBuffer.isView(pointer)) throw new Error("not memory of the host");
  return new Uint8Array(pointer.buffer, pointer.byteOffset, pointer.byteLength);
}

function viewOf(pointer: unknown): DataView {
  const { buffer, byteOffset, byteLength } = bytesOf(pointer);
  return new DataView(buffer, byteOffset, byteLength);
}
