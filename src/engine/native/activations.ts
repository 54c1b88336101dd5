/**
 * The table of activation buffers, and where each of them lies for one size of batch.
 *
 * Buffers of a layer are either kept for the backward pass, one per layer, or shared by all layers and computed again where the backward
 * pass needs them. What is kept is the last column of the table: a buffer is kept up to and including that mode.
 *
 *     none         everything is kept                                       4C + 2HD + 2KD + 3F floats per token and layer
 *     block-parts  residuals and attention's output; norms, projections and the gate are computed again       2C + HD
 *     layer        the residual that enters the layer; the whole layer is computed again                      C
 *     evaluation   nothing: there is no backward pass, and one residual is updated in place
 *
 * Gradients need little room: dX takes the place of X where X has had its last use (`within`). Logits exist for R rows at a time.
 */
import { type Shape, sizeOf } from "../../base/dims.js";
import type { Architecture } from "../../model/architecture.js";
import type { BatchSize } from "../../model/costs.js";
import { DTYPE_BYTES, type Dtype, type Float } from "./device.js";
import { align } from "./layout.js";

/** What the backward pass computes again instead of keeping it, least first. */
export const RECOMPUTATIONS = ["none", "block-parts", "layer"] as const;
export type Recomputation = (typeof RECOMPUTATIONS)[number];
/** What a pass is for: training with some recomputation, or losses alone. */
export type Kind = Recomputation | "evaluation";
const KINDS: readonly Kind[] = [...RECOMPUTATIONS, "evaluation"];

/** N = B·T tokens; Q = H·D, P = K·D and X = Q + 2P columns of queries, of keys or values, of all three; G = 2F; R rows of logits. */
const EXTENTS = ["N", "T", "C", "D", "H", "K", "F", "V", "Q", "P", "X", "G", "R"] as const;
type Extent = (typeof EXTENTS)[number];

interface Row {
  readonly shape: readonly Extent[];
  /** Last mode in which every layer has its own. Absent: one for the whole pass. */
  readonly keep?: Recomputation;
  /** Uses the memory of another row, which is as large and no longer needed. */
  readonly within?: string;
  /** As `within`, when there is no backward pass. */
  readonly inPlaceOf?: string;
  /** Absent: that of the activations. */
  readonly dtype?: "i32" | "f32";
}

const LAYER = {
  /** Residual stream that enters the layer: sums of the embedding and all blocks before; backward of its norm. */
  input_NC: { shape: ["N", "C"], keep: "layer" },
  inputRstd_N: { shape: ["N"], keep: "none", dtype: "f32" },
  /** Input of q, k, v: their weights' gradient. */
  attentionInput_NC: { shape: ["N", "C"], keep: "none" },
  dAttentionInput_NC: { shape: ["N", "C"], keep: "none", within: "attentionInput_NC" },
  /** Queries, keys and values as attention reads them: normed, rotated. */
  qkv_NX: { shape: ["N", "X"], keep: "none" },
  /** What attention mixed: input of the output projection; backward of the softmax. */
  mixed_NX: { shape: ["N", "Q"], keep: "block-parts" },
  /** Logarithm of each softmax's denominator: backward of the softmax. */
  lse_NH: { shape: ["N", "H"], keep: "block-parts", dtype: "f32" },
  /** Residual stream between attention and feed-forward; backward of its norm. */
  middle_NC: { shape: ["N", "C"], keep: "block-parts", inPlaceOf: "input_NC" },
  middleRstd_N: { shape: ["N"], keep: "none", dtype: "f32" },
  /** Input of gate and up: their weights' gradient. */
  mlpInput_NC: { shape: ["N", "C"], keep: "none" },
  dMlpInput_NC: { shape: ["N", "C"], keep: "none", within: "mlpInput_NC" },
  /** Backward of SwiGLU. */
  gateUp_NG: { shape: ["N", "G"], keep: "none" },
  dGateUp_NG: { shape: ["N", "G"], keep: "none", within: "gateUp_NG" },
  /** silu(gate)·up, input of the down projection: its weight's gradient. */
  active_NF: { shape: ["N", "F"], keep: "none" },
  dActive_NF: { shape: ["N", "F"], keep: "none", within: "active_NF" },
} as const satisfies Record<string, Row>;

