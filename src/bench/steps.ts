/** Training steps on made-up tokens, timed: speed depends on shapes only. */
import { random32, streamOf } from "../base/random.js";
import type { Batch } from "../data/batch.js";
import type { AdamWStep, Engine } from "../engine/engine.js";
import type { BatchSize } from "../model/costs.js";
import { clipScale } from "../optim/clipping.js";

/** Tokens drawn evenly from the vocabulary; equal numbers give equal batches. Every target counts, every row is one document. */
export function madeUpBatch({ rows, length }: BatchSize, vocabulary: number, number = 0): Batch {
  const stream = streamOf("made-up tokens");
  const drawn = (kind: number): Int32Array =>
    Int32Array.from({ length: rows * length }, (_, i) => random32(2 * number + kind, stream, i) % vocabulary);
  return {
    rows,
    length,
    inputs_BT: drawn(0),
    targets_BT: drawn(1),
    lossMask_BT: new Uint8Array(rows * length).fill(1),
    documentStart_BT: new Int32Array(rows * length),
    domains_B: new Int32Array(rows),
  };
}

/** Different batches, so that no cache or branch predictor learns one by heart. */
export const BATCHES = 4;

export function madeUpBatches(size: BatchSize, vocabulary: number): readonly Batch[] {
  return Array.from({ length: BATCHES }, (_, number) => madeUpBatch(size, vocabulary, number));
}

export interface TimedSteps {
  readonly batches: readonly Batch[];
  /** Micro-batches of a step. */
  readonly accumulate: number;
  readonly optimizer: Omit<AdamWStep, "clipScale" | "update">;
  /** Largest gradient norm; null: not clipped. */
  readonly clip: number | null;
  readonly steps: number;
  /** Ends after the step that brings the time to this. */
  readonly limitMs?: number;
  /** Number of the first step, from 0, where others ran before. */
  readonly first?: number;
  readonly onStep?: (done: number) => void;
  /** Gets the mean loss of each step before its update, in nats per token. */
  readonly onLoss?: (loss: number) => void;
}

/** Runs whole training steps (gradients, their norm, the update) and returns the milliseconds of each. */
export async function timeSteps(engine: Engine, options: TimedSteps): Promise<number[]> {
  const { batches, accumulate, optimizer, clip, steps, limitMs = Number.POSITIVE_INFINITY, first = 0 } = options;
  const times: number[] = [];
  let total = 0;
  for (let step = 0; step < steps && total < limitMs; step++) {
    const started = performance.now();
    const sums = { loss: 0, tokens: 0 };
    for (let part = 0; part < accumulate; part++) {
      const batch = batches[(step * accumulate + part) % batches.length];
      const { lossSum_B, tokens_B } = await engine.accumulate(batch, 1 / (accumulate * batch.rows * batch.length));
      sums.loss += lossSum_B.reduce((sum, loss) => sum + loss, 0);
      sums.tokens += tokens_B.reduce((sum, count) => sum + count, 0);
    }
    const norm = await engine.gradientNorm();
    await engine.update({ ...optimizer, clipScale: clipScale(norm, clip), update: first + step + 1 });
    const ms = performance.now() - started;
    times.push(ms);
    total += ms;
    options.onLoss?.(sums.loss / sums.tokens);
    options.onStep?.(times.length);
  }
  return times;
}
