/** One stage of `stages`: how long, how wide a step, which mixture, which learning rates. */
import { z } from "zod";
import { RECIPE_NAMES } from "./recipes.js";
import {
  count,
  domainNames,
  duration,
  mixturePart,
  optional,
  positive,
  rateOrPrevious,
  rateOrShareOfPeak,
  runName,
  section,
  whole,
  word,
} from "./schema-leaves.js";

const FORMS = ["linear", "cosine", "exponential", "1-sqrt"] as const;

const warmUp = {
  peak: rateOrPrevious("positive"),
  warmup: optional(duration),
  start: optional(rateOrPrevious("zero")),
};
const min = optional(rateOrShareOfPeak("zero"));

const decay = section("the decay", { form: word(FORMS).prefault("1-sqrt"), length: duration.prefault("20%") });
const cooldown = section("the cooldown", { form: word(FORMS).prefault("cosine"), length: duration });
const anneal = section("the anneal", { form: word(FORMS).prefault("exponential"), length: duration });

export const scheduleSchema = z.discriminatedUnion(
  "kind",
  [
    section("the schedule", { kind: z.literal("constant"), ...warmUp }),
    section("the schedule", { kind: z.literal("linear"), ...warmUp, min }),
    section("the schedule", { kind: z.literal("cosine"), ...warmUp, min }),
    section("the schedule", { kind: z.literal("wsd"), ...warmUp, min, decay: decay.prefault({}) }),
    section("the schedule", {
      kind: z.literal("infinite"),
      ...warmUp,
      constant: rateOrShareOfPeak("positive"),
      cooldown,
      min,
      anneal: optional(anneal),
    }),
  ],
  "a schedule: keys and values, `kind` among them",
);

export const stageSchema = section("a stage", {
  name: optional(runName),
  tokens: optional(count("tokens")),
  steps: optional(whole(1)),
  sequenceLength: whole(1),
  tokensPerStep: count("tokens"),
  mixture: z.record(z.string(), mixturePart, "the mixture: a part or a share for each domain"),
  replay: optional(domainNames),
  recipe: optional(word(RECIPE_NAMES)),
  schedule: scheduleSchema,
  packing: word(["isolated", "attend", "whole"]).prefault("isolated"),
  maxEpochs: z
    .record(z.string(), positive.nullable(), "limits: a number of epochs, or null, for each domain")
    .prefault({}),
});

export type StageSource = z.output<typeof stageSchema>;
export type ScheduleSource = z.output<typeof scheduleSchema>;
