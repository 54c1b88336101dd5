/**
 * How cuBLASLt computes products of one shape: descriptors of the operation and of its matrices, and the algorithms that it offers.
 *
 * cuBLASLt thinks in columns. A row-major matrix [rows, width] is, read by columns, its transpose [width, rows], so the row-major
 * out = a · b is computed as outᵀ = bᵀ · aᵀ: the operands change places and keep their own transposes.
 *
 * Deterministic: "NONE" adds each dot product in one sequence; "COMPUTE_TYPE" splits it, keeps the parts in float32 in the workspace and
 * adds them in a separate step. The other two reduction schemes (`cublasLtReductionScheme_t`) are not asked for: both round every part to
 * the output's type, and "INPLACE" adds whichever part comes first, with counters. cuBLAS promises equal bits from run to run for one
 * version of the library and cards of equal architecture and number of multiprocessors (manual, "Results Reproducibility").
 */
import { CONSTANTS as C, type CublasLt, STRUCTS } from "../ffi/cublaslt.js";
import type { Address, Product } from "./launch.js";
import { checkCublasLt } from "./matmul-errors.js";
import { type Alignments, alignmentsOf, describeProduct } from "./matmul-product.js";

const TYPES = { f32: C.CUDA_R_32F, bf16: C.CUDA_R_16BF } as const;
const DETERMINISTIC = C.CUBLASLT_REDUCTION_SCHEME_NONE | C.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

const RESULT = STRUCTS.cublasLtMatmulHeuristicResult_t;
export const ALGORITHM_BYTES = STRUCTS.cublasLtMatmulAlgo_t.bytes;

/** Host memory that cuBLASLt reads during the call. */
const ONE = new Float32Array([1]);
const ZERO = new Float32Array([0]);

/** An algorithm as cuBLASLt serialises it (`cublasLtMatmulAlgo_t`); valid for one version of the library. */
export type Algorithm = Uint8Array;

export interface Workspace {
  readonly address: Address;
  readonly bytes: number;
}

/** Native descriptors of one key; products that differ only in their addresses share it. */
export class MatmulPlan implements Disposable {
  private readonly operation: bigint;
  private readonly layouts: { readonly left: bigint; readonly right: bigint; readonly out: bigint };
  /** Gives the descriptors back. */
  private readonly destroyers: (() => void)[] = [];
  readonly description: string;

