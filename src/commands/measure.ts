/** A short measurement of training speed for a plan, on made-up tokens. */
import type { PeakPrediction } from "../bench/prediction.js";
import { madeUpBatch, timeSteps } from "../bench/steps.js";
import type { Plan } from "../config/plan.js";
import { answerOf } from "../engine/native/recomputation.js";
import { createEngine, type Places } from "../engine/select.js";
import type { Architecture } from "../model/architecture.js";
import { initialWeights } from "../model/initialise.js";
import { parameterTable } from "../model/parameters.js";
import { engineOptionsOf } from "../train/memory.js";

export interface Speed {
  readonly engine: string;
  readonly tokensPerSecond: number;
}

/** Longest that the measurement goes on after its first, untimed micro-batch. */
const MEASURE_MS = 2000;
const MEASURE_BATCHES = 3;

/** Times forward, backward and update of a few micro-batches at the first stage's sequence length, on the engine that the run will have. */
export async function measureSpeed(
  plan: Plan,
  architecture: Architecture,
  memory: PeakPrediction,
  places?: Places,
): Promise<Speed> {
  const table = parameterTable(architecture);
  const { engine: made } = await createEngine(architecture, table, {
    ...engineOptionsOf(plan, places),
    ...answerOf(memory.choice),
  });
  using engine = made;
  await engine.load(initialWeights(table, plan.seed));
  const size = { rows: plan.engine.microBatchRows, length: plan.stages[0].sequenceLength };
  const { clip, ...adamw } = plan.optimizer;
  const run = {
    batches: [madeUpBatch(size, architecture.vocabulary)],
    accumulate: 1,
    optimizer: { ...adamw, learningRate: 1e-6 },
    clip,
  };
  await timeSteps(engine, { ...run, steps: 1 });
  const times = await timeSteps(engine, { ...run, steps: MEASURE_BATCHES, limitMs: MEASURE_MS, first: 1 });
  const seconds = times.reduce((sum, ms) => sum + ms, 0) / 1000;
  return {
    engine: engine.describe().name,
    tokensPerSecond: Math.round((times.length * size.rows * size.length) / seconds),
  };
}
