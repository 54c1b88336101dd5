/** Reading ahead: the batches of the next steps are read while a step is computed. The order is a function, so nothing else is shared. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Batch } from "./batch.js";
import { assemble, microBatches, settleAll, type WindowSource } from "./batches.js";
import type { DataOrder } from "./order.js";

export interface PrefetchOptions {
  readonly order: Pick<DataOrder, "batchAt" | "stageAt">;
  /** In the order of the order's domains. */
  readonly streams: readonly WindowSource[];
  readonly fromStep: number;
  /** The first step that is not read. */
  readonly toStep: number;
  /** Steps read ahead of the one being computed, at most; 0 reads each when it is asked for. */
  readonly depth: number;
  readonly microBatchRows: number;
}

export interface StepBatches {
  readonly step: number;
  /** The step's micro-batches, in order. */
  readonly batches: readonly Batch[];
}

/**
 * Yields the steps in order. A failed read is thrown at its own step, after the steps before it were yielded. However the loop over it
 * ends, no read is left running when it has ended.
 */
export async function* prefetch(options: PrefetchOptions): AsyncGenerator<StepBatches, void, undefined> {
  const ahead: Promise<StepBatches>[] = [];
  let next = options.fromStep;
  try {
    for (;;) {
      for (; next < options.toStep && ahead.length <= options.depth; next++) ahead.push(begin(next, options));
      const current = ahead[0];
      if (current === undefined) return;
      const step = await current;
      ahead.shift();
      yield step;
    }
  } finally {
    await Promise.allSettled(ahead);
  }
}

/** Starts reading a step. Its failure is kept until the step's turn, and is not an unhandled rejection if that never comes. */
function begin(step: number, options: PrefetchOptions): Promise<StepBatches> {
  const reading = read(step, options);
  reading.catch(() => undefined);
  return reading;
}

async function read(step: number, options: PrefetchOptions): Promise<StepBatches> {
  // Streams may read without giving way. A turn later, the step that was just yielded has been handed to the device and is being computed.
  await nextTurn();
  const { order, streams, microBatchRows } = options;
  const { stage } = order.stageAt(step);
  const how = { packing: stage.packing, length: stage.sequenceLength };
  const parts = microBatches(order.batchAt(step), microBatchRows);
  return { step, batches: await settleAll(parts.map((rows) => assemble(rows, streams, how))) };
}
