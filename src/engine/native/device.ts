/**
 * What a device must do for the native engine: about twenty operations on planned buffers, recorded once and run many times.
 *
 * Every matrix is row-major. N = B·T rows of tokens. Matrices and norm weights are of one float type, which a device may compute with in
 * float32 and round at the end; rstd, lse, scratch, losses, masks, rotary tables, scalars and sums of squares are float32 always. "Adds" means the result is added to what the output
 * holds; otherwise outputs are overwritten. Reductions have one fixed order, so equal inputs give equal bits, whatever the number of threads.
 */

/** Types of real numbers; bf16 has float32's range and 8 bits of precision. */
export type Float = "f32" | "bf16";
export type Dtype = Float | "i32";

/** Bytes of an element. */
export const DTYPE_BYTES: Readonly<Record<Dtype, number>> = { f32: 4, i32: 4, bf16: 2 };

/** Elements in JavaScript's memory; a Uint16Array holds the bits of bf16 numbers. */
export type HostArray = Float32Array | Int32Array | Uint16Array;

/** A planned tensor. The whole table is allocated once; `place` decides what may share memory. */
export interface BufferSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
}

/** Part of a device's memory, with the shape that it was planned with. Elements are counted in its dtype. */
export interface Buffer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly size: number;
}

/** A recorded list of operations. */
export interface Program extends Disposable {
  readonly operations: number;
}

/** Time spent in each kind of operation, and how often it ran; bytes read and written and FLOPs of products where the device counts them. */
export interface Timing {
  readonly ms: number;
  readonly calls: number;
  readonly bytes?: number;
  readonly flops?: number;
}
export type Timings = Map<keyof Operations, Timing>;

/** Per-step numbers, read when a program runs and not when it is recorded; `scalars` is a f32 buffer with one element of each. */
export const SCALARS = [
  "lossScale",
  "clipScale",
  "learningRate",
  "beta1",
  "beta2",
  "epsilon",
  "weightDecay",
  "correction1",
  "correction2",
  "oneMinusBeta1",
  "oneMinusBeta2",
  "roundingKey1",
  "roundingKey2",
] as const;

/** Memory of a device that has its own. */
export interface DeviceMemory {
  /** By everybody. */
  readonly usedBytes: number;
  readonly totalBytes: number;
}

export interface Device extends Disposable {
  /** Such as `CPU, 2 threads, AVX-512`. */
  readonly description: string;
  /** Processor threads that compute; absent where that is not what computes. */
  readonly threads?: number;
  /** Now; absent where the device computes in the process's memory. */
  readonly memory?: DeviceMemory;
  /** Allocates buffers, all of them or none; contents are zero. @throws UserError when memory is short. */
  allocate(specs: readonly BufferSpec[]): ReadonlyMap<string, Buffer>;
  /** Gives allocated buffers back before the device is disposed; views of them and programs over them must not be used again. */
  free(buffers: Iterable<Buffer>): void;
  /** A view of consecutive elements of a buffer under another shape; shares its memory. */
  view(buffer: Buffer, name: string, start: number, shape: readonly number[]): Buffer;
  /**
   * Not while a program runs. Numbers for a bf16 buffer are rounded to nearest, ties to even. A Uint16Array holds the bits of bf16 numbers,
   * for floats of either type.
   */
  write(buffer: Buffer, data: HostArray): void;
  /**
   * Floats, as float32. Goes on while programs run that do not write this buffer, and lets the event loop turn; what is being read must not be written
   * nor given back.
   */
  read(buffer: Buffer): Promise<Float32Array>;
  /** As `read`, into memory that is there already. A Uint16Array takes the bits of a bf16 buffer. */
  readInto(buffer: Buffer, into: Float32Array | Uint16Array): Promise<void>;
  /** Calls `body`, whose operations are checked and kept, not run. */
  record(body: (operations: Operations) => void): Program;
  /** Names the time until the result is disposed for a profiler that watches the process; absent or null: none does. */
  range?(name: string): Disposable | null;
  /** Runs a program; the event loop stays free meanwhile. One program at a time. Devices that have clocks add to `timings`. */
  run(program: Program, timings?: Timings): Promise<void>;
}

export interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Is added to the product; as large as `out`, and may be `out` itself. */
  readonly plus?: Buffer;
}

export interface AttentionShape {
  /** Rows of the batch. */
  readonly B: number;
  /** Tokens of a row. */
  readonly T: number;
  readonly H: number;
  /** Divides H. */
  readonly K: number;
  readonly D: number;
  /** A token sees itself and the window − 1 tokens before it; null: all. */
  readonly window: number | null;
}

/** Where attention finds keys and values of earlier tokens, and new ones are put by `placeRows`. */
export interface KeyValueCache {
  /** (k, v) of S tokens in each of R rows, [R, S, 2K·D]. */
  readonly keysValues_RSY: Buffer;
  /** Which of the R·S tokens each query is. Those of a row of the batch follow one another in one row of the cache. */
  readonly places_N: Buffer;
}

export interface AdamwOptions {
  readonly decays: boolean;
  /** Float32 weights that `weight` is the rounding of. */
  readonly master?: Buffer | null;
  /** Place of the ranges' first element in its arena, a multiple of 8; chance depends on it. By default 0. */
  readonly first?: number;
}

/** The operations, forwards and backwards. Argument order: outputs, inputs, sizes. */
export interface Operations {
  /** out = 0. */
  zero(out: Buffer): void;
  /** out[N, C] = table[ids[N], :]. */
  embed(out_NC: Buffer, table_VC: Buffer, ids_N: Buffer): void;
  /** dTable[ids[n], :] adds dOut[n, :] in the order of n. */
  embedBackward(dTable_VC: Buffer, dOut_NC: Buffer, ids_N: Buffer): void;

  /**
   * residual[N, C] adds delta[N, C] (null: nothing), then out = residual · rstd · weight, with rstd[n] = 1/√(mean(residual[n]²) + epsilon).
   * Rows may be tokens (C wide) or heads (D wide).
   */
  rmsNorm(
    out_NC: Buffer,
    rstd_N: Buffer,
    residual_NC: Buffer,
    delta_NC: Buffer | null,
    weight_C: Buffer,
    epsilon: number,
  ): void;
  /**
   * Gradient of out = x · rstd · weight: dX adds (or, with `overwrite`, is) rstd·(w·dOut − x·rstd²·mean(w·dOut·x)); dWeight adds Σₙ dOut·x·rstd.
   */
  rmsNormBackward(
    dX_NC: Buffer,
    dWeight_C: Buffer,
    dOut_NC: Buffer,
    x_NC: Buffer,
    rstd_N: Buffer,
    weight_C: Buffer,
    options?: { readonly overwrite?: boolean },
  ): void;

  /** out[M, N] = plus + op(a) · op(b), with op the transpose where asked; shapes are those of the buffers. */
  matmul(out: Buffer, a: Buffer, b: Buffer, options?: MatmulOptions): void;
  /** out[n, :] adds bias. */
  addBias(out_NC: Buffer, bias_C: Buffer): void;
  /** dBias adds Σₙ dOut[n, :]. */
  addBiasBackward(dBias_C: Buffer, dOut_NC: Buffer): void;
  /** out adds x. */
  add(out: Buffer, x: Buffer): void;
  /** out = x. */
  copy(out: Buffer, x: Buffer): void;
  /** out[:, 0:width] = x[:, from:from+width]: columns of a wider matrix, or back with `scatter` (x's columns into out's). */
  sliceColumns(out: Buffer, x: Buffer, from: number): void;
  placeColumns(out: Buffer, x: Buffer, from: number): void;
  /** out[rows[n], :] = x[n, from:from+width]; no row twice. */
  placeRows(out_MY: Buffer, x_NX: Buffer, rows_N: Buffer, from: number): void;

