/** The `model` section: the decoder's shape. Its vocabulary comes from the tokenizer. */
import type { z } from "zod";
import { flag, number, optional, positive, section, whole } from "./schema-leaves.js";

const ropeScaling = section("RoPE scaling", {
  factor: number("a number of at least 1", (value) => value >= 1),
  lowFrequencyFactor: positive.prefault(1),
  highFrequencyFactor: positive.prefault(4),
  originalLength: whole(1),
});

/** Most layers. */
const LAYERS = 4096;

export const modelSchema = section("the model", {
  width: whole(1),
  layers: whole(1, LAYERS),
  heads: whole(1),
  kvHeads: optional(whole(1)),
  headWidth: optional(whole(2)),
  feedForward: whole(1),
  maxLength: optional(whole(1)),
  rope: section("RoPE", {
    theta: positive.prefault(10000),
    scaling: optional(ropeScaling),
    nopeInterval: optional(whole(1, LAYERS)),
  }).prefault({}),
  normEpsilon: positive.prefault(1e-5),
  tied: flag.prefault(false),
  qkvBias: flag.prefault(false),
  qkNorm: flag.prefault(false),
  slidingWindow: optional(whole(1)),
  initialDeviation: positive.prefault(0.02),
  padVocabularyTo: whole(1, 65536).prefault(8),
});

export type ModelSource = z.output<typeof modelSchema>;
