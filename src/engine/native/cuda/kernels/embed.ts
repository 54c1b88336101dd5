/** Launches of the embedding and its gradient, which sorts the tokens first (`sort-tokens.cu`). */
import type { Address, Launch } from "../runtime/launch.js";
import {
  accessBytes,
  BLOCK,
  bytesOf,
  ceilDivide,
  i32,
  launch,
  packOf,
  pointer,
  powerOfTwoFrom,
  rowGrid,
  type Storage,
  typeOf,
} from "./access.js";

/** Tokens that one block sorts. */
const CHUNK = 1024;
/** Packs of a row that one block of `add_runs` takes: narrow, so that a frequent token's run is shared out to many blocks. */
const ACROSS = 32;

interface MatrixShape {
  readonly N: number;
  readonly C: number;
}

/** out[N, C] = table[ids[N], :]. */
export function embed(
  { out_NC, table_VC, ids_N }: { readonly out_NC: Address; readonly table_VC: Address; readonly ids_N: Address },
  { N, C }: MatrixShape,
  storage: Storage,
): Launch[] {
  const bytes = accessBytes(bytesOf(storage), [C], [out_NC, table_VC]);
  const units = (C * bytesOf(storage)) / bytes;
  const kernel = { file: "copy-rows.cu", name: "embed", defines: { BYTES: bytes } };
  return [launch(kernel, rowGrid(N, units), [...[out_NC, table_VC, ids_N].map(pointer), i32(N), i32(units)])];
}

/** Bytes of scratch that `embedBackward` needs: four lists of N whole numbers. */
export function embedBackwardScratch(N: number): number {
  return 4 * N * 4;
}

/** dTable[ids[n], :] adds dOut[n, :] in the order of n; sums are f32 and rounded to the table's storage once. */
export function embedBackward(
  buffers: {
    readonly dTable_VC: Address;
    readonly dOut_NC: Address;
    readonly ids_N: Address;
    readonly scratch: Address;
  },
  { N, C }: MatrixShape,
  storage: Storage,
  gradient: Storage = storage,
): Launch[] {
  const { dTable_VC, dOut_NC, ids_N, scratch } = buffers;
  const lists = [0, 1, 2, 3].map((list) => pointer(scratch + BigInt(list * N * 4)));
  const [sortedIds, sortedTokens, orderedIds, orderedTokens] = lists;
  const pack = Math.min(packOf(storage, [C], [dOut_NC]), packOf(gradient, [C], [dTable_VC]));
  const addRuns = {
    file: "embed-backward.cu",
    name: "add_runs",
    defines: { ACTIVATION: typeOf(storage), GRADIENT: typeOf(gradient), COLUMNS: C, PACK: pack },
  };
  const sort = (name: string) => ({ file: "sort-tokens.cu", name, defines: {} });
  const across = Math.min(ACROSS, powerOfTwoFrom(C / pack));
  const down = BLOCK / across;
  return [
    launch(sort("sort_chunks"), { grid: [ceilDivide(N, CHUNK), 1, 1], block: [CHUNK, 1, 1] }, [
      ...[sortedIds, sortedTokens, pointer(ids_N), i32(N)],
    ]),
    launch(sort("merge_chunks"), { grid: [ceilDivide(N, BLOCK), 1, 1], block: [BLOCK, 1, 1] }, [
      ...[orderedIds, orderedTokens, sortedIds, sortedTokens, i32(N)],
    ]),
    launch(addRuns, { grid: [ceilDivide(N, down), ceilDivide(C / pack, across), 1], block: [across, down, 1] }, [
      pointer(dTable_VC),
      pointer(dOut_NC),
      orderedIds,
      orderedTokens,
      i32(N),
    ]),
  ];
}
