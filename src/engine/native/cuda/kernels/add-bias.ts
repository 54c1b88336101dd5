/** Launches of a bias for every row, and of its gradient. */
import type { Address, Launch } from "../runtime/launch.js";
import { ceilDivide, i32, launch, packOf, pointer, rowGrid, type Storage, typeOf } from "./access.js";
import { sumParts } from "./sum-parts.js";

/** A block of `sum_rows` is this many packs wide and this many rows deep. */
const ACROSS = 32;
const STRANDS = 8;
/** Blocks that fill a card with over a hundred multiprocessors; a constant, so that sums are the same on all cards. */
const BLOCKS = 512;

interface MatrixShape {
  readonly N: number;
  readonly C: number;
}

/** out[n, :] adds bias. */
export function addBias(
  { out_NC, bias_C }: { readonly out_NC: Address; readonly bias_C: Address },
  { N, C }: MatrixShape,
  storage: Storage,
): Launch[] {
  const pack = packOf(storage, [C], [out_NC, bias_C]);
  const kernel = {
    file: "add-bias.cu",
    name: "add_bias",
    defines: { ACTIVATION: typeOf(storage), COLUMNS: C, PACK: pack },
  };
  return [launch(kernel, rowGrid(N, C / pack), [pointer(out_NC), pointer(bias_C), i32(N)])];
}

/** Rows are cut into this many parts, whatever their pack. */
function partsOf({ N, C }: MatrixShape): number {
  const strips = ceilDivide(C, ACROSS * 8);
  return Math.max(1, Math.min(ceilDivide(BLOCKS, strips), ceilDivide(N, STRANDS * 4)));
}

/** Bytes of scratch that `addBiasBackward` needs. */
export function addBiasBackwardScratch(shape: MatrixShape): number {
  return partsOf(shape) * shape.C * 4;
}

/** dBias adds Σₙ dOut[n, :]. */
export function addBiasBackward(
  { dBias_C, dOut_NC, scratch }: { readonly dBias_C: Address; readonly dOut_NC: Address; readonly scratch: Address },
  { N, C }: MatrixShape,
  storage: Storage,
  gradient: Storage = storage,
): Launch[] {
  const P = partsOf({ N, C });
  const pack = packOf(storage, [C], [dOut_NC]);
  const kernel = {
    file: "add-bias.cu",
    name: "sum_rows",
    defines: { ACTIVATION: typeOf(storage), COLUMNS: C, PACK: pack },
  };
  const shape = { grid: [ceilDivide(C / pack, ACROSS), P, 1], block: [ACROSS, STRANDS, 1] } as const;
  return [
    launch(kernel, shape, [pointer(scratch), pointer(dOut_NC), i32(N)]),
    sumParts({ out_C: dBias_C, parts_PC: scratch }, { P, C }, gradient),
  ];
}
