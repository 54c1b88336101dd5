/**
 * A batch as a pass reads it: checked and laid out in one walk over its tokens, since between two programs a card waits for this.
 *
 * The buffers of tokens follow one another in their arena (`activations.ts`), so they are written as one.
 */
import type { Batch } from "../../data/batch.js";
import type { Slot } from "./activations.js";

/** Where the tokens of a pass lie: the first elements of buffers of N, and the stretch from the first of them to the end of the last. */
export interface TokenPlaces {
  readonly ids: number;
  readonly targets: number;
  readonly positions: number;
  readonly starts: number;
  readonly size: number;
}

/** Places counted from the first of the slots. */
export function tokenPlaces(slots: Readonly<Record<"ids_N" | "targets_N" | "positions_N" | "starts_N", Slot>>): {
  readonly first: number;
  readonly places: TokenPlaces;
} {
  const { ids_N, targets_N, positions_N, starts_N } = slots;
  const all = [ids_N, targets_N, positions_N, starts_N];
  const first = Math.min(...all.map(({ start }) => start));
  const [ids, targets, positions, starts] = all.map(({ start }) => start - first);
  const size = Math.max(ids, targets, positions, starts) + ids_N.shape[0];
  return { first, places: { ids, targets, positions, starts, size } };
}

/** @throws RangeError for what would be read beyond a buffer. */
export function tokensOf(batch: Batch, vocabulary: number, places: TokenPlaces): Int32Array {
  checkSizes(batch);
  const { rows, length, inputs_BT, targets_BT, documentStart_BT } = batch;
  const tokens = new Int32Array(places.size);
  for (let row = 0, n = 0; row < rows; row++)
    for (let at = 0; at < length; at++, n++) {
      const id = inputs_BT[n];
      const target = targets_BT[n];
      const start = documentStart_BT[n];
      if (!(id >= 0 && id < vocabulary && target >= 0 && target < vocabulary && start >= 0 && start <= at))
        throw stray(batch, n, vocabulary);
      tokens[places.ids + n] = id;
      tokens[places.targets + n] = target;
      tokens[places.positions + n] = at - start;
      tokens[places.starts + n] = start;
    }
  return tokens;
}

/** @throws RangeError when the arrays of a batch are not as long as it says. */
export function checkSizes({ rows, length, ...arrays }: Batch): void {
  if (!(rows > 0 && length > 0)) throw new RangeError(`a batch needs rows and tokens, not ${rows} rows of ${length}`);
  for (const name of ["inputs_BT", "targets_BT", "lossMask_BT", "documentStart_BT"] as const)
    if (arrays[name].length !== rows * length)
      throw new RangeError(`${name} has ${arrays[name].length} values for ${rows} rows of ${length} tokens`);
}

function stray({ inputs_BT, targets_BT, documentStart_BT }: Batch, n: number, vocabulary: number): RangeError {
  const token = [inputs_BT[n], targets_BT[n]].find((id) => id < 0 || id >= vocabulary);
  return token === undefined
    ? new RangeError(`token ${n} starts its document at ${documentStart_BT[n]}, after itself`)
    : new RangeError(`token ${token} is outside the vocabulary of ${vocabulary}`);
}
