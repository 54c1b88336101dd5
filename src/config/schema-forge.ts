/** Everything that may stand in a forge's plan. Strict, as a training plan is. */
import { z } from "zod";
import { forgeSourceSchema } from "./schema-forge-sources.js";
import { domainName, flag, number, optional, path, paths, section, size, whole, word, words } from "./schema-leaves.js";

/** Steps that can be left out, in the order in which they run. */
export const FORGE_STEPS = ["rules", "retrieve", "filter", "dedup", "decontaminate"] as const;
export type ForgeStepName = (typeof FORGE_STEPS)[number];

const FORMS = ["tool-documentation", "trajectory", "code", "code-and-documentation", "text"] as const;
const share = number("a share above 0, at most 1", (value) => value > 0 && value <= 1);

const dedupSchema = section("the deduplication", {
  across: flag.prefault(true),
  exact: flag.prefault(true),
  near: section("near duplicates", {
    similarity: share.prefault(0.8),
    shingle: whole(1, 100).prefault(5),
    bands: whole(1, 256).prefault(16),
    rows: whole(1, 64).prefault(6),
  })
    .nullable()
    .prefault({}),
  repeats: optional(
    section("repeated lines or paragraphs", {
      unit: word(["lines", "paragraphs"]).prefault("paragraphs"),
      times: whole(1).prefault(6),
      forms: z.array(word(FORMS), "a list of forms").prefault(["text"]),
      keep: share.prefault(0.5),
    }),
  ),
  memory: size.prefault("256MiB"),
});

const evaluationSet = section("an evaluation set", {
  paths,
  fields: words.prefault(["question", "prompt", "query", "instruction", "input", "problem", "text"]),
});

const decontaminateSchema = section("the decontamination", {
  sets: z.record(domainName, evaluationSet, "the evaluation sets: names, each with `paths`"),
  run: whole(1, 1000).prefault(13),
  shortest: whole(1, 1000).prefault(8),
  common: optional(whole(1)),
  share: number("a share from 0 to 1", (value) => value >= 0 && value <= 1).prefault(0),
  action: word(["drop", "cut", "report"]).prefault("drop"),
  margin: whole(0).prefault(200),
  shortestPiece: whole(0).prefault(200),
});

export const forgeSchema = section("a forge's plan", {
  output: path,
  work: optional(path),
  cache: path.prefault(".cache/packages"),
  partitions: whole(1, 10_000).prefault(16),
  tokenizer: optional(path),
  skip: z.array(word(FORGE_STEPS), "a list of steps").prefault([]),
  dedup: dedupSchema.prefault({}),
  decontaminate: optional(decontaminateSchema),
  sources: z.record(domainName, forgeSourceSchema, "the sources: names, each with a `kind`"),
});

/** A forge's plan file after validation: plain defaults filled in, nothing derived yet. */
export type ForgePlanSource = z.output<typeof forgeSchema>;
