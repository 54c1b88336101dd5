/**
 * Made-up text that can be learned, so that a loss curve goes down: tokens as frequent as words (Zipf's law), and four times in five one of
 * four successors that each token has for good. Pure: equal numbers give equal batches.
 */
import { random32, streamOf } from "../base/random.js";
import type { Batch } from "../data/batch.js";
import type { BatchSize } from "../model/costs.js";

const SUCCESSORS = 4;
const CHOICES = streamOf("curve choices");
const TOKENS = streamOf("curve tokens");
const SUCCESSION = streamOf("curve succession");

/** Rows of T + 1 tokens, [B, T + 1]. */
export function curveRows({ rows, length }: BatchSize, vocabulary: number, step: number): Int32Array {
  const tokens = new Int32Array(rows * (length + 1));
  for (let i = 0; i < tokens.length; i++) {
    const index = step * tokens.length + i;
    const choice = random32(0, CHOICES, index) % (SUCCESSORS + SUCCESSORS / 2 - 1);
    const follows = choice < SUCCESSORS && i % (length + 1) > 0;
    const drawn = follows ? random32(0, SUCCESSION, tokens[i - 1] * SUCCESSORS + choice) : random32(0, TOKENS, index);
    tokens[i] = zipf(drawn, vocabulary);
  }
  return tokens;
}

/** The same as a batch: every target counts, every row is one document. */
export function curveBatch(size: BatchSize, vocabulary: number, step: number): Batch {
  const { rows, length } = size;
  const tokens = curveRows(size, vocabulary, step);
  const shifted = (by: number): Int32Array =>
    Int32Array.from(
      { length: rows * length },
      (_, i) => tokens[Math.floor(i / length) * (length + 1) + (i % length) + by],
    );
  return {
    ...{ rows, length, inputs_BT: shifted(0), targets_BT: shifted(1) },
    lossMask_BT: new Uint8Array(rows * length).fill(1),
    documentStart_BT: new Int32Array(rows * length),
    domains_B: new Int32Array(rows),
  };
}

/** Token k with a probability of about 1/((k + 1) ln V): the logarithm is drawn evenly. */
function zipf(word: number, vocabulary: number): number {
  return Math.min(vocabulary - 1, Math.floor(vocabulary ** (word / 2 ** 32)) - 1);
}
