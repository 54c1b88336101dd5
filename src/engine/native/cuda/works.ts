/** What each operation of `device.ts` is on a card: launches of kernels, a product of matrices, a copy or a fill. Pure. */
import type { Operation, OperationName } from "../call.js";
import { type AttentionShape, type Buffer, DTYPE_BYTES, type Float } from "../device.js";
import { adamw } from "./kernels/adamw.js";
import { addBias, addBiasBackward, addBiasBackwardScratch } from "./kernels/add-bias.js";
import { type AttentionCache, attention, attentionBackward } from "./kernels/attention.js";
import { crossEntropy } from "./kernels/cross-entropy.js";
import { add, placeColumns, placeRows, rope, sliceColumns, swiglu, swigluBackward } from "./kernels/elements.js";
import { embed, embedBackward, embedBackwardScratch } from "./kernels/embed.js";
import { rmsNorm, rmsNormBackward, rmsNormBackwardScratch } from "./kernels/rms-norm.js";
import { SQUARED_NORM_SCRATCH, squaredNorm } from "./kernels/squared-norm.js";
import type { Card } from "./runtime/card.js";
import type { Address, Work } from "./runtime/launch.js";

/** What an operation's work depends on besides its own sizes. */
export interface WorkContext {
  readonly card: Card;
  readonly addressOf: (buffer: Buffer) => Address;
  /** At least `scratchBytes` of the operation; operations follow one another, so they share it. */
  readonly scratch: Address;
}

/** Bytes that an operation needs for itself while it runs. */
export function scratchBytes({ name, sizes: [N = 0, C = 0] }: Operation): number {
  switch (name) {
    case "embedBackward":
      return embedBackwardScratch(N);
    case "rmsNormBackward":
      return rmsNormBackwardScratch({ N, C });
    case "addBiasBackward":
      return addBiasBackwardScratch({ N, C });
    case "squaredNorm":
      return SQUARED_NORM_SCRATCH;
    default:
      return 0;
  }
}

/** An operation's arguments as its row of `WORKS` wants them. */
class Arguments {
  constructor(
    readonly operation: Operation,
    readonly context: WorkContext,
  ) {}

  /** Address of a buffer by its place in `device.ts`'s order. */
  at(index: number): Address {
    return this.context.addressOf(this.buffer(index));
  }

  /** The same, null where the caller gave no buffer. */
  maybe(index: number): Address | null {
    const buffer = this.operation.buffers[index] ?? null;
    return buffer === null ? null : this.context.addressOf(buffer);
  }

  buffer(index: number): Buffer {
    const buffer = this.operation.buffers[index] ?? null;
    if (buffer === null) throw new Error(`${this.operation.name} has no buffer ${index}`);
    return buffer;
  }

  float(index: number): Float {
    const { dtype, name } = this.buffer(index);
    if (dtype === "i32") throw new Error(`${this.operation.name}: ${name} is not of floats`);
    return dtype;
  }

  size(index: number): number {
    return this.operation.sizes[index] ?? 0;
  }

  has(flag: number): boolean {
    return (this.operation.flags & flag) !== 0;
  }

  get scratch(): Address {
    return this.context.scratch;
  }
}

