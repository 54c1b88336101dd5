/** Launch of cross-entropy over a chunk of rows, forwards and backwards in place. */
import type { Address, Launch } from "../runtime/launch.js";
import { ceilDivide, i32, launch, packOf, pointer, powerOfTwoFrom, type Storage, typeOf } from "./access.js";
import { scalarDefines } from "./scalars.js";

/** Threads of a block; two such blocks fill a multiprocessor, and one computes while the other's threads meet. */
const MOST_THREADS = 512;
const WARP = 32;
/** Packs that a thread takes at a time. */
const AHEAD = 4;

/** loss and mask are f32, targets i32; logits[N, columns] become their gradient if `gradient`. */
export function crossEntropy(
  buffers: {
    readonly loss_N: Address;
    readonly logits_NV: Address;
    readonly targets_N: Address;
    readonly mask_N: Address;
    readonly scalars: Address;
  },
  { N, columns, vocabulary }: { readonly N: number; readonly columns: number; readonly vocabulary: number },
  storage: Storage,
  { gradient }: { readonly gradient: boolean },
): Launch[] {
  const { loss_N, logits_NV, targets_N, mask_N, scalars } = buffers;
  const pack = packOf(storage, [columns], [logits_NV]);
  const threads = Math.min(MOST_THREADS, Math.max(WARP, powerOfTwoFrom(ceilDivide(columns / pack, AHEAD))));
  const kernel = {
    file: "cross-entropy.cu",
    name: "cross_entropy",
    defines: { ACTIVATION: typeOf(storage), PACK: pack, THREADS: threads, ...scalarDefines(["lossScale"]) },
  };
  return [
    launch(kernel, { grid: [N, 1, 1], block: [threads, 1, 1] }, [
      ...[loss_N, logits_NV, targets_N, mask_N, scalars].map(pointer),
      ...[i32(vocabulary), i32(columns), i32(gradient ? 1 : 0)],
    ]),
  ];
}
