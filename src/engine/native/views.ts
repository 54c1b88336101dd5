/** The buffers of an activation plan as views of the arenas that hold them, arranged as forward and backward ask for them. */
import { sizeOf } from "../../base/dims.js";
import { type Architecture, hasRope } from "../../model/architecture.js";
import type {
  ActivationPlan,
  BackwardSlots,
  LayerHeadSlots,
  LayerSlots,
  PassHeadSlots,
  PassSlots,
  Slot,
} from "./activations.js";
import type { AttentionShape, Buffer, Device, Dtype, KeyValueCache } from "./device.js";
import { type TokenPlaces, tokenPlaces } from "./inputs.js";

/** The same values as rows of tokens [N, heads·D] and as rows of heads [N·heads, D]. */
export interface HeadRows {
  readonly tokens: Buffer;
  readonly heads: Buffer;
}

/** Norm of q or of k. */
export interface HeadNorm {
  readonly weight: "q_D" | "k_D";
  /** First of its columns in qkv. */
  readonly from: number;
  readonly rstd_M: Buffer;
  readonly raw: HeadRows;
  readonly normed: HeadRows;
  readonly dRaw: HeadRows;
  readonly dNormed: HeadRows;
}

export interface LayerActivations extends LayerSlots<Buffer> {
  /** Residual stream that leaves the layer: the next one's input. */
  readonly output_NC: Buffer;
  /** Whether q and k turn with their positions. */
  readonly rotates: boolean;
  /** Empty, or q and k. */
  readonly headNorms: readonly HeadNorm[];
  /** Of earlier tokens, in decoding; otherwise a token sees those of its own pass. */
  readonly cache: KeyValueCache | null;
}

/** R rows (the last chunk may have fewer) on their way through the head. */
export interface HeadChunk {
  readonly hidden_RC: Buffer;
  readonly dHidden_RC: Buffer;
  readonly logits_RV: Buffer;
  readonly losses_R: Buffer;
  readonly targets_R: Buffer;
  readonly mask_R: Buffer;
}

export interface Activations extends PassSlots<Buffer> {
  /** Ids, targets, positions and starts as one buffer. */
  readonly tokens: Buffer;
  readonly tokenPlaces: TokenPlaces;
  readonly shape: AttentionShape;
  readonly layers: readonly LayerActivations[];
  readonly chunks: readonly HeadChunk[];
  /** Null without a backward pass. */
  readonly backward: BackwardSlots<Buffer> | null;
}

/** What a plan has no elements of may be missing. */
export type Arenas = Readonly<Partial<Record<Dtype, Buffer>>>;

/** Views of a plan's buffers; two rows of the table with the same place and shape become the same object. */
export function activationsOf(
  device: Device,
  arenas: Arenas,
  plan: ActivationPlan,
  architecture: Architecture,
): Activations {
  const known = new Map<string, Buffer>();
  const view = (name: string, { start, shape, dtype }: Slot): Buffer => {
    const key = `${dtype} ${start} ${shape}`;
    const arena = arenas[dtype];
    if (arena === undefined) throw new Error(`${name} is ${dtype}, of which there is no arena`);
    const buffer = known.get(key) ?? device.view(arena, name, start, shape);
    known.set(key, buffer);
    return buffer;
  };
  const views = <Slots extends object>(slots: Slots, prefix = ""): { readonly [Name in keyof Slots]: Buffer } =>
    Object.fromEntries(Object.entries(slots).map(([name, slot]) => [name, view(prefix + name, slot as Slot)])) as {
      readonly [Name in keyof Slots]: Buffer;
    };
  const pass = views(plan.pass);
  const shape = attentionShape(architecture, plan.batch.rows, plan.batch.length);
  const layers = plan.layers.map(({ own, heads }, index): LayerActivations => {
    return {
      ...views(own, `layer ${index} `),
      output_NC: index + 1 < plan.layers.length ? view("output_NC", plan.layers[index + 1].own.input_NC) : pass.last_NC,
      rotates: hasRope(architecture, index),
      headNorms:
        heads === null || plan.heads === null ? [] : headNorms(device, architecture, views(heads), views(plan.heads)),
      cache: null,
    };
  });
  const backward = plan.backward === null ? null : views(plan.backward);
  const { first, places } = tokenPlaces(plan.pass);
  const tokens = view("tokens", { start: first, shape: [places.size], dtype: "i32" });
  return { ...pass, tokens, tokenPlaces: places, shape, layers, chunks: chunksOf(device, pass), backward };
}

/** What attention and RoPE need to know of a pass. */
export function attentionShape(
  { heads, kvHeads, headWidth, slidingWindow }: Architecture,
  rows: number,
  length: number,
): AttentionShape {
  return { B: rows, T: length, H: heads, K: kvHeads, D: headWidth, window: slidingWindow };
}

function headNorms(
  device: Device,
  { heads, kvHeads, headWidth }: Architecture,
  own: LayerHeadSlots<Buffer>,
  shared: PassHeadSlots<Buffer>,
): HeadNorm[] {
  const [N] = own.rawQ_NX.shape;
  const rowsOf = (buffer: Buffer, count: number): HeadRows => ({
    tokens: device.view(buffer, buffer.name, 0, [N, count * headWidth]),
    heads: device.view(buffer, buffer.name, 0, [N * count, headWidth]),
  });
  const norm = (weight: HeadNorm["weight"], count: number, from: number, raw: Buffer, rstd: Buffer): HeadNorm => ({
    weight,
    from,
    rstd_M: device.view(rstd, rstd.name, 0, [N * count]),
    raw: rowsOf(raw, count),
    normed: rowsOf(shared.normed_NX, count),
    dRaw: rowsOf(shared.dRaw_NX, count),
    dNormed: rowsOf(own.dNormed_NX, count),
  });
  return [
    norm("q_D", heads, 0, own.rawQ_NX, own.rstdQ_NH),
    norm("k_D", kvHeads, heads * headWidth, own.rawK_NX, own.rstdK_NK),
  ];
}

function chunksOf(device: Device, pass: PassSlots<Buffer>): HeadChunk[] {
  const [N] = pass.hidden_NC.shape;
  const [R] = pass.logits_RV.shape;
  return Array.from({ length: Math.ceil(N / R) }, (_, chunk) => {
    const first = chunk * R;
    const count = Math.min(R, N - first);
    const rows = (buffer: Buffer, from = first): Buffer => rowsFrom(device, buffer, from, count);
    return {
      hidden_RC: rows(pass.hidden_NC),
      dHidden_RC: rows(pass.dHidden_NC),
      logits_RV: rows(pass.logits_RV, 0),
      losses_R: rows(pass.losses_N),
      targets_R: rows(pass.targets_N),
      mask_R: rows(pass.mask_N),
    };
  });
}

/** Some consecutive rows of a buffer. */
export function rowsFrom(device: Device, buffer: Buffer, from: number, count: number): Buffer {
  const inner = buffer.shape.slice(1);
  return device.view(buffer, `${buffer.name} rows ${from}`, from * sizeOf(inner), [count, ...inner]);
}
