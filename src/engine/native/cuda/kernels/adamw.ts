/** Launch of AdamW over one contiguous range of every arena. */
import { SCALARS } from "../../device.js";
import type { Address, Launch } from "../runtime/launch.js";
import { BLOCK, ceilDivide, i32, i64, launch, packOf, pointer, type Storage, typeOf } from "./access.js";
import { scalarDefines } from "./scalars.js";

/** Parameters of one thread. */
const GROUP = 8;
/** The scalars that the kernel reads: all but the loss's. */
const USED = SCALARS.filter((name) => name !== "lossScale");

export interface AdamwStorage {
  readonly weight: Storage;
  readonly moment: Storage;
  readonly gradient: Storage;
}

/**
 * One update of `count` parameters; the gradient is zeroed. Where `master` (f32) is null the weight is its own, and rounded stochastically
 * if it is bf16, as bf16 moments are. `first` is the range's first index in the arena, a multiple of 8: random bits depend on it.
 * @throws Error when a range does not begin at a multiple of 16 bytes.
 */
export function adamw(
  buffers: {
    readonly weight: Address;
    readonly master: Address | null;
    readonly moment1: Address;
    readonly moment2: Address;
    readonly gradient: Address;
    readonly scalars: Address;
  },
  { count, first, decays }: { readonly count: number; readonly first: number; readonly decays: boolean },
  storage: AdamwStorage,
): Launch[] {
  const { weight, master, moment1, moment2, gradient, scalars } = buffers;
  for (const [name, address] of Object.entries({ weight, master, moment1, moment2, gradient }))
    if (address !== null && packOf("f32", [], [address]) !== 4)
      throw new Error(`adamw: ${name} at ${address} is not aligned to 16 bytes`);
  if (first % GROUP !== 0) throw new Error(`adamw: the range begins at ${first}, which is no multiple of ${GROUP}`);
  const kernel = {
    file: "adamw.cu",
    name: "adamw",
    defines: {
      WEIGHT: typeOf(storage.weight),
      MOMENT: typeOf(storage.moment),
      GRADIENT: typeOf(storage.gradient),
      HAS_MASTER: master === null ? 0 : 1,
      ...scalarDefines(USED),
    },
  };
  return [
    launch(kernel, { grid: [ceilDivide(count, GROUP * BLOCK), 1, 1], block: [BLOCK, 1, 1] }, [
      ...[weight, master, moment1, moment2, gradient, scalars].map(pointer),
      ...[i64(count), i64(first), i32(decays ? 1 : 0)],
    ]),
  ];
}
