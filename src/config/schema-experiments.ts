/** The sections of a sweep file that experiments beside the sweep have: `price` for data sources, `doremi` for domain weights. */
import { z } from "zod";
import {
  count,
  domainName,
  duration,
  fraction,
  mixturePart,
  optional,
  path,
  positive,
  rate,
  runName,
  section,
  shareOfAll,
  whole,
  word,
} from "./schema-leaves.js";

export const mixtureSchema = z.record(domainName, mixturePart, "the mixture: a part or a share for each domain");

export const priceSchema = section("the prices", {
  tokens: count("tokens"),
  share: shareOfAll,
  peak: rate("positive"),
  sources: z.array(domainName, "a list of domains").min(1, "at least one domain"),
  rest: mixtureSchema,
  begin: word(["weights", "continue"]).prefault("continue"),
  from: optional(path),
});

export const doremiSchema = section("DoReMi", {
  tokens: count("tokens"),
  rounds: whole(1, 1000),
  size: runName,
  seed: whole(0),
  reference: mixtureSchema,
  rate: positive.prefault(1),
  smoothing: fraction.prefault(1e-3),
  schedule: section("the schedule, a constant rate after a warm-up", {
    peak: rate("positive"),
    warmup: duration.prefault("1%"),
  }),
});

export type PriceSource = z.output<typeof priceSchema>;
export type DoReMiSource = z.output<typeof doremiSchema>;

/** What a file that lacks a section is shown. */
export const EXPERIMENT_EXAMPLES = {
  price: "price: { tokens: 300k, share: 30%, peak: 2e-3, sources: [agent], rest: { text: 1, code: 1 } }",
  doremi:
    "doremi: { tokens: 1M, rounds: 10, size: tiny, seed: 1, reference: { text: 1, code: 1, agent: 1 }, schedule: { peak: 2e-3, warmup: 5% } }",
} as const;

export type Experiment = keyof typeof EXPERIMENT_EXAMPLES;
