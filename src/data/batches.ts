/**
 * Rows become batches: the pieces of each row are read from their domains and laid side by side.
 *
 * A piece of p inputs reads p + 1 tokens, so its last target is its own next token, and two pieces of a row share nothing.
 */
import type { Batch } from "./batch.js";
import type { Piece } from "./epoch.js";
import type { StreamWindow } from "./shards/token-stream.js";
import type { Row } from "./stage-order.js";

/** `isolated`: attention stays within a document and positions restart there; `attend`: the row is one text. */
export type Packing = "isolated" | "attend";

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
 * Reads the rows into one batch. `streams` are in the order of `Row.domain`; every row's pieces sum to `length`.
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
    if (offset !== length) throw new Error(`a row of ${offset} tokens in a batch of rows of ${length}`);
    return pieces;
  });
  await settleAll(
    reads.map(async ({ stream, piece, place }) => {
      const window = await stream.read(piece.start, piece.length + 1);
      lay(window, piece, place, batch);
      if (packing === "isolated") markDocuments(window, piece, place, batch.documentStart_BT);
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

export interface HeldOutOptions extends AssembleOptions {
  /** Index that the batches carry. */
  readonly domain: number;
  /** Targets to read at most, rounded down to whole windows, of which there is at least one. */
  readonly maxTokens: number;
  /** B. */
  readonly rows: number;
}

/**
 * A domain's held-out batches: its windows one after the other from its first token, the same every time. A stream that is shorter than
 * a window gives one shorter row; one with nothing to predict gives none.
 */
export async function* heldOutBatches(
  stream: WindowSource & { readonly tokens: number },
  { domain, length, maxTokens, rows, packing }: HeldOutOptions,
): AsyncGenerator<Batch> {
  if (stream.tokens < 2) return;
  const windowTokens = Math.min(length, stream.tokens - 1);
  const windows = Math.min(
    Math.floor((stream.tokens - 1) / windowTokens),
    Math.max(1, Math.floor(maxTokens / windowTokens)),
  );
  for (let first = 0; first < windows; first += rows) {
    const batch = Array.from({ length: Math.min(rows, windows - first) }, (_, row) => ({
      domain: 0,
      epoch: 0,
      pieces: [{ start: (first + row) * windowTokens, length: windowTokens }],
    }));
    const assembled = await assemble(batch, [stream], { packing, length: windowTokens });
    yield { ...assembled, domains_B: assembled.domains_B.fill(domain) };
  }
}

/** Waits for all of them, then gives the results or throws the first failure in order; nothing is left running. */
export async function settleAll<Result>(running: readonly Promise<Result>[]): Promise<Result[]> {
  await Promise.allSettled(running);
  return Promise.all(running);
}