  /**
   * Rotates the heads of q and k inside qkv[N, (H+2K)·D] in place: halves (x₁, x₂) of a head become (x₁cos − x₂sin, x₂cos + x₁sin) with the
   * angles of table[maxLength, D] (cosines in the first D/2 columns, sines in the rest) at the token's position. `inverse` rotates back: it
   * is the gradient.
   */
  rope(
    qkv_NX: Buffer,
    table_TD: Buffer,
    positions_N: Buffer,
    shape: AttentionShape,
    options?: { readonly inverse?: boolean },
  ): void;
  /**
   * Causal grouped-query attention over qkv[N, (H+2K)·D]: token i of a row sees j with max(start[i], i − window + 1) ≤ j ≤ i, scores scaled by
   * 1/√D; query head h reads key/value head floor(h·K/H). out[N, H·D]; lse[N, H] is the log of the sum of exponentials, for the backward.
   *
   * Queries and keys are the same tokens, or with a `cache` the last T of those that it holds: i and j are places in the cache's row then,
   * and only q is read of qkv.
   */
  attention(
    out_NX: Buffer,
    lse_NH: Buffer,
    qkv_NX: Buffer,
    starts_N: Buffer,
    shape: AttentionShape,
    cache?: KeyValueCache | null,
  ): void;
  /** dQkv is overwritten. `scratch_NH` holds Σ dOut·out of every head meanwhile. */
  attentionBackward(
    dQkv_NX: Buffer,
    scratch_NH: Buffer,
    dOut_NX: Buffer,
    out_NX: Buffer,
    lse_NH: Buffer,
    qkv_NX: Buffer,
    starts_N: Buffer,
    shape: AttentionShape,
  ): void;

  /** out[N, F] = silu(g)·u for gateUp[N, 2F] = (g, u). */
  swiglu(out_NF: Buffer, gateUp_NX: Buffer): void;
  /** dGateUp is overwritten; it may be the same buffer as gateUp. */
  swigluBackward(dGateUp_NX: Buffer, dOut_NF: Buffer, gateUp_NX: Buffer): void;

  /**
   * Cross-entropy of some rows, forwards and backwards in place. loss[n] = mask[n]·(log Σ exp logits[n] − logits[n, target]); then, if
   * `gradient`, logits become lossScale·mask[n]·(softmax − onehot). Only the first `vocabulary` columns count; the others become 0.
   */
  crossEntropy(
    loss_N: Buffer,
    logits_NV: Buffer,
    targets_N: Buffer,
    mask_N: Buffer,
    scalars: Buffer,
    options: { readonly vocabulary: number; readonly gradient: boolean },
  ): void;

  /** out[0] = Σ x² over all elements, accumulated in float64 in a fixed order. */
  squaredNorm(out: Buffer, x: Buffer): void;
  /**
   * One AdamW update of equally long ranges with the step's scalars: g = clipScale·grad; m = beta1·m + oneMinusBeta1·g and
   * v = beta2·v + oneMinusBeta2·g² are the moments; then
   * weight −= learningRate·((m/correction1)/(√(v/correction2) + epsilon) + decay·weight), where decay is weightDecay if `decays`, else 0.
   * correction1 = 1 − beta1^t, correction2 = 1 − beta2^t. The gradient is set to zero.
   *
   * With a float32 `master` that is what is updated, and weight becomes its rounding. Without one, bf16 weights are rounded up or down by
   * chance (stochastic rounding), so that small steps count on average; bf16 moments always are. The 16 random bits of element i are half
   * i mod 2 of word ⌊(i mod 8)/2⌋ of the Philox block (base/random.ts) with the counter (⌊i/8⌋, its upper word, 0 for moment1, 1 for moment2 or
   * 2 for the weight, 0) and the key (roundingKey1, roundingKey2), whole numbers below 2²⁴; i counts from `first`.
   */
  adamw(
    weight: Buffer,
    moment1: Buffer,
    moment2: Buffer,
    gradient: Buffer,
    scalars: Buffer,
    options: AdamwOptions,
  ): void;
}
