/** A short measurement of training speed, on made-up tokens: speed depends on shapes only. */
import type { Plan } from "../config/plan.js";
import type { Batch } from "../data/batch.js";
import { createEngine } from "../engine/select.js";
import type { Architecture } from "../model/architecture.js";
import { initialWeights } from "../model/initialise.js";
import { parameterTable } from "../model/parameters.js";

export interface Speed {
  readonly engine: string;
  readonly tokensPerSecond: number;
}

/** Longest that the measurement goes on after its first, untimed micro-batch. */
const MEASURE_MS = 2000;
const MEASURE_BATCHES = 3;

/** Times forward, backward and update of a few micro-batches at the first stage's sequence length. */
export async function measureSpeed(plan: Plan, architecture: Architecture): Promise<Speed> {
  const table = parameterTable(architecture);
  const { engine: made } = await createEngine(architecture, table, plan.engine);
  using engine = made;
  engine.load(initialWeights(table, plan.seed));
  const batch = madeUpBatch(plan.engine.microBatchRows, plan.stages[0].sequenceLength, architecture.vocabulary);
  const step = async () => {
    await engine.accumulate(batch, 1 / (batch.rows * batch.length));
    await engine.gradientNorm();
    const { clip: _clip, ...adamw } = plan.optimizer;
    await engine.update({ ...adamw, learningRate: 1e-6, clipScale: 1, update: 1 });
  };
  await step();
  const started = performance.now();
  let batches = 0;
  while (batches < MEASURE_BATCHES && performance.now() - started < MEASURE_MS) {
    await step();
    batches++;
  }
  const seconds = (performance.now() - started) / 1000;
  return {
    engine: engine.describe().name,
    tokensPerSecond: Math.round((batches * batch.rows * batch.length) / seconds),
  };
}

function madeUpBatch(rows: number, length: number, vocabulary: number): Batch {
  const tokens = Int32Array.from({ length: rows * length + 1 }, (_, i) => (i * 31) % vocabulary);
  return {
    rows,
    length,
    inputs_BT: tokens.slice(0, -1),
    targets_BT: tokens.slice(1),
    lossMask_BT: new Uint8Array(rows * length).fill(1),
    documentStart_BT: new Int32Array(rows * length),
    domains_B: new Int32Array(rows),
  };
}
