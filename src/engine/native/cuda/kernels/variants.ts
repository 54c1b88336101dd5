/**
 * Representative kernels with the constants that real models give them, for the compile tests and the table of registers. They are taken
 * from launches, so a kernel that no launch names cannot be in here.
 */
import type { KernelRef, Launch } from "../runtime/launch.js";
import type { Storage } from "./access.js";
import { adamw } from "./adamw.js";
import { addBias, addBiasBackward } from "./add-bias.js";
import { attention, attentionBackward } from "./attention.js";
import { crossEntropy } from "./cross-entropy.js";
import { add, placeColumns, placeRows, rope, sliceColumns, swiglu, swigluBackward } from "./elements.js";
import { embed, embedBackward } from "./embed.js";
import { rmsNorm, rmsNormBackward } from "./rms-norm.js";
import { squaredNorm } from "./squared-norm.js";

/** Any address: only its alignment matters. */
const HERE = 1n << 20n;

interface Model {
  readonly C: number;
  readonly D: number;
  readonly F: number;
  readonly V: number;
}

const LLAMA_8B: Model = { C: 4096, D: 128, F: 14336, V: 128256 };
/** The widest rows, and a shape whose extents no wide access divides. */
const WIDE: Model = { C: 8192, D: 128, F: 28672, V: 152064 };
const ODD: Model = { C: 257, D: 6, F: 13, V: 259 };

/** Kernels of all operations but products and attention. */
export const ELEMENT_KERNELS: readonly KernelRef[] = distinct([
  ...(["f32", "bf16"] as const).flatMap((storage) =>
    [LLAMA_8B, WIDE, ODD].flatMap((model) => launches(model, storage)),
  ),
  ...optimizerLaunches(),
]);

function launches({ C, D, F, V }: Model, storage: Storage): Launch[] {
  const N = 8192;
  const shape = { B: 1, T: N, H: Math.floor(C / D), K: 8, D, window: null };
  const norm = { out_NC: HERE, rstd_N: HERE, residual_NC: HERE, delta_NC: null, weight_C: HERE };
  const dNorm = {
    dX_NC: HERE,
    dWeight_C: HERE,
    dOut_NC: HERE,
    x_NC: HERE,
    rstd_N: HERE,
    weight_C: HERE,
    scratch: HERE,
  };
  const loss = { loss_N: HERE, logits_NV: HERE, targets_N: HERE, mask_N: HERE, scalars: HERE };
  const [columns, both] = [
    { N, width: D, wide: 3 * D, from: D },
    { out: HERE, x: HERE },
  ];
  return [
    ...embed({ out_NC: HERE, table_VC: HERE, ids_N: HERE }, { N, C }, storage),
    ...embedBackward({ dTable_VC: HERE, dOut_NC: HERE, ids_N: HERE, scratch: HERE }, { N, C }, storage),
    ...[C, D].flatMap((width) => [
      ...rmsNorm(norm, { N, C: width }, 1e-5, storage),
      ...rmsNormBackward(dNorm, { N, C: width }, storage),
    ]),
    ...addBias({ out_NC: HERE, bias_C: HERE }, { N, C }, storage),
    ...addBiasBackward({ dBias_C: HERE, dOut_NC: HERE, scratch: HERE }, { N, C }, storage),
    ...add(both, N * C, storage),
    ...sliceColumns(both, columns, storage),
    ...placeColumns(both, columns, storage),
    ...placeRows({ ...both, rows_N: HERE }, columns, storage),
    ...rope({ qkv_NX: HERE, table_TD: HERE, positions_N: HERE }, shape, storage),
    ...swiglu({ out_NF: HERE, gateUp_NX: HERE }, { N, F }, storage),
    ...swigluBackward({ dGateUp_NX: HERE, dOut_NF: HERE, gateUp_NX: HERE }, { N, F }, storage),
    ...crossEntropy(loss, { N, columns: V, vocabulary: V }, storage, { gradient: true }),
    ...squaredNorm({ out: HERE, x: HERE, scratch: HERE }, N * C, storage),
  ];
}

function optimizerLaunches(): Launch[] {
  const range = { count: 1 << 20, first: 0, decays: true };
  const arenas = { weight: HERE, moment1: HERE, moment2: HERE, gradient: HERE, scalars: HERE };
  return [
    ...adamw({ ...arenas, master: null }, range, { weight: "f32", moment: "f32", gradient: "f32" }),
    ...adamw({ ...arenas, master: HERE }, range, { weight: "bf16", moment: "f32", gradient: "bf16" }),
    ...adamw({ ...arenas, master: null }, range, { weight: "bf16", moment: "bf16", gradient: "bf16" }),
  ];
}

function distinct(launches: readonly Launch[]): KernelRef[] {
  return [...new Map(launches.map(({ kernel }) => [JSON.stringify(kernel), kernel])).values()];
}

/** Shared memory of a block on cards of 8.0 and of 9.0, and the number of their multiprocessors: what tiles of attention are chosen by. */
const TILED_FOR = [
  { computeCapability: [8, 0], multiprocessors: 108, sharedBytesPerBlock: 163 << 10 },
  { computeCapability: [9, 0], multiprocessors: 132, sharedBytesPerBlock: 227 << 10 },
] as const;

/** Kernels of attention over long rows, forwards and backwards, with the tiles that those cards get. */
export const ATTENTION_KERNELS: readonly KernelRef[] = distinct(
  TILED_FOR.flatMap((facts) => {
    const card = { ...facts, name: "", memoryBytes: 80 * 2 ** 30, l2Bytes: 40 << 20 };
    const at = { out: HERE, lse: HERE, qkv: HERE, starts: HERE, dQkv: HERE, scratch: HERE, dOut: HERE };
    return (["f32", "bf16"] as const).flatMap((storage) =>
      [64, 128].flatMap((D) => {
        const shape = { B: 1, T: 8192, H: 32, K: 8, D, window: null };
        return [...attention(at, shape, storage, card), ...attentionBackward(at, shape, storage, card)];
      }),
    );
  }),
);

/** All of them. */
export const KERNEL_VARIANTS: readonly KernelRef[] = [...ELEMENT_KERNELS, ...ATTENTION_KERNELS];
