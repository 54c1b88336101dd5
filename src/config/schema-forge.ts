/** Everything that may stand in a forge's plan. Strict, as a training plan is. */
import { z } from "zod";
import { FORMS } from "./forge-names.js";
import { forgeSourceSchema } from "./schema-forge-sources.js";
import {
  columnName,
  domainName,
  flag,
  fraction,
  leaf,
  number,
  optional,
  path,
  paths,
  positive,
  section,
  size,
  whole,
  word,
  words,
} from "./schema-leaves.js";

/** Steps that can be left out, in the order in which they run. */
export const FORGE_STEPS = ["rules", "retrieve", "filter", "dedup", "decontaminate"] as const;
export type ForgeStepName = (typeof FORGE_STEPS)[number];

const threshold = leaf<number | "best-f1">("a probability from 0 to 1, or `best-f1`", (value) =>
  value === "best-f1" || (typeof value === "number" && value >= 0 && value <= 1) ? value : null,
);
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

const match = section("which documents", {
  sources: optional(words),
  domains: optional(words),
  forms: optional(z.array(word(FORMS), "a list of forms")),
});

const retrieveSchema = section("the retrieval", {
  seeds: match,
  pool: match,
  keep: share.prefault(0.2),
  heldOut: fraction.prefault(0.1),
  bucketBits: whole(8, 26).prefault(18),
});

const filterSchema = section("the quality filter", {
  labels: optional(
    section("the labels", {
      paths,
      text: columnName.prefault("text"),
      label: columnName.prefault("label"),
      positive: words.prefault(["1", "true", "good"]),
    }),
  ),
  positives: optional(match),
  negatives: optional(match),
  applyTo: match,
  threshold: threshold.prefault(0.5),
  heldOut: fraction.prefault(0.2),
  samples: whole(10).prefault(10_000),
  epochs: whole(1, 1000).prefault(5),
  learningRate: positive.prefault(0.5),
  bucketBits: whole(8, 26).prefault(18),
});

const limits = section("the words of a document", { least: whole(0).prefault(0), most: whole(1).prefault(100_000) });
const forms = z.array(word(FORMS), "a list of forms");

const rulesSchema = section("the rules", {
  words: section("words by form", {
    text: limits.prefault({ least: 50, most: 100_000 }),
    "tool-documentation": limits.prefault({ least: 10, most: 20_000 }),
    trajectory: limits.prefault({ least: 10, most: 100_000 }),
    code: limits.prefault({ least: 10, most: 100_000 }),
    "code-and-documentation": limits.prefault({ least: 10, most: 20_000 }),
  }).prefault({}),
  quality: forms.prefault(["text"]),
  repetition: forms.prefault(["text"]),
  languages: optional(words),
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
  rules: rulesSchema.prefault({}),
  retrieve: optional(retrieveSchema),
  filter: optional(filterSchema),
  dedup: dedupSchema.prefault({}),
  decontaminate: optional(decontaminateSchema),
  sources: z.record(domainName, forgeSourceSchema, "the sources: names, each with a `kind`"),
});

/** A forge's plan file after validation: plain defaults filled in, nothing derived yet. */
export type ForgePlanSource = z.output<typeof forgeSchema>;
