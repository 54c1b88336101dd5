/**
 * Rows become batches: the pieces of each row are read from their domains and laid side by side.
 *
 * A piece of p inputs reads p + 1 tokens, so its last target is its own next token, and two pieces of a row share nothing. A row of whole
 * documents is filled up with padding: token 0, which counts in no loss, each a document of its own, so that it sees and is seen by nothing.
 */
import type { Packing } from "../config/plan.js";
import type { Batch } from "./batch.js";
import type { Piece } from "./epoch.js";
import type { StreamWindow } from "./shards/token-stream.js";
import type { Row } from "./stage-order.js";

/** Where a domain's tokens are read from: `length` tokens from token `start`. */
export interface WindowSource {
  read(start: number, length: number): Promise<StreamWindow>;
}

export interface AssembleOptions {
  readonly packing: Packing;
  /** T. */
  readonly length: number;
}

/**
 * Reads the rows into one batch. `streams` are in the order of `Row.domain`; every row's pieces sum to `length`, or less
 * where documents are whole.
 * When a read fails it rejects with the first failure in row order, after all reads have ended: the streams may then be closed.
 */
export async function assemble(
  rows: readonly Row[],
  streams: readonly WindowSource[],
  { packing, length }: AssembleOptions,
): Promise<Batch> {
  const size = rows.length * length;
  const batch = {
    rows: rows.length,
    length,
    inputs_BT: new Int32Array(size),
    targets_BT: new Int32Array(size),
    lossMask_BT: new Uint8Array(size),
    documentStart_BT: new Int32Array(size),
    domains_B: Int32Array.from(rows, ({ domain }) => domain),
  };
  const reads = rows.flatMap((row, index) => {
    let offset = 0;
    const pieces = row.pieces.map((piece) => {
      const place = { rowStart: index * length, offset };
      offset += piece.length;
      return { stream: streams[row.domain], piece, place };
    });
    if (packing === "whole" ? offset > length : offset !== length)
      throw new Error(`a row of ${offset} tokens in a batch of rows of ${length}`);
    for (let position = offset; position < length; position++)
      batch.documentStart_BT[index * length + position] = position;
    return pieces;
  });
  await settleAll(
    reads.map(async ({ stream, piece, place }) => {
      const window = await stream.read(piece.start, piece.length + 1);
      lay(window, piece, place, batch);
      if (packing !== "attend") markDocuments(window, piece, place, batch.documentStart_BT);
    }),
  );
  return batch;
}

/** Where a piece goes: the row's first index in the batch, and the position in the row. */
interface Place {
  readonly rowStart: number;
  readonly offset: number;
}

function lay(
  { ids, lossMask }: StreamWindow,
  { start, length }: Piece,
  { rowStart, offset }: Place,
  batch: Batch,
): void {
  if (ids.length !== length + 1) throw new Error(`${ids.length} tokens were read at ${start} instead of ${length + 1}`);
  const first = rowStart + offset;
  batch.inputs_BT.set(ids.subarray(0, length), first);
  batch.targets_BT.set(ids.subarray(1), first);
  if (lossMask === null) batch.lossMask_BT.fill(1, first, first + length);
  else batch.lossMask_BT.set(lossMask.subarray(1), first);
}

/** A piece begins a document as far as its row can see, even where it begins in the middle of one. */
function markDocuments(
  { documentStarts }: StreamWindow,
  { length }: Piece,
  { rowStart, offset }: Place,
  documentStart_BT: Int32Array,
): void {
  const first = rowStart + offset;
  let start = 0;
  for (let position = 0, next = 0; position < length; position++) {
    if (documentStarts[next] === position) {
      start = position;
      next++;
    }
    documentStart_BT[first + position] = offset + start;
  }
}

/** A step's rows in pieces of at most `most` rows, in order. */
export function microBatches(rows: readonly Row[], most: number): readonly (readonly Row[])[] {
  return Array.from({ length: Math.ceil(rows.length / most) }, (_, index) =>
    rows.slice(index * most, (index + 1) * most),
  );
}

/** Waits for all of them, then gives the results or throws the first failure in order; nothing is left running. */
export async function settleAll<Result>(running: readonly Promise<Result>[]): Promise<Result[]> {
  await Promise.allSettled(running);
  return Promise.all(running);
}
