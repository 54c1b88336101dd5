/** Everything that may stand in a plan file. Strict: an unknown key is an error, since a typo in a ten-hour run is an expensive bug. */
import { z } from "zod";
import { dataSchema } from "./schema-data.js";
import {
  count,
  fraction,
  number,
  optional,
  path,
  positive,
  runName,
  section,
  size,
  whole,
  word,
} from "./schema-leaves.js";
import { modelSchema } from "./schema-model.js";
import { stageSchema } from "./schema-stages.js";

const beginSchema = section("the beginning", {
  mode: word(["scratch", "weights", "continue"]),
  from: optional(path),
});

const optimizerSchema = section("the optimizer", {
  beta1: fraction.prefault(0.9),
  beta2: fraction.prefault(0.95),
  epsilon: positive.prefault(1e-8),
  weightDecay: number("a number from 0 to 1", (value) => value >= 0 && value <= 1).prefault(0.1),
  clip: positive.nullable().prefault(1),
});

const engineSchema = section("the engine", {
  kind: word(["auto", "native-cuda", "tfjs-node-gpu", "native-cpu", "tfjs-node", "tfjs-wasm", "tfjs-cpu"]).prefault(
    "auto",
  ),
  device: whole(0, 1023).prefault(0),
  precision: word(["auto", "fp32", "bf16"]).prefault("auto"),
  optimizerMemory: word(["auto", "fp32", "bf16"]).prefault("auto"),
  microBatchRows: optional(whole(1)),
  recomputation: word(["auto", "none", "block-parts", "layer"]).prefault("auto"),
  memory: optional(size),
});

const evaluationSchema = section("the evaluation", {
  everySteps: optional(whole(1)),
  tokensPerDomain: count("tokens").prefault("50k"),
});

const checkpointSchema = section("the checkpoints", {
  everySteps: whole(1).nullable().prefault(500),
  keepLast: whole(1).prefault(3),
  keepEvery: optional(whole(1)),
});

export type EngineSource = z.output<typeof engineSchema>;

export const planSchema = section("a plan", {
  run: runName,
  seed: whole(0).prefault(0),
  checkpointFolder: path.prefault("checkpoints"),
  begin: optional(beginSchema),
  data: dataSchema,
  model: modelSchema,
  stages: z.array(stageSchema, "a list of stages").min(1, "at least one stage"),
  optimizer: optimizerSchema.prefault({}),
  engine: engineSchema.prefault({}),
  evaluation: evaluationSchema.prefault({}),
  checkpoint: checkpointSchema.prefault({}),
  report: section("the report", { everySteps: whole(1).prefault(10) }).prefault({}),
});

/** A plan file's content after validation: quantities read, plain defaults filled in, nothing derived yet. */
export type PlanSource = z.output<typeof planSchema>;
