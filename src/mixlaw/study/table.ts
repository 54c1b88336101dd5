/** A sweep's observations as laws look at them: what varies, which validation sets count as what, and which runs are compared. */
import { type Problem, UserError } from "../../base/errors.js";
import { meanOf } from "../../bench/statistics.js";
import { lastOfEachRun, type Observation, shareOf, usable } from "../observation.js";

/** `domain`: the domain whose share is sought; `general`: what must not be forgotten; `benchmark`: in no mixture, such as gold answers. */
export type Role = "domain" | "general" | "benchmark";

export interface ValidationSet {
  readonly name: string;
  readonly role: Role;
}

export interface TableOptions {
  /** The domain whose share is sought. */
  readonly domain: string;
  /** Validation sets that count as general; null: of every other training domain. */
  readonly general: readonly string[] | null;
  /** Runs to leave out. */
  readonly without: readonly string[];
  /** N of the laws of one size; null: the largest that was seen. */
  readonly size: number | null;
}

export interface Table {
  readonly domain: string;
  readonly size: number;
  /** The mean of the general sets is among them where there are several. */
  readonly sets: readonly ValidationSet[];
  /** The set by which forgetting is told: the one general set, or the mean of all. */
  readonly general: string;
  readonly observations: readonly Observation[];
  /** Those that laws of tokens are fitted to: ends of runs, or all where no rate falls along them. */
  readonly comparable: readonly Observation[];
  /** Dimensions of the mixtures: groups of domains whose proportions to each other never vary, the varied domain's first. */
  readonly groups: readonly (readonly string[])[];
  readonly seen: {
    readonly runs: number;
    readonly seeds: readonly number[];
    readonly sizes: readonly number[];
    /** Tokens of whole runs. */
    readonly budgets: readonly number[];
    /** Of the varied domain. */
    readonly shares: readonly number[];
  };
}

/** @throws UserError with every name that is none of the observations', and every run that cannot be used. */
export function tableOf(observations: readonly Observation[], options: TableOptions): Table {
  const { domain, without } = options;
  const evaluated = distinct(observations.map((one) => one.domain));
  const trained = distinct(observations.flatMap(({ shares }) => Object.keys(shares)));
  const general = options.general ?? trained.filter((name) => name !== domain && evaluated.includes(name));
  const rest = usable(observations, without);
  const sizes = distinct(rest.map(({ parameters }) => parameters)).sort((a, b) => a - b);
  checkNames({ domain, general, size: options.size }, { evaluated, trained, sizes });
  const size = options.size ?? sizes[sizes.length - 1];
  const withMean = general.length > 1 ? [...rest, ...meansOf(rest, general)] : rest;
  const ends = lastOfEachRun(withMean);
  const benchmarks = evaluated.filter((name) => !trained.includes(name) && !general.includes(name));
  const sets: ValidationSet[] = [
    ...(evaluated.includes(domain) ? [{ name: domain, role: "domain" as const }] : []),
    ...distinct([...general, ...(general.length > 1 ? [nameOfMean(general)] : [])]).map((name) => ({
      name,
      role: "general" as const,
    })),
    ...benchmarks.map((name) => ({ name, role: "benchmark" as const })),
  ];
  return {
    ...{ domain, size, sets, observations: withMean },
    general: nameOfMean(general),
    comparable: fallsAlongRuns(rest) ? ends : withMean.filter(({ tokens }) => tokens > 0),
    groups: groupsOf(rest, domain, trained),
    seen: {
      runs: distinct(rest.map(({ run }) => run)).length,
      seeds: distinct(rest.map(({ seed }) => seed)).sort((a, b) => a - b),
      sizes,
      budgets: distinct(ends.map(({ tokens }) => tokens)).sort((a, b) => a - b),
      shares: distinct(rest.map((one) => shareOf(one, [domain]))).sort((a, b) => a - b),
    },
  };
}

/** The longest runs of the chosen size, which laws of the share alone compare: their last evaluations, of every set. */
export function longestRuns({ observations, size }: Pick<Table, "observations" | "size">): {
  readonly tokens: number;
  readonly ends: readonly Observation[];
} {
  const ends = lastOfEachRun(observations.filter(({ parameters }) => parameters === size));
  const tokens = Math.max(...ends.map((one) => one.tokens));
  return { tokens, ends: ends.filter((one) => one.tokens === tokens) };
}

function distinct<Value>(values: readonly Value[]): Value[] {
  return [...new Set(values)];
}

function nameOfMean(general: readonly string[]): string {
  return general.join("+");
}

function checkNames(
  { domain, general, size }: { domain: string; general: readonly string[]; size: number | null },
  { evaluated, trained, sizes }: { evaluated: string[]; trained: string[]; sizes: readonly number[] },
): void {
  const problems: Problem[] = [];
  if (!trained.includes(domain))
    problems.push({ what: `no run was trained on ${domain}`, expected: `one of ${trained.join(", ")}` });
  for (const name of general)
    if (!evaluated.includes(name))
      problems.push({ what: `no run was evaluated on ${name}`, expected: `some of ${evaluated.join(", ")}` });
  if (general.length === 0)
    problems.push({
      what: "nothing tells what is forgotten: no validation set is general",
      hint: "evaluate the runs on another domain than the one that is sought",
    });
  if (size !== null && !sizes.includes(size))
    problems.push({ what: `no run has ${size} parameters`, expected: `one of ${sizes.join(", ")}` });
  if (problems.length > 0) throw new UserError(problems);
}

/** One observation for each evaluation: the mean of the general sets' losses, where all of them were evaluated. */
function meansOf(observations: readonly Observation[], general: readonly string[]): Observation[] {
  const byEvaluation = new Map<string, Observation[]>();
  for (const one of observations) {
    if (!general.includes(one.domain)) continue;
    const key = `${one.run} ${one.tokens}`;
    byEvaluation.set(key, [...(byEvaluation.get(key) ?? []), one]);
  }
  return [...byEvaluation.values()]
    .filter((all) => all.length === general.length)
    .map((all) => ({
      ...all[0],
      domain: nameOfMean(general),
      loss: meanOf(all.map(({ loss }) => loss ?? Number.NaN)),
      baseLoss: meanOf(all.map(({ baseLoss }) => baseLoss)),
      epoch: meanOf(all.map(({ epoch }) => epoch)),
    }));
}

/**
 * Whether the learning rate falls along runs: the loss in the middle of such a run is not that of a shorter run to its end, and ends alone
 * can be compared.
 */
function fallsAlongRuns(observations: readonly Observation[]): boolean {
  const last = new Map(lastOfEachRun(observations).map((one) => [one.run, one.rate]));
  return observations.some(({ run, rate }) => rate > (last.get(run) ?? 0) * (1 + 1e-9));
}

/** Domains that are in constant proportions to each other in all runs that have any of them are one dimension. */
function groupsOf(observations: readonly Observation[], domain: string, trained: readonly string[]): string[][] {
  const others = trained.filter((name) => name !== domain);
  const together = observations
    .map(({ shares }) => {
      const sum = others.reduce((total, name) => total + (shares[name] ?? 0), 0);
      return sum === 0 ? null : others.map((name) => (shares[name] ?? 0) / sum);
    })
    .filter((parts) => parts !== null);
  const varies = together.some((parts) => parts.some((part, i) => Math.abs(part - together[0][i]) > 1e-3));
  return varies ? [[domain], ...others.map((name) => [name])] : [[domain], others];
}
