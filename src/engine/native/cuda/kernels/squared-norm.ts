/** Launches of the squared norm: blocks' sums in float64, then their sum. */
import type { Address, Launch } from "../runtime/launch.js";
import { BLOCK, ceilDivide, i32, i64, launch, packOf, pointer, type Storage, typeOf } from "./access.js";

/** Just below the blocks that an H100 holds at once; a constant, so that sums are the same on all cards. */
const MOST_PARTS = 1024;
/** Packs that a thread has on their way at a time. */
const AHEAD = 4;

/** Bytes of scratch that `squaredNorm` needs, for any number of values; aligned to 8 bytes. */
export const SQUARED_NORM_SCRATCH = MOST_PARTS * 8;

/** out[0] (f32) = Σ x². */
export function squaredNorm(
  { out, x, scratch }: { readonly out: Address; readonly x: Address; readonly scratch: Address },
  count: number,
  storage: Storage,
): Launch[] {
  const pack = packOf(storage, [], [x]);
  const P = Math.min(MOST_PARTS, ceilDivide(count, pack * BLOCK * AHEAD));
  const defines = { VALUE: typeOf(storage), PACK: pack };
  const kernel = (name: string) => ({ file: "squared-norm.cu", name, defines });
  return [
    launch(kernel("sum_squares"), { grid: [P, 1, 1], block: [BLOCK, 1, 1] }, [
      ...[pointer(scratch), pointer(x), i64(count)],
    ]),
    launch(kernel("sum_blocks"), { grid: [1, 1, 1], block: [BLOCK, 1, 1] }, [pointer(out), pointer(scratch), i32(P)]),
  ];
}
