/**
 * What every engine does where tensors and batches cross the seam: check what comes in before anything changes, and add up what goes out.
 */
import { fromBf16 } from "../base/bf16.js";
import { sizeOf } from "../base/dims.js";
import { UserError } from "../base/errors.js";
import type { Batch } from "../data/batch.js";
import type { Parameter } from "../model/parameters.js";
import type { EngineTensor, Piece, RowLosses, SessionOptions, TensorKind, TensorSource } from "./engine.js";

/**
 * Tensors to load, checked as a whole before any value is read.
 * @throws Error when a tensor is unknown, has another shape, comes twice, is a gradient, or a weight is missing.
 */
export function checkedTensors(
  table: readonly Parameter[],
  tensors: Iterable<EngineTensor | TensorSource>,
): readonly TensorSource[] {
  const shapes = new Map(table.map(({ name, shape }) => [name, shape]));
  const given = new Map<string, TensorSource>();
  for (const tensor of tensors) {
    const { kind, name, shape } = tensor;
    const expected = shapes.get(name);
    if (kind === "gradient") throw new Error(`${name}: a gradient is not loaded`);
    if (expected === undefined) throw new Error(`${name} is not a parameter of this architecture`);
    const size = "data" in tensor ? tensor.data.length : sizeOf(shape);
    if (String(shape) !== String(expected) || size !== sizeOf(expected))
      throw new Error(`${name} has shape [${shape}] with ${size} values, expected [${expected}]`);
    if (given.has(keyOf(kind, name))) throw new Error(`${kind} of ${name} is given twice`);
    given.set(keyOf(kind, name), sourceOf(tensor));
  }
  const missing = table.filter(({ name }) => !given.has(keyOf("weight", name)));
  if (missing.length > 0) throw new Error(`weights are missing: ${missing.map(({ name }) => name).join(", ")}`);
  return [...given.values()];
}

function sourceOf(tensor: EngineTensor | TensorSource): TensorSource {
  if (!("data" in tensor)) return tensor;
  const { name, kind, shape, data } = tensor;
  return { name, kind, shape, pieces: () => [data] };
}

/** Values and where they belong, counted in elements. */
export interface PlacedPiece {
  readonly start: number;
  readonly values: Piece;
}

/** A tensor's pieces with their places. @throws Error when they are fewer or more than its shape says. */
export async function* placedPieces({ name, shape, pieces }: TensorSource): AsyncGenerator<PlacedPiece> {
  const size = sizeOf(shape);
  let start = 0;
  for await (const values of pieces()) {
    if (start + values.length > size) throw new Error(`${name} gives more than its ${size} values`);
    if (values.length > 0) yield { start, values };
    start += values.length;
  }
  if (start !== size) throw new Error(`${name} gives ${start} of its ${size} values`);
}

/** A tensor as a whole, in memory of its own. @throws UserError when that is more than there is. */
export async function gathered(tensor: TensorSource): Promise<Float32Array> {
  const whole = floats(tensor.name, sizeOf(tensor.shape));
  for await (const { start, values } of placedPieces(tensor)) {
    if (values instanceof Float32Array) whole.set(values, start);
    else fromBf16(values, whole.subarray(start, start + values.length));
  }
  return whole;
}

function floats(name: string, size: number): Float32Array {
  try {
    return new Float32Array(size);
  } catch (error) {
    const got = `${size} numbers`;
    throw new UserError({ what: `tensor "${name}" does not fit in memory`, got }, { cause: error });
  }
}

function keyOf(kind: TensorKind, name: string): string {
  return `${kind} ${name}`;
}

/** @throws RangeError when a token is not in the vocabulary: some devices read beyond the table without a word. */
export function checkTokens(tokens: Iterable<number>, vocabulary: number): void {
  for (const token of tokens)
    if (!(Number.isInteger(token) && token >= 0 && token < vocabulary))
      throw new RangeError(`token ${token} is outside the vocabulary of ${vocabulary}`);
}

/** How many tokens each row of a session was fed, and what it may be fed next. */
export class SessionRows {
  /** By row. */
  readonly lengths: number[];
  readonly #maxLength: number;
  readonly #vocabulary: number;

  /** @throws RangeError when there is nothing to hold. */
  constructor({ rows, maxLength }: SessionOptions, vocabulary: number) {
    for (const size of [rows, maxLength])
      if (!(Number.isSafeInteger(size) && size > 0))
        throw new RangeError(`a session needs rows and tokens, not ${rows} rows of ${maxLength}`);
    this.lengths = new Array<number>(rows).fill(0);
    this.#maxLength = maxLength;
    this.#vocabulary = vocabulary;
  }

  /** @throws RangeError as `feed` does. */
  check(tokens_B: readonly (readonly number[])[]): void {
    if (tokens_B.length !== this.lengths.length)
      throw new RangeError(`the session has ${this.lengths.length} rows, ${tokens_B.length} were fed`);
    if (tokens_B.every((tokens) => tokens.length === 0)) throw new RangeError("feed needs at least one token");
    tokens_B.forEach((tokens, row) => {
      const length = (this.lengths[row] as number) + tokens.length;
      if (length > this.#maxLength)
        throw new RangeError(`a row of the session holds ${this.#maxLength} tokens, ${length} were fed to row ${row}`);
      checkTokens(tokens, this.#vocabulary);
    });
  }

  /** Counts what was fed. */
  advance(tokens_B: readonly (readonly number[])[]): void {
    tokens_B.forEach((tokens, row) => {
      this.lengths[row] = (this.lengths[row] as number) + tokens.length;
    });
  }
}

/** The tokens' losses [N] as sums by row, in double precision; only tokens that count are added. */
export function rowLosses(batch: Batch, losses_N: Float32Array): RowLosses {
  const { rows, length, lossMask_BT } = batch;
  const lossSum_B = new Float64Array(rows);
  const tokens_B = new Int32Array(rows);
  for (let row = 0, n = 0; row < rows; row++)
    for (let at = 0; at < length; at++, n++) {
      if (lossMask_BT[n] === 0) continue;
      lossSum_B[row] += losses_N[n];
      tokens_B[row] += 1;
    }
  return { lossSum_B, tokens_B };
}
