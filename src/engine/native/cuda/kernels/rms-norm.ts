/** Launches of RMSNorm and its gradient. Rows are tokens (C wide) or heads (D wide); the width is compiled in. */
import type { Address, Launch } from "../runtime/launch.js";
import { ceilDivide, f32, i32, launch, packOf, pointer, type Storage, teamBlock, teamOf, typeOf } from "./access.js";
import { sumParts } from "./sum-parts.js";

/** Packs that a thread holds of each matrix, forwards and backwards: bytes on their way against registers. */
const PACKS = 4;
const PACKS_BACKWARD = 2;
/** Blocks that share out the rows of a gradient, at most; a constant, so that sums are the same on all cards. */
const MOST_PARTS = 256;

interface MatrixShape {
  readonly N: number;
  readonly C: number;
}

/** residual adds delta (null: nothing), out = residual · rstd · weight; rstd is f32. */
export function rmsNorm(
  buffers: {
    readonly out_NC: Address;
    readonly rstd_N: Address;
    readonly residual_NC: Address;
    readonly delta_NC: Address | null;
    readonly weight_C: Address;
  },
  { N, C }: MatrixShape,
  epsilon: number,
  storage: Storage,
): Launch[] {
  const { out_NC, rstd_N, residual_NC, delta_NC, weight_C } = buffers;
  const pack = packOf(storage, [C], [out_NC, residual_NC, weight_C, ...(delta_NC === null ? [] : [delta_NC])]);
  const team = teamOf(C / pack, PACKS);
  const { threads, rows } = teamBlock(team);
  const kernel = {
    file: "rms-norm.cu",
    name: "rms_norm",
    defines: { ACTIVATION: typeOf(storage), COLUMNS: C, PACK: pack, TEAM: team },
  };
  return [
    launch(kernel, { grid: [ceilDivide(N, rows), 1, 1], block: [threads, 1, 1] }, [
      ...[out_NC, rstd_N, residual_NC, delta_NC, weight_C].map(pointer),
      ...[f32(epsilon), i32(N)],
    ]),
  ];
}

/** Bytes of scratch that `rmsNormBackward` needs. */
export function rmsNormBackwardScratch({ N, C }: MatrixShape): number {
  return Math.min(MOST_PARTS, N) * C * 4;
}

/** dX adds (`overwrite`: is) the gradient; dWeight adds its own, through f32 parts in scratch. */
export function rmsNormBackward(
  buffers: {
    readonly dX_NC: Address;
    readonly dWeight_C: Address;
    readonly dOut_NC: Address;
    readonly x_NC: Address;
    readonly rstd_N: Address;
    readonly weight_C: Address;
    readonly scratch: Address;
  },
  { N, C }: MatrixShape,
  storage: Storage,
  { overwrite = false, gradient = storage }: { readonly overwrite?: boolean; readonly gradient?: Storage } = {},
): Launch[] {
  const { dX_NC, dWeight_C, dOut_NC, x_NC, rstd_N, weight_C, scratch } = buffers;
  const pack = packOf(storage, [C], [dX_NC, dOut_NC, x_NC, weight_C]);
  const team = teamOf(C / pack, PACKS_BACKWARD);
  const { threads, rows } = teamBlock(team);
  const P = Math.min(MOST_PARTS, ceilDivide(N, rows));
  const kernel = {
    file: "rms-norm-backward.cu",
    name: "rms_norm_backward",
    defines: { ACTIVATION: typeOf(storage), COLUMNS: C, PACK: pack, TEAM: team },
  };
  return [
    launch(kernel, { grid: [P, 1, 1], block: [threads, 1, 1] }, [
      ...[dX_NC, scratch, dOut_NC, x_NC, rstd_N, weight_C].map(pointer),
      ...[i32(N), i32(overwrite ? 1 : 0)],
    ]),
    sumParts({ out_C: dWeight_C, parts_PC: scratch }, { P, C }, gradient),
  ];
}
