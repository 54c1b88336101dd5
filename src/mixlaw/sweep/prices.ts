/** What annealing on a data source changed: losses at the end against those of the control, over seeds. Pure. */
import { deviationOf, meanOf } from "../../bench/statistics.js";
import type { Anneal } from "./expand-price.js";
import type { FinishedRun } from "./observations.js";
import type { Outcome } from "./outcome.js";

/** Of one source on one validation domain, for one size; all losses in nats a token. */
export interface Price {
  readonly size: string;
  readonly source: string;
  readonly domain: string;
  /** Those of which the anneal and its control have a finite loss. */
  readonly seeds: readonly number[];
  /** Mean over the seeds, at the end. */
  readonly loss: number;
  readonly control: number;
  /** Mean over the seeds of loss − control of the same seed: below 0 the source helps. */
  readonly difference: number;
  /** Standard deviation of that difference over the seeds; null with one seed. */
  readonly deviation: number | null;
  /** Of the source, read in one anneal. */
  readonly sourceTokens: number;
  /** Difference per million tokens of the source; null where none was read. */
  readonly perMillion: number | null;
}

/** Rows by size, source and validation domain, in the order of the anneals; pairs that are not finished or not finite are left out. */
export function pricesOf(anneals: readonly Anneal[], finished: readonly FinishedRun[]): Price[] {
  const outcomes = new Map(finished.map(({ run, outcome }) => [run.name, outcome]));
  const sizes = [...new Set(anneals.map(({ run }) => run.size))];
  const sources = [...new Set(anneals.flatMap(({ source }) => source ?? []))];
  return sizes.flatMap((size) => {
    const ofSize = anneals.filter(({ run }) => run.size === size);
    const controls = new Map(
      ofSize.filter(({ source }) => source === null).map(({ run }) => [run.seed, outcomes.get(run.name)]),
    );
    return sources.flatMap((source) => {
      const pairs = ofSize.flatMap((anneal): Pair[] => {
        const [outcome, control] = [outcomes.get(anneal.run.name), controls.get(anneal.run.seed)];
        if (anneal.source !== source || outcome === undefined || control === undefined) return [];
        return [{ seed: anneal.run.seed, outcome, control }];
      });
      const domains = Object.keys(pairs[0]?.outcome.evaluations.at(-1)?.domains ?? {});
      return domains.flatMap((domain) => priceOn(domain, size, source, pairs) ?? []);
    });
  });
}

interface Pair {
  readonly seed: number;
  readonly outcome: Outcome;
  readonly control: Outcome;
}

function priceOn(domain: string, size: string, source: string, pairs: readonly Pair[]): Price | null {
  const read = pairs.flatMap(({ seed, outcome, control }) => {
    const [loss, without] = [endLoss(outcome, domain), endLoss(control, domain)];
    if (loss === null || without === null) return [];
    return [{ seed, loss, control: without, tokens: outcome.ledger[source]?.tokens ?? 0 }];
  });
  if (read.length === 0) return null;
  const differences = read.map(({ loss, control }) => loss - control);
  const difference = meanOf(differences);
  const sourceTokens = meanOf(read.map(({ tokens }) => tokens));
  return {
    ...{ size, source, domain },
    seeds: read.map(({ seed }) => seed),
    loss: meanOf(read.map(({ loss }) => loss)),
    control: meanOf(read.map(({ control }) => control)),
    difference,
    deviation: deviationOf(differences),
    sourceTokens,
    perMillion: sourceTokens > 0 ? difference / (sourceTokens / 1e6) : null,
  };
}

function endLoss({ evaluations }: Outcome, domain: string): number | null {
  const loss = evaluations.at(-1)?.domains[domain]?.loss;
  return loss !== undefined && Number.isFinite(loss) ? loss : null;
}

export interface PriceConditions {
  /** Whether all seeds of a size begin from the same checkpoint. */
  readonly sharedBase: boolean;
  readonly begin: "weights" | "continue";
}

/** What a reader of the prices must know, in sentences. */
export function priceWarnings(
  prices: readonly Price[],
  anneals: readonly Anneal[],
  finished: readonly FinishedRun[],
  { sharedBase, begin }: PriceConditions,
): string[] {
  const single = [...new Set(prices.filter(({ deviation }) => deviation === null).map(({ size }) => size))];
  const several = prices.some(({ deviation }) => deviation !== null);
  return [
    ...single.map((size) => `${size}: one seed, so there is no spread: a difference may be chance`),
    ...(sharedBase && several
      ? [
          `all seeds begin from the same checkpoint: the spread is that of the order of data alone${begin === "continue" ? ", and domains that the checkpoint has read keep their order" : ""}`,
        ]
      : []),
    ...prices.flatMap((price) =>
      price.deviation !== null && Math.abs(price.difference) < price.deviation
        ? [
            `${price.size}: ${price.source} on ${price.domain}: the difference is smaller than its spread over ${price.seeds.length} seeds and says nothing`,
          ]
        : [],
    ),
    ...repeated(anneals, finished),
    ...notFinite(anneals, finished),
  ];
}

/** Tokens that were read again are worth less than new ones. */
function repeated(anneals: readonly Anneal[], finished: readonly FinishedRun[]): string[] {
  const sources = new Map(anneals.map(({ run, source }) => [run.name, source]));
  const epochs = new Map<string, number>();
  for (const { run, outcome } of finished) {
    const source = sources.get(run.name) ?? null;
    if (source !== null) epochs.set(source, Math.max(epochs.get(source) ?? 0, outcome.ledger[source]?.epochs ?? 0));
  }
  return [...epochs].flatMap(([source, most]) =>
    most > 1
      ? [`${source} was read ${most.toFixed(1)} times over: tokens read again are worth less than new ones`]
      : [],
  );
}

function notFinite(anneals: readonly Anneal[], finished: readonly FinishedRun[]): string[] {
  const names = new Set(anneals.map(({ run }) => run.name));
  return finished.flatMap(({ run, outcome }) => {
    if (!names.has(run.name)) return [];
    const domains = Object.keys(outcome.evaluations.at(-1)?.domains ?? {});
    const bad = domains.filter((domain) => endLoss(outcome, domain) === null);
    return bad.length === 0
      ? []
      : [`run ${run.name} diverged on ${bad.join(", ")} and is left out there: lower \`price.peak\``];
  });
}