/** By operation; sizes and flags as in `operations.ts`. */
const WORKS: Readonly<Record<OperationName, (a: Arguments) => readonly Work[]>> = {
  zero: (a) => [{ kind: "fill", address: a.at(0), bytes: bytesOf(a.buffer(0)) }],
  copy: (a) => [{ kind: "copy", to: a.at(0), from: a.at(1), bytes: bytesOf(a.buffer(0)) }],
  add: (a) => add({ out: a.at(0), x: a.at(1) }, a.size(0), a.float(0)),
  embed: (a) =>
    embed({ out_NC: a.at(0), table_VC: a.at(1), ids_N: a.at(2) }, { N: a.size(0), C: a.size(1) }, a.float(0)),
  embedBackward: (a) =>
    embedBackward(
      { dTable_VC: a.at(0), dOut_NC: a.at(1), ids_N: a.at(2), scratch: a.scratch },
      { N: a.size(0), C: a.size(1) },
      a.float(1),
      a.float(0),
    ),
  rmsNorm: (a) =>
    rmsNorm(
      { out_NC: a.at(0), rstd_N: a.at(1), residual_NC: a.at(2), delta_NC: a.maybe(3), weight_C: a.at(4) },
      { N: a.size(0), C: a.size(1) },
      a.operation.reals[0] ?? 0,
      a.float(0),
    ),
  rmsNormBackward: (a) =>
    rmsNormBackward(
      {
        ...{ dX_NC: a.at(0), dWeight_C: a.at(1), dOut_NC: a.at(2), x_NC: a.at(3), rstd_N: a.at(4), weight_C: a.at(5) },
        scratch: a.scratch,
      },
      { N: a.size(0), C: a.size(1) },
      a.float(0),
      { overwrite: a.has(1), gradient: a.float(1) },
    ),
  matmul: (a) => [product(a)],
  addBias: (a) => addBias({ out_NC: a.at(0), bias_C: a.at(1) }, { N: a.size(0), C: a.size(1) }, a.float(0)),
  addBiasBackward: (a) =>
    addBiasBackward(
      { dBias_C: a.at(0), dOut_NC: a.at(1), scratch: a.scratch },
      { N: a.size(0), C: a.size(1) },
      a.float(1),
      a.float(0),
    ),
  sliceColumns: (a) =>
    sliceColumns(
      { out: a.at(0), x: a.at(1) },
      { N: a.size(0), width: a.size(1), wide: a.size(2), from: a.size(3) },
      a.float(0),
    ),
  placeColumns: (a) =>
    placeColumns(
      { out: a.at(0), x: a.at(1) },
      { N: a.size(0), width: a.size(2), wide: a.size(1), from: a.size(3) },
      a.float(0),
    ),
  placeRows: (a) =>
    placeRows(
      { out: a.at(0), x: a.at(1), rows_N: a.at(2) },
      { N: a.size(0), width: a.size(1), wide: a.size(2), from: a.size(3) },
      a.float(0),
    ),
  rope: (a) => {
    const shape = { B: 1, T: a.size(0), H: a.size(1), K: a.size(2), D: a.size(3), window: null };
    return rope({ qkv_NX: a.at(0), table_TD: a.at(1), positions_N: a.at(2) }, shape, a.float(0), {
      inverse: a.has(1),
    });
  },
  attention: (a) =>
    attention(
      { out: a.at(0), lse: a.at(1), qkv: a.at(2), starts: a.at(3), cache: cacheOf(a) },
      attentionShape(a),
      a.float(0),
      a.context.card,
    ),
  attentionBackward: (a) =>
    attentionBackward(
      {
        ...{ dQkv: a.at(0), scratch: a.at(1), dOut: a.at(2), out: a.at(3), lse: a.at(4), qkv: a.at(5) },
        starts: a.at(6),
      },
      attentionShape(a),
      a.float(0),
      a.context.card,
    ),
  swiglu: (a) => swiglu({ out_NF: a.at(0), gateUp_NX: a.at(1) }, { N: a.size(0), F: a.size(1) }, a.float(0)),
  swigluBackward: (a) =>
    swigluBackward(
      { dGateUp_NX: a.at(0), dOut_NF: a.at(1), gateUp_NX: a.at(2) },
      { N: a.size(0), F: a.size(1) },
      a.float(0),
    ),
  crossEntropy: (a) =>
    crossEntropy(
      { loss_N: a.at(0), logits_NV: a.at(1), targets_N: a.at(2), mask_N: a.at(3), scalars: a.at(4) },
      { N: a.size(0), columns: a.size(1), vocabulary: a.size(2) },
      a.float(1),
      { gradient: a.has(1) },
    ),
  squaredNorm: (a) => squaredNorm({ out: a.at(0), x: a.at(1), scratch: a.scratch }, a.size(0), a.float(1)),
  adamw: (a) =>
    adamw(
      {
        ...{ weight: a.at(0), moment1: a.at(1), moment2: a.at(2), gradient: a.at(3), master: a.maybe(4) },
        scalars: a.at(5),
      },
      { count: a.size(0), first: a.size(1), decays: a.has(1) },
      { weight: a.float(0), moment: a.float(1), gradient: a.float(3) },
    ),
};

/** The work of a checked operation, in order. */
export function worksOf(operation: Operation, context: WorkContext): readonly Work[] {
  return WORKS[operation.name](new Arguments(operation, context));
}

function product(a: Arguments): Work {
  return {
    kind: "product",
    ...{ out: a.at(0), a: a.at(1), b: a.at(2), plus: a.maybe(3) },
    ...{ m: a.size(0), n: a.size(1), k: a.size(2) },
    ...{ transposeA: a.has(1), transposeB: a.has(2) },
    ...{ inputType: a.float(1), outputType: a.float(0) },
  };
}

function attentionShape(a: Arguments): AttentionShape {
  const window = a.size(5);
  const [B, T, H, K, D] = [0, 1, 2, 3, 4].map((index) => a.size(index));
  return { B, T, H, K, D, window };
}

function cacheOf(a: Arguments): AttentionCache | null {
  const [keysValues, places] = [a.maybe(4), a.maybe(5)];
  return keysValues === null || places === null ? null : { keysValues, places, S: a.size(6) };
}

function bytesOf({ size, dtype }: Buffer): number {
  return size * DTYPE_BYTES[dtype];
}
