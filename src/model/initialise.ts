/**
 * Initial weights as a pure function: a value depends only on the seed, the parameter's name and the index, so the number of ranks,
 * the engine and the other parameters change nothing. The deviation scales; it does not draw.
 */
import { type Shape, sizeOf } from "../base/dims.js";
import { fillNormal, streamOf } from "../base/random.js";
import type { Parameter } from "./parameters.js";

/** What an engine loads (`TensorSource` of the engine seam, which lies below this folder). */
export interface InitialTensor {
  readonly name: string;
  readonly kind: "weight";
  readonly shape: Shape;
  /** Row-major, in order; a piece is overwritten by the next. */
  pieces(): Iterable<Float32Array>;
}

/** Numbers drawn at a time; a multiple of 4, as `fillNormal` asks. */
const PIECE_FLOATS = 1 << 18;

/** The parameters in the table's order. Nothing is drawn before it is asked for, so that no more than a piece need be held at a time. */
export function initialWeights(table: readonly Parameter[], seed: number): readonly InitialTensor[] {
  return table.map((parameter) => {
    const { name, shape } = parameter;
    return { name, kind: "weight", shape, pieces: () => initialPieces(parameter, seed) };
  });
}

function* initialPieces({ name, shape, initial }: Parameter, seed: number): Generator<Float32Array> {
  const size = sizeOf(shape);
  const values = new Float32Array(Math.min(PIECE_FLOATS, size)).fill(initial.kind === "ones" ? 1 : 0);
  const stream = streamOf(`initial ${name}`);
  for (let first = 0; first < size; first += PIECE_FLOATS) {
    const piece = values.subarray(0, Math.min(PIECE_FLOATS, size - first));
    if (initial.kind === "normal") fillNormal(piece, { seed, stream, deviation: initial.deviation, first });
    yield piece;
  }
}
