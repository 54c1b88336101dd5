/**
 * Embedding and head of a model whose vocabulary grows. Rows of old tokens keep their bits; then come the new tokens' rows, where the base
 * may have padding, which nobody trained; rows beyond them are the base's padding or, where the matrix grew, the mean of all used rows: their
 * logit is then the mean logit, while zeros would give 0, which is more than most tokens have.
 *
 * What a new row starts as: `pieces`, the mean of the rows of the tokens that its text was until now; `mean`, the mean of all used rows;
 * `random`, normal numbers of mean 0 with the deviation of all used rows. Sums are in float64 in the order of the rows.
 */
import { fromBf16 } from "../base/bf16.js";
import { fillNormal, streamOf } from "../base/random.js";
import type { Piece, TensorSource } from "../engine/engine.js";
import { placedPieces } from "../engine/seam.js";
import { EMBEDDING, HEAD } from "../model/parameters.js";

export interface NewRows {
  /** Rows of the grown matrices. */
  readonly rows: number;
  /** Rows that tokens of the old tokenizer have. */
  readonly used: number;
  /** Ids of the old tokens that the text of each new one consists of; none is empty. */
  readonly pieces: readonly ArrayLike<number>[];
  readonly initial: "pieces" | "mean" | "random";
  readonly seed: number;
}

/** All weights, embedding and head with their new rows. Both are read twice. */
export function withNewRows(sources: Iterable<TensorSource>, grown: NewRows): TensorSource[] {
  return Array.from(sources, (source) => {
    if (source.name !== EMBEDDING && source.name !== HEAD) return source;
    const shape = [grown.rows, source.shape[1]];
    return { ...source, shape, pieces: () => grownPieces(source, grown) };
  });
}

async function* grownPieces(source: TensorSource, grown: NewRows): AsyncGenerator<Piece> {
  const [baseRows, width] = source.shape;
  const { used, pieces, rows } = grown;
  const survey = await surveyed(source, grown);
  const end = used + pieces.length;
  for await (const { start, values } of placedPieces(source)) {
    const before = values.subarray(0, Math.max(0, used * width - start));
    if (before.length > 0) yield before;
    // The base's own rows behind the new ones come after those.
    if (start + values.length > used * width) break;
  }
  for (const [index, ids] of pieces.entries()) yield newRow(source.name, grown, survey, { index, ids });
  if (end < baseRows)
    for await (const { start, values } of placedPieces(source)) {
      const behind = values.subarray(Math.max(0, end * width - start));
      if (behind.length > 0) yield behind;
    }
  const mean = Float32Array.from(survey.mean_C);
  for (let row = Math.max(end, baseRows); row < rows; row++) yield mean;
}

/** What new rows are made of. */
interface Survey {
  readonly mean_C: Float64Array;
  readonly deviation: number;
  /** Rows of pieces, by id. */
  readonly rows: ReadonlyMap<number, Float32Array>;
}

async function surveyed(source: TensorSource, { used, pieces, initial }: NewRows): Promise<Survey> {
  const [, width] = source.shape;
  const wanted = new Set(initial === "pieces" ? pieces.flatMap((ids) => Array.from(ids)) : []);
  const rows = new Map(Array.from(wanted, (id) => [id, new Float32Array(width)]));
  const mean_C = new Float64Array(width);
  let [sum, squares] = [0, 0];
  for await (const { start, values } of placedPieces(source)) {
    const floats = floatsOf(values.subarray(0, Math.max(0, used * width - start)));
    // By index: an iterator over the numbers of a large embedding would take a minute.
    for (let at = 0, column = start % width; at < floats.length; at++) {
      const value = floats[at];
      mean_C[column] += value;
      sum += value;
      squares += value * value;
      column = column + 1 === width ? 0 : column + 1;
    }
    for (const [id, row] of rows) copyOverlap(row, id * width, floats, start);
  }
  const count = used * width;
  const deviation = Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
  return { mean_C: mean_C.map((total) => total / used), deviation, rows };
}

/** Copies what a stretch of values at `start` holds of a row at `rowStart`. */
function copyOverlap(row: Float32Array, rowStart: number, values: Float32Array, start: number): void {
  const from = Math.max(rowStart, start);
  const to = Math.min(rowStart + row.length, start + values.length);
  if (from < to) row.set(values.subarray(from - start, to - start), from - rowStart);
}

function newRow(
  name: string,
  { initial, seed, pieces }: NewRows,
  { mean_C, deviation, rows }: Survey,
  token: { readonly index: number; readonly ids: ArrayLike<number> },
): Float32Array {
  if (initial === "mean") return Float32Array.from(mean_C);
  const row = new Float32Array(mean_C.length);
  if (initial === "random") {
    const stream = streamOf(`new row ${token.index} of ${pieces.length} of ${name}`);
    fillNormal(row, { seed, stream, deviation });
    return row;
  }
  const sum_C = new Float64Array(row.length);
  for (const id of Array.from(token.ids)) for (const [at, value] of rows.get(id)?.entries() ?? []) sum_C[at] += value;
  return Float32Array.from(sum_C, (total) => total / token.ids.length);
}

function floatsOf(values: Piece): Float32Array {
  if (values instanceof Float32Array) return values;
  const floats = new Float32Array(values.length);
  fromBf16(values, floats);
  return floats;
}
