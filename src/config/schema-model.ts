/** The `model` section: the decoder's shape, or the folder that says it. Its vocabulary comes from the tokenizer. */
import type { z } from "zod";
import { flag, number, optional, path, positive, section, whole } from "./schema-leaves.js";

const ropeScaling = section("RoPE scaling", {
  factor: number("a number of at least 1", (value) => value >= 1),
  lowFrequencyFactor: positive.prefault(1),
  highFrequencyFactor: positive.prefault(4),
  originalLength: whole(1),
});

/** Most layers. */
const LAYERS = 4096;

export const modelSchema = section("the model", {
  from: optional(path),
  width: optional(whole(1)),
  layers: optional(whole(1, LAYERS)),
  heads: optional(whole(1)),
  kvHeads: optional(whole(1)),
  headWidth: optional(whole(2)),
  feedForward: optional(whole(1)),
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

/** Keys that a plan must have when `from` does not say them. */
export const SHAPE_KEYS = ["width", "layers", "heads", "feedForward"] as const;

/** Keys that go with `from`; it says all others. */
export const KEYS_BESIDE_FROM: readonly string[] = ["from", "initialDeviation", "padVocabularyTo"];

export type ModelSource = z.output<typeof modelSchema>;
