/** Initial weights for a bench: those of a run while drawing them is quick, or a block of drawn numbers again and again. */
import { sizeOf } from "../base/dims.js";
import { fillNormal, streamOf } from "../base/random.js";
import { type InitialTensor, initialWeights } from "../model/initialise.js";
import { countParameters, type Parameter } from "../model/parameters.js";

/** Numbers that are drawn in about a second; a model of billions would take minutes. */
export const MOST_DRAWN = 2 ** 25;
/** A prime, so that no row of a matrix repeats another. */
const PERIOD = 1_048_573;

/** Weights of the right size and deviation. Tensors of large models share their memory, so that there is little of it on the host. */
export function benchWeights(table: readonly Parameter[], mostDrawn = MOST_DRAWN): Iterable<InitialTensor> {
  return countParameters(table) <= mostDrawn ? initialWeights(table, 0) : repeatedWeights(table);
}

function* repeatedWeights(table: readonly Parameter[]): Generator<InitialTensor> {
  const longest = Math.max(...table.map(({ shape }) => sizeOf(shape)));
  const blocks = new Map<number, Float32Array>();
  const blockOf = (deviation: number): Float32Array => {
    const block = blocks.get(deviation) ?? repeatedNormal(longest + PERIOD, deviation);
    blocks.set(deviation, block);
    return block;
  };
  for (const [index, { name, shape, initial }] of table.entries()) {
    const size = sizeOf(shape);
    const start = (index * 7919) % PERIOD;
    const data =
      initial.kind === "normal"
        ? blockOf(initial.deviation).subarray(start, start + size)
        : new Float32Array(size).fill(initial.kind === "ones" ? 1 : 0);
    yield { name, kind: "weight", shape, data };
  }
}

function repeatedNormal(size: number, deviation: number): Float32Array {
  const block = new Float32Array(size);
  const drawn = block.subarray(0, Math.min(size, PERIOD));
  fillNormal(drawn, { seed: 0, stream: streamOf("weights of a bench"), deviation });
  for (let filled = drawn.length; filled < size; filled *= 2) block.copyWithin(filled, 0, filled);
  return block;
}