  constructor(
    private readonly lt: CublasLt,
    private readonly handle: bigint,
    private readonly product: Product,
  ) {
    const { m, n, k, transposeA, transposeB, inputType, outputType } = product;
    this.description = describeProduct(product);
    const layout = (type: number, rows: number, width: number): bigint =>
      this.create("a matrix layout", lt.cublasLtMatrixLayoutDestroy, (out) =>
        lt.cublasLtMatrixLayoutCreate(out, type, width, rows, width),
      );
    try {
      this.operation = this.create("a product's descriptor", lt.cublasLtMatmulDescDestroy, (out) =>
        lt.cublasLtMatmulDescCreate(out, C.CUBLAS_COMPUTE_32F, C.CUDA_R_32F),
      );
      this.transpose(C.CUBLASLT_MATMUL_DESC_TRANSA, transposeB);
      this.transpose(C.CUBLASLT_MATMUL_DESC_TRANSB, transposeA);
      this.layouts = {
        left: layout(TYPES[inputType], ...(transposeB ? ([n, k] as const) : ([k, n] as const))),
        right: layout(TYPES[inputType], ...(transposeA ? ([k, m] as const) : ([m, k] as const))),
        out: layout(TYPES[outputType], m, n),
      };
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Deterministic algorithms that run in `workspaceBytes`, the one that cuBLASLt expects to be fastest first; never empty. */
  candidates(count: number, workspaceBytes: number): Algorithm[] {
    using preference = new Preference(this.lt, workspaceBytes, alignmentsOf(this.product));
    const results = new Uint8Array(count * RESULT.bytes);
    const found = new Int32Array(1);
    const { left, right, out } = this.layouts;
    const status = this.lt.cublasLtMatmulAlgoGetHeuristic(
      ...([this.handle, this.operation, left, right, out, out, preference.descriptor, count, results, found] as const),
    );
    checkCublasLt(this.lt, status, `find an algorithm for ${this.description}`);
    const usable = Array.from({ length: found[0] }, (_, index) =>
      results.slice(index * RESULT.bytes, (index + 1) * RESULT.bytes),
    )
      .filter((result) => statusOf(result) === C.CUBLAS_STATUS_SUCCESS)
      .map((result) => result.slice(0, ALGORITHM_BYTES))
      .filter((algorithm) => this.isDeterministic(algorithm));
    if (usable.length === 0)
      checkCublasLt(this.lt, C.CUBLAS_STATUS_NOT_SUPPORTED, `find a deterministic algorithm for ${this.description}`);
    return usable;
  }

  /** Whether this algorithm can run here in the workspace; one that was remembered is asked again. */
  accepts(algorithm: Algorithm, workspaceBytes: number): boolean {
    if (algorithm.length !== ALGORITHM_BYTES || !this.isDeterministic(algorithm)) return false;
    const result = new Uint8Array(RESULT.bytes);
    const { left, right, out } = this.layouts;
    const status = this.lt.cublasLtMatmulAlgoCheck(
      ...([this.handle, this.operation, left, right, out, out, algorithm, result] as const),
    );
    if (status !== C.CUBLAS_STATUS_SUCCESS) return false;
    return new DataView(result.buffer).getBigUint64(RESULT.offsets.workspaceSize, true) <= BigInt(workspaceBytes);
  }

  /** Enqueues the product on the stream; gives cuBLASLt's status. */
  enqueue(product: Product, algorithm: Algorithm, workspace: Workspace, stream: bigint): number {
    const { left, right, out } = this.layouts;
    const beta = product.plus === null ? ZERO : ONE;
    const plus = product.plus ?? product.out;
    return this.lt.cublasLtMatmul(
      ...([this.handle, this.operation, ONE, product.b, left, product.a, right, beta, plus, out] as const),
      ...([product.out, out, algorithm, workspace.address, workspace.bytes, stream] as const),
    );
  }

  [Symbol.dispose](): void {
    for (const destroy of this.destroyers.splice(0).reverse()) destroy();
  }

  /** The heuristic's mask should suffice; an algorithm that reports another scheme is refused all the same. */
  private isDeterministic(algorithm: Algorithm): boolean {
    const scheme = new Uint32Array(1);
    const attribute = C.CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME;
    const status = this.lt.cublasLtMatmulAlgoConfigGetAttribute(algorithm, attribute, scheme, scheme.byteLength, null);
    return status === C.CUBLAS_STATUS_SUCCESS && (scheme[0] & ~DETERMINISTIC) === 0;
  }

  private transpose(attribute: number, transposed: boolean): void {
    const value = new Int32Array([transposed ? C.CUBLAS_OP_T : C.CUBLAS_OP_N]);
    const status = this.lt.cublasLtMatmulDescSetAttribute(this.operation, attribute, value, value.byteLength);
    checkCublasLt(this.lt, status, `describe ${this.description}`);
  }

  private create(what: string, destroy: (object: bigint) => unknown, make: (out: BigUint64Array) => number): bigint {
    const created = new BigUint64Array(1);
    checkCublasLt(this.lt, make(created), `create ${what} for ${this.description}`);
    this.destroyers.push(() => void destroy(created[0]));
    return created[0];
  }
}

/** What the heuristic may offer. */
class Preference implements Disposable {
  readonly descriptor: bigint;

  constructor(
    private readonly lt: CublasLt,
    workspaceBytes: number,
    alignments: Alignments,
  ) {
    const created = new BigUint64Array(1);
    checkCublasLt(lt, lt.cublasLtMatmulPreferenceCreate(created), "create a search preference");
    this.descriptor = created[0];
    this.set(C.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, new BigUint64Array([BigInt(workspaceBytes)]));
    this.set(C.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, new Uint32Array([DETERMINISTIC]));
    // cuBLASLt's first operand is our second.
    this.set(C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, new Uint32Array([alignments.b]));
    this.set(C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, new Uint32Array([alignments.a]));
    this.set(C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, new Uint32Array([alignments.c]));
    this.set(C.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, new Uint32Array([alignments.d]));
  }

  [Symbol.dispose](): void {
    this.lt.cublasLtMatmulPreferenceDestroy(this.descriptor);
  }

  private set(attribute: number, value: Uint32Array | BigUint64Array): void {
    const status = this.lt.cublasLtMatmulPreferenceSetAttribute(this.descriptor, attribute, value, value.byteLength);
    if (status !== C.CUBLAS_STATUS_SUCCESS) this[Symbol.dispose]();
    checkCublasLt(this.lt, status, "set a search preference");
  }
}

function statusOf(result: Uint8Array): number {
  return new DataView(result.buffer, result.byteOffset).getInt32(RESULT.offsets.state, true);
}
