/** Everything that may stand in a forge's plan. Strict, as a training plan is. */
import { z } from "zod";
import { forgeSourceSchema } from "./schema-forge-sources.js";
import { domainName, optional, path, section, whole, word } from "./schema-leaves.js";

/** Steps that can be left out, in the order in which they run. */
export const FORGE_STEPS = ["rules", "retrieve", "filter", "dedup", "decontaminate"] as const;
export type ForgeStepName = (typeof FORGE_STEPS)[number];

export const forgeSchema = section("a forge's plan", {
  output: path,
  work: optional(path),
  cache: path.prefault(".cache/packages"),
  partitions: whole(1, 10_000).prefault(16),
  tokenizer: optional(path),
  skip: z.array(word(FORGE_STEPS), "a list of steps").prefault([]),
  sources: z.record(domainName, forgeSourceSchema, "the sources: names, each with a `kind`"),
});

/** A forge's plan file after validation: plain defaults filled in, nothing derived yet. */
export type ForgePlanSource = z.output<typeof forgeSchema>;