/** Only with norms on q and k: the projections before their norm, for its backward. */
const LAYER_HEADS = {
  rawQ_NX: { shape: ["N", "Q"], keep: "none" },
  rawK_NX: { shape: ["N", "P"], keep: "none" },
  rstdQ_NH: { shape: ["N", "H"], keep: "none", dtype: "f32" },
  rstdK_NK: { shape: ["N", "K"], keep: "none", dtype: "f32" },
  /** Attention's output has had its last use when the gradient reaches these norms. */
  dNormed_NX: { shape: ["N", "Q"], keep: "block-parts", within: "mixed_NX" },
} as const satisfies Record<string, Row>;

const PASS_HEADS = {
  /** q, then k, after their norm and on the way back to qkv. */
  normed_NX: { shape: ["N", "Q"] },
  dRaw_NX: { shape: ["N", "Q"], within: "normed_NX" },
} as const satisfies Record<string, Row>;

const PASS = {
  ids_N: { shape: ["N"], dtype: "i32" },
  targets_N: { shape: ["N"], dtype: "i32" },
  /** Rotary positions: distance from the start of the document. */
  positions_N: { shape: ["N"], dtype: "i32" },
  /** Place in its row where each token's document starts. */
  starts_N: { shape: ["N"], dtype: "i32" },
  /** 1 where the target counts, else 0. */
  mask_N: { shape: ["N"], dtype: "f32" },
  /** Cosines and sines of positions 0 … T − 1. */
  rotary_TD: { shape: ["T", "D"], dtype: "f32" },
  /** Residual stream after the last layer; backward of the final norm. */
  last_NC: { shape: ["N", "C"], inPlaceOf: "input_NC" },
  lastRstd_N: { shape: ["N"], dtype: "f32" },
  /** Input of the head: its weight's gradient. */
  hidden_NC: { shape: ["N", "C"] },
  dHidden_NC: { shape: ["N", "C"], within: "hidden_NC" },
  /** Logits of R rows, then their gradient. */
  logits_RV: { shape: ["R", "V"] },
  losses_N: { shape: ["N"], dtype: "f32" },
} as const satisfies Record<string, Row>;

const BACKWARD = {
  /** Gradient towards the residual stream, from the last layer down to the embedding. */
  dResidual_NC: { shape: ["N", "C"] },
  dMixed_NX: { shape: ["N", "Q"] },
  dQkv_NX: { shape: ["N", "X"] },
  /** Σ dOut·out of every head in attention's backward. */
  dots_NH: { shape: ["N", "H"], dtype: "f32" },
} as const satisfies Record<string, Row>;

/** First element in the arena of its type, and shape. */
export interface Slot {
  readonly start: number;
  readonly shape: Shape;
  readonly dtype: Dtype;
}

export interface PlannedBuffer {
  readonly name: string;
  readonly dtype: Dtype;
  /** With the gap after it. */
  readonly elements: number;
}

/** One thing of each row of a table. */
export type Each<Table, Thing> = { readonly [Name in keyof Table]: Thing };
export type LayerSlots<Thing> = Each<typeof LAYER, Thing>;
export type LayerHeadSlots<Thing> = Each<typeof LAYER_HEADS, Thing>;
export type PassHeadSlots<Thing> = Each<typeof PASS_HEADS, Thing>;
export type PassSlots<Thing> = Each<typeof PASS, Thing>;
export type BackwardSlots<Thing> = Each<typeof BACKWARD, Thing>;

export interface ActivationPlan {
  readonly batch: BatchSize;
  readonly kind: Kind;
  readonly layers: readonly { readonly own: LayerSlots<Slot>; readonly heads: LayerHeadSlots<Slot> | null }[];
  readonly pass: PassSlots<Slot>;
  readonly heads: PassHeadSlots<Slot> | null;
  readonly backward: BackwardSlots<Slot> | null;
  /** What takes memory, each once, without the rows that use another's. */
  readonly buffers: readonly PlannedBuffer[];
  /** Elements of the arena of each type: the sum over `buffers`. */
  readonly elements: Readonly<Record<Dtype, number>>;
}

