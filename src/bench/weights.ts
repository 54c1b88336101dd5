/** Initial weights for a bench: those of a run while drawing them is quick, or a block of drawn numbers again and again. */
import { sizeOf } from "../base/dims.js";
import { fillNormal, streamOf } from "../base/random.js";
import { type InitialTensor, initialWeights } from "../model/initialise.js";
import { countParameters, type Parameter } from "../model/parameters.js";

/** Numbers that are drawn in about a second; a model of billions would take minutes. */
export const MOST_DRAWN = 2 ** 25;
/** A prime, so that no row of a matrix repeats another. */
const PERIOD = 1_048_573;

/** Weights of the right size and deviation. */
export function benchWeights(table: readonly Parameter[], mostDrawn = MOST_DRAWN): readonly InitialTensor[] {
  return countParameters(table) <= mostDrawn ? initialWeights(table, 0) : repeatedWeights(table);
}

function repeatedWeights(table: readonly Parameter[]): readonly InitialTensor[] {
  const blocks = new Map<number, Float32Array>();
  const drawn = (deviation: number): Float32Array => {
    const block = blocks.get(deviation) ?? new Float32Array(PERIOD);
    if (!blocks.has(deviation)) fillNormal(block, { seed: 0, stream: streamOf("weights of a bench"), deviation });
    blocks.set(deviation, block);
    return block;
  };
  return table.map(({ name, shape, initial }, index) => {
    const block = (): Float32Array =>
      initial.kind === "normal"
        ? drawn(initial.deviation)
        : new Float32Array(PERIOD).fill(initial.kind === "ones" ? 1 : 0);
    return { name, kind: "weight", shape, pieces: () => repeated(block(), sizeOf(shape), (index * 7919) % PERIOD) };
  });
}

/** `size` numbers: the block from `start` on, and then the whole of it again and again. */
function* repeated(block: Float32Array, size: number, start: number): Generator<Float32Array> {
  let left = size;
  for (let from = start; left > 0; from = 0) {
    const piece = block.subarray(from, from + left);
    left -= piece.length;
    yield piece;
  }
}
