/**
 * The engine seam: what every engine implements. Above it nothing knows which engine runs.
 *
 * Tensors cross it in float32, or in bf16 where they are kept so, under the names of the parameter table (`model/parameters.ts`), which are
 * Hugging Face's names.
 */
import type { Shape } from "../base/dims.js";
import type { Batch } from "../data/batch.js";

export interface EngineDescription {
  /** Such as `tfjs-wasm`. */
  readonly name: string;
  /** The hardware and library in words, for the log. */
  readonly device: string;
  readonly precision: "fp32" | "bf16";
  /** Two runs of the same steps give the same bits. */
  readonly deterministic: boolean;
}

/** `moment1` and `moment2` are AdamW's running means of the gradient and of its square. */
export type TensorKind = "weight" | "moment1" | "moment2" | "gradient";

export interface EngineTensor {
  readonly name: string;
  readonly kind: TensorKind;
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** Consecutive values of a tensor: float32 numbers, or the bits of bfloat16 ones. */
export type Piece = Float32Array | Uint16Array;

/** A tensor to load that need not be in memory as a whole. */
export interface TensorSource {
  readonly name: string;
  readonly kind: TensorKind;
  readonly shape: Shape;
  /** All values in order, some MB at a time. A piece may be overwritten once the next is asked for. */
  pieces(): Iterable<Piece> | AsyncIterable<Piece>;
}

/** A tensor on its way out, each of whose pieces is of the type that the engine keeps it in. */
export interface OutgoingTensor extends TensorSource {
  /** As safetensors files name it. */
  readonly dtype: "F32" | "BF16";
}

/** Copies of tensors, which are made while they are taken. Disposing gives up what is not taken. */
export interface TensorCopy extends Disposable {
  /** Pieces are taken tensor by tensor in this order, and once. */
  readonly tensors: readonly OutgoingTensor[];
}

/** Loss of a batch, row by row, so that the caller can add it up by domain. */
export interface RowLosses {
  /** Sum over the row's counted targets of −ln p(target), in nats. */
  readonly lossSum_B: Float64Array;
  /** Number of counted targets of each row. */
  readonly tokens_B: Int32Array;
}

/** One AdamW update (Loshchilov and Hutter, arXiv 1711.05101): decay is decoupled and falls only where the parameter table says so. */
export interface AdamWStep {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Every gradient is multiplied by this first; 1 when nothing is clipped. */
  readonly clipScale: number;
  /** Number of this update, from 1; corrects the bias of the moments. */
  readonly update: number;
}

export interface SessionOptions {
  /** Sequences that are decoded together. */
  readonly rows: number;
  /** Most tokens of a row, prompt and answer together. */
  readonly maxLength: number;
}

/** Incremental decoding of several sequences, a row each, with a key/value cache. */
export interface DecodingSession extends Disposable {
  /**
   * Feeds every row its next tokens, or none. Rows may be of different lengths, and what is computed of one does not depend on the others.
   * @returns by row the logits after the last token that it was fed, [V]; null for a row that was fed none.
   * @throws RangeError when nothing is fed, a token is outside the vocabulary or a row would grow beyond its length; then nothing has changed.
   */
  feed(tokens_B: readonly (readonly number[])[]): Promise<(Float32Array | null)[]>;
}

export interface Engine extends Disposable {
  describe(): EngineDescription;
  /**
   * Sets weights (all of them) and moments (where given; otherwise zero), in the order given.
   * @throws Error when a tensor is unknown, has another shape, comes twice, or a weight is missing; then nothing has changed. What a source
   * throws passes through; then there are no weights.
   */
  load(tensors: Iterable<EngineTensor | TensorSource>): Promise<void>;
  /**
   * Copies of the tensors of some kinds, each in the table's order, as they are when this is called. It need not be waited for: gradients may
   * be accumulated meanwhile, and the next update waits until everything is copied, or the copy is disposed. Copies are made ahead of
   * whoever takes them, of up to `aheadBytes` at a time. What keeps them from being made is thrown to who takes them.
   */
  copyOut(kinds: readonly TensorKind[], aheadBytes: number): TensorCopy;
  /** Forward and backward; adds `scale` × the gradient of the batch's summed loss to the accumulated gradient. */
  accumulate(batch: Batch, scale: number): Promise<RowLosses>;
  /** Global L2 norm of the accumulated gradient. */
  gradientNorm(): Promise<number>;
  /** Applies the accumulated gradient, then clears it. */
  update(step: AdamWStep): Promise<void>;
  /** Clears the accumulated gradient without applying it. */
  discard(): void;
  /** Loss without gradient. */
  evaluate(batch: Batch): Promise<RowLosses>;
  /** Starts decoding. */
  session(options: SessionOptions): DecodingSession;
}