/**
 * Bytes of logits at a time, so that a large vocabulary costs no more than a small one: about a processor's cache, and on a card as much as
 * keeps all its multiprocessors busy with one product.
 */
export const LOGIT_BYTES = { processor: 8 << 20, card: 256 << 20 } as const;
/** Rows of logits are a multiple of this where there are more of them, so that the head's products stay products of whole tiles. */
const LOGIT_ROWS = 128;

export interface ActivationOptions {
  /** Type of the activations, by default f32. */
  readonly float?: Float;
  /** Bytes of logits at a time, by default a processor's. */
  readonly logitBytes?: number;
}

/** Every buffer of one pass over B rows of T tokens. */
export function planActivations(
  architecture: Architecture,
  batch: BatchSize,
  kind: Kind,
  { float = "f32", logitBytes = LOGIT_BYTES.processor }: ActivationOptions = {},
): ActivationPlan {
  const placing = new Placing(kind, extentsOf(architecture, batch, logitBytes / DTYPE_BYTES[float]), float);
  const { buffers, elements } = placing;
  return {
    batch,
    kind,
    layers: Array.from({ length: architecture.layers }, (_, layer) => ({
      own: placing.slots(LAYER, layer),
      heads: architecture.qkNorm ? placing.slots(LAYER_HEADS, layer) : null,
    })),
    pass: placing.slots(PASS),
    heads: architecture.qkNorm ? placing.slots(PASS_HEADS) : null,
    backward: kind === "evaluation" ? null : placing.slots(BACKWARD),
    buffers,
    elements,
  };
}

/** Gives rows of the table their places, one after the other; those that share memory the same one. */
class Placing {
  readonly elements: Record<Dtype, number> = { f32: 0, bf16: 0, i32: 0 };
  readonly buffers: PlannedBuffer[] = [];
  private readonly starts = new Map<string, number>();

  constructor(
    private readonly kind: Kind,
    private readonly extents: Record<Extent, number>,
    private readonly activations: Float,
  ) {}

  slots<Table extends Record<string, Row>>(table: Table, layer = 0): Each<Table, Slot> {
    const slots = Object.entries(table).map(([name, row]) => [name, this.slot(name, row, layer)]);
    return Object.fromEntries(slots) as Each<Table, Slot>;
  }

  private slot(name: string, row: Row, layer: number): Slot {
    const within = row.within ?? (this.kind === "evaluation" ? row.inPlaceOf : undefined) ?? name;
    const key = row.keep !== undefined && isKept(row.keep, this.kind) ? `${within} ${layer}` : within;
    const shape = row.shape.map((extent) => this.extents[extent]);
    const dtype = row.dtype ?? this.activations;
    const start = this.starts.get(key) ?? this.take(name, dtype, align(sizeOf(shape)));
    this.starts.set(key, start);
    return { start, shape, dtype };
  }

  private take(name: string, dtype: Dtype, elements: number): number {
    const start = this.elements[dtype];
    this.buffers.push({ name, dtype, elements });
    this.elements[dtype] += elements;
    return start;
  }
}

function isKept(upTo: Recomputation, kind: Kind): boolean {
  return KINDS.indexOf(kind) <= KINDS.indexOf(upTo);
}

function extentsOf(architecture: Architecture, { rows, length }: BatchSize, logits: number): Record<Extent, number> {
  const { width, heads, kvHeads, headWidth, feedForward, vocabulary } = architecture;
  const N = rows * length;
  return {
    N,
    T: length,
    C: width,
    D: headWidth,
    H: heads,
    K: kvHeads,
    F: feedForward,
    V: vocabulary,
    Q: heads * headWidth,
    P: kvHeads * headWidth,
    X: (heads + 2 * kvHeads) * headWidth,
    G: 2 * feedForward,
    R: Math.min(N, LOGIT_ROWS * Math.max(1, Math.floor(logits / vocabulary / LOGIT_ROWS))),
  };
}
