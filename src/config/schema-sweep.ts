/** Everything that may stand in a sweep file: which mixtures, sizes, budgets and seeds are tried, and from which plan the rest comes. Experiments beside it are in `schema-experiments.ts`. */
import { z } from "zod";
import { doremiSchema, mixtureSchema, priceSchema } from "./schema-experiments.js";
import {
  count,
  domainName,
  flag,
  optional,
  path,
  positive,
  runName,
  section,
  share,
  whole,
  word,
} from "./schema-leaves.js";
import { modelSchema } from "./schema-model.js";
import { scheduleSchema } from "./schema-stages.js";

const mixturesSchema = z.discriminatedUnion(
  "kind",
  [
    section("the mixtures", {
      kind: z.literal("grid"),
      shares: z.array(share, "a list of shares").min(1, "at least one share"),
      rest: mixtureSchema,
    }),
    section("the mixtures", {
      kind: z.literal("list"),
      mixtures: z.array(mixtureSchema, "a list of mixtures").min(1, "at least one mixture"),
    }),
    section("the mixtures", {
      kind: z.literal("dirichlet"),
      count: whole(1, 10_000),
      concentration: z.record(domainName, positive, "a concentration for each domain"),
      seed: whole(0).prefault(0),
    }),
  ],
  "mixtures: `kind: grid`, `list` or `dirichlet`, and its keys",
);

const pretrain = section("the pre-training", {
  mixture: mixtureSchema,
  tokens: count("tokens"),
  schedule: scheduleSchema,
  eachSeed: flag.prefault(true),
});

const continued = section("the continued runs", {
  begin: word(["weights", "continue"]).prefault("weights"),
  tokens: z.array(count("tokens"), "a list of token budgets").min(1, "at least one budget"),
  schedule: scheduleSchema,
  mixtures: mixturesSchema,
  maxEpochs: z
    .record(domainName, positive.nullable(), "limits: a number of epochs, or null, for each domain")
    .prefault({}),
});

export const sweepSchema = section("a sweep", {
  sweep: runName,
  folder: optional(path),
  plan: path,
  domain: domainName,
  sizes: z.record(runName, modelSchema, "the sizes: names, each with the keys of a plan's `model`"),
  seeds: z.array(whole(0), "a list of seeds").min(1, "at least one seed").prefault([0]),
  sequenceLength: whole(1),
  tokensPerStep: count("tokens"),
  pretrain,
  continue: continued,
  evaluation: section("the evaluations", {
    points: whole(1, 10_000).prefault(8),
    tokensPerDomain: count("tokens").prefault("50k"),
  }).prefault({}),
  keepCheckpoints: flag.prefault(false),
  price: optional(priceSchema),
  doremi: optional(doremiSchema),
});

export type SweepSource = z.output<typeof sweepSchema>;
export type MixturesSource = SweepSource["continue"]["mixtures"];
