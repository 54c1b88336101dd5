/** Launches of what touches every value once: sums, SwiGLU, rotary positions, columns. */
import type { AttentionShape } from "../../device.js";
import type { Address, Launch } from "../runtime/launch.js";
import {
  accessBytes,
  BLOCK,
  bytesOf,
  ceilDivide,
  f32,
  i32,
  i64,
  launch,
  packOf,
  pointer,
  rowGrid,
  type Storage,
  typeOf,
} from "./access.js";

/** Elementwise kernels without rows take values in turns of the whole grid; more blocks than this would only wait. */
const MOST_BLOCKS = 4096;

/** out adds x; both have `count` values and may be the same. */
export function add(
  { out, x }: { readonly out: Address; readonly x: Address },
  count: number,
  storage: Storage,
): Launch[] {
  const pack = packOf(storage, [], [out, x]);
  const kernel = { file: "add.cu", name: "add", defines: { ACTIVATION: typeOf(storage), PACK: pack } };
  const blocks = Math.min(MOST_BLOCKS, ceilDivide(count, pack * BLOCK));
  return [launch(kernel, { grid: [blocks, 1, 1], block: [BLOCK, 1, 1] }, [pointer(out), pointer(x), i64(count)])];
}

/** out[N, F] = silu(g)·u for gateUp[N, 2F]. */
export function swiglu(
  { out_NF, gateUp_NX }: { readonly out_NF: Address; readonly gateUp_NX: Address },
  { N, F }: { readonly N: number; readonly F: number },
  storage: Storage,
): Launch[] {
  const pack = packOf(storage, [F], [out_NF, gateUp_NX]);
  const kernel = { file: "swiglu.cu", name: "swiglu", defines: { ACTIVATION: typeOf(storage), PACK: pack } };
  return [launch(kernel, rowGrid(N, F / pack), [pointer(out_NF), pointer(gateUp_NX), i32(N), i32(F)])];
}

/** dGateUp[N, 2F] is overwritten; it may be gateUp. */
export function swigluBackward(
  buffers: { readonly dGateUp_NX: Address; readonly dOut_NF: Address; readonly gateUp_NX: Address },
  { N, F }: { readonly N: number; readonly F: number },
  storage: Storage,
): Launch[] {
  const { dGateUp_NX, dOut_NF, gateUp_NX } = buffers;
  const pack = packOf(storage, [F], [dGateUp_NX, dOut_NF, gateUp_NX]);
  const kernel = { file: "swiglu.cu", name: "swiglu_backward", defines: { ACTIVATION: typeOf(storage), PACK: pack } };
  const args = [pointer(dGateUp_NX), pointer(dOut_NF), pointer(gateUp_NX), i32(N), i32(F)];
  return [launch(kernel, rowGrid(N, F / pack), args)];
}

/** Rotates the heads of q and k inside qkv[N, (H+2K)·D]; the table is f32[maxLength, D]. */
export function rope(
  buffers: { readonly qkv_NX: Address; readonly table_TD: Address; readonly positions_N: Address },
  { B, T, H, K, D }: AttentionShape,
  storage: Storage,
  { inverse = false }: { readonly inverse?: boolean } = {},
): Launch[] {
  const { qkv_NX, table_TD, positions_N } = buffers;
  const half = D / 2;
  const pack = Math.min(packOf(storage, [half], [qkv_NX]), ropeTablePack(half, table_TD));
  const kernel = {
    file: "rope.cu",
    name: "rope",
    defines: { ACTIVATION: typeOf(storage), HEAD_WIDTH: D, PACK: pack },
  };
  return [
    launch(kernel, rowGrid(B * T, ((H + K) * half) / pack), [
      ...[pointer(qkv_NX), pointer(table_TD), pointer(positions_N)],
      ...[i32(B * T), i32(H + K), i32((H + 2 * K) * D), f32(inverse ? -1 : 1)],
    ]),
  ];
}

/** Packs of angles are read in accesses of up to 16 bytes, so one that is wider than 4 values only needs the alignment of 4. */
function ropeTablePack(half: number, table: Address): number {
  const values = packOf("f32", [half], [table]);
  return values === 4 ? Number.POSITIVE_INFINITY : values;
}

/** out[N, width] = x[:, from : from + width] of x[N, wide]. */
export function sliceColumns(
  { out, x }: { readonly out: Address; readonly x: Address },
  shape: ColumnsShape,
  storage: Storage,
): Launch[] {
  const from = x + BigInt(shape.from * bytesOf(storage));
  return copyColumns({ to: out, from }, { ...shape, toStride: shape.width, fromStride: shape.wide }, storage);
}

/** out[:, from : from + width] = x[N, width], in out[N, wide]. */
export function placeColumns(
  { out, x }: { readonly out: Address; readonly x: Address },
  shape: ColumnsShape,
  storage: Storage,
): Launch[] {
  const to = out + BigInt(shape.from * bytesOf(storage));
  return copyColumns({ to, from: x }, { ...shape, toStride: shape.wide, fromStride: shape.width }, storage);
}

/** out[rows[n], :] = x[n, from : from + width] of x[N, wide]. */
export function placeRows(
  { out, x, rows_N }: { readonly out: Address; readonly x: Address; readonly rows_N: Address },
  { N, width, wide, from }: ColumnsShape,
  storage: Storage,
): Launch[] {
  const element = bytesOf(storage);
  const first = x + BigInt(from * element);
  const bytes = accessBytes(element, [width, wide], [out, first]);
  const [units, xUnits] = [width, wide].map((extent) => (extent * element) / bytes);
  const kernel = { file: "copy-rows.cu", name: "place_rows", defines: { BYTES: bytes } };
  const args = [pointer(out), pointer(first), pointer(rows_N), i32(N), i32(units), i32(xUnits)];
  return [launch(kernel, rowGrid(N, units), args)];
}

export interface ColumnsShape {
  readonly N: number;
  /** Columns that move. */
  readonly width: number;
  /** Columns of the wider matrix. */
  readonly wide: number;
  /** The first of them there. */
  readonly from: number;
}

function copyColumns(
  { to, from }: { readonly to: Address; readonly from: Address },
  shape: { readonly N: number; readonly width: number; readonly toStride: number; readonly fromStride: number },
  storage: Storage,
): Launch[] {
  const { N, width, toStride, fromStride } = shape;
  const element = bytesOf(storage);
  const bytes = accessBytes(element, [width, toStride, fromStride], [to, from]);
  const [units, toUnits, fromUnits] = [width, toStride, fromStride].map((extent) => (extent * element) / bytes);
  const kernel = { file: "copy-rows.cu", name: "copy_columns", defines: { BYTES: bytes } };
  const args = [pointer(to), pointer(from), i32(N), i32(units), i32(toUnits), i32(fromUnits)];
  return [launch(kernel, rowGrid(N, units), args)];
}
