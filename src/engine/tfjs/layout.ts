/**
 * Who sees whom, and at which rotary angle: the tensors that a batch's document starts decide, built on the host once per micro-batch
 * and shared by all layers.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Architecture } from "../../model/architecture.js";
import { rotaryTable } from "../../model/rope.js";

/**
 * Added to the score of a pair that must not see each other. Finite, so that no kernel meets ∞ − ∞; exp underflows to exactly 0 all the
 * same, because every token sees at least itself.
 */
const HIDDEN = -1e9;

/** Sizes of one forward pass: B rows of T queries over S keys (S = T in training, cache and new tokens in decoding). */
export interface Extent {
  readonly rows: number;
  readonly queries: number;
  readonly keys: number;
}

export interface Layout extends Extent {
  /** [N, 1, D]. */
  readonly cos: tf.Tensor3D;
  readonly sin: tf.Tensor3D;
  /** [D, D]; x·quarterTurn is x with its halves swapped and the new first one negated. */
  readonly quarterTurn: tf.Tensor2D;
  /** 0 or `HIDDEN`, [B, 1, T, S]. */
  readonly bias: tf.Tensor4D;
}

/**
 * Layout of B rows of T tokens over S keys; query i of a row stands at position S − T + i.
 * @param documentStart_BT as in `Batch`: where each query's document starts in its row.
 */
export function layoutOf(
  architecture: Architecture,
  frequencies: Float64Array,
  extent: Extent,
  documentStart_BT: Int32Array,
): Layout {
  const { rows, queries, keys } = extent;
  const past = keys - queries;
  const positions = documentStart_BT.map((start, index) => past + (index % queries) - start);
  const { cos_ND, sin_ND } = rotaryTable(frequencies, positions);
  const table: [number, number, number] = [rows * queries, 1, architecture.headWidth];
  return {
    ...extent,
    cos: tf.tensor3d(cos_ND, table),
    sin: tf.tensor3d(sin_ND, table),
    quarterTurn: quarterTurn(architecture.headWidth),
    bias: tf.tensor4d(biasOf(architecture.slidingWindow, extent, documentStart_BT), [rows, 1, queries, keys]),
  };
}

function biasOf(window: number | null, { rows, queries, keys }: Extent, documentStart_BT: Int32Array): Float32Array {
  const bias = new Float32Array(rows * queries * keys).fill(HIDDEN);
  for (let index = 0; index < rows * queries; index++) {
    const position = keys - queries + (index % queries);
    const oldest = window === null ? 0 : position - window + 1;
    const first = Math.max(documentStart_BT[index] as number, oldest, 0);
    bias.fill(0, index * keys + first, index * keys + position + 1);
  }
  return bias;
}

/** The rotation by a quarter turn of each pair (d, d + D/2), as a matrix: exact, since each sum has one nonzero term. */
function quarterTurn(headWidth: number): tf.Tensor2D {
  const half = headWidth / 2;
  const matrix = new Float32Array(headWidth * headWidth);
  for (let d = 0; d < half; d++) {
    matrix[(d + half) * headWidth + d] = -1;
    matrix[d * headWidth + d + half] = 1;
  }
  return tf.tensor2d(matrix, [headWidth, headWidth]);
}
