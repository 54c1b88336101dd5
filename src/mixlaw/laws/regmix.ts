/**
 * RegMix: a loss regressed on mixtures from many small runs, many random mixtures scored by the regression, the best ones averaged
 * (Liu et al., arXiv 2407.01492). Rests on the ranks of mixtures being the same at every scale.
 */
import { UserError } from "../../base/errors.js";
import { streamOf } from "../../base/random.js";
import { drawAround } from "../dirichlet.js";
import { rankCorrelation } from "../fit/quality.js";
import { boostTrees, predictTrees } from "./boosted-trees.js";
import { fitRidge, predictRidge } from "./ridge.js";

export type Regressor = "ridge" | "trees";

/** A mixture that was trained on, as shares in one fixed order of domains, and its loss. */
export interface MixtureLoss {
  readonly run: string;
  readonly shares: readonly number[];
  readonly loss: number;
}

export type Regression = (shares: readonly number[]) => number;

/** Fewer runs than this a domain leave the regression nothing to go by; the paper has 512 for 17 domains. */
const RUNS_PER_DOMAIN = 3;

/** @throws UserError when there are too few mixtures, or a domain's share never varies. */
export function fitRegression(
  regressor: Regressor,
  runs: readonly MixtureLoss[],
  domains: readonly string[],
): Regression {
  const least = RUNS_PER_DOMAIN * domains.length;
  const problems = domains
    .filter((_, i) => new Set(runs.map(({ shares }) => shares[i])).size < 3)
    .map((domain) => ({
      what: `RegMix needs runs that differ in the share of ${domain}`,
      expected: "at least 3 shares",
    }));
  if (runs.length < least)
    problems.unshift({ what: `RegMix has too few runs: ${runs.length}`, expected: `at least ${least}` });
  for (const { run, loss } of runs)
    if (!Number.isFinite(loss))
      problems.push({ what: `the loss of run ${run} is ${loss}`, expected: "a finite number" });
  if (problems.length > 0) throw new UserError(problems.slice(0, 20));
  const rows = runs.map(({ shares }) => shares);
  const losses = runs.map(({ loss }) => loss);
  if (regressor === "ridge") {
    const ridge = fitRidge(rows, losses);
    return (shares) => predictRidge(ridge, shares);
  }
  const trees = boostTrees(rows, losses);
  return (shares) => predictTrees(trees, shares);
}

const FOLDS = 5;

/** Spearman's rank correlation of losses with predictions by fits without them, in five folds: by this the paper compares regressors. */
export function foldedRankCorrelation(
  regressor: Regressor,
  runs: readonly MixtureLoss[],
  domains: readonly string[],
): number {
  const predicted = new Array<number>(runs.length).fill(0);
  for (let fold = 0; fold < FOLDS; fold++) {
    const regression = fitRegression(
      regressor,
      runs.filter((_, i) => i % FOLDS !== fold),
      domains,
    );
    for (let i = fold; i < runs.length; i += FOLDS) predicted[i] = regression(runs[i].shares);
  }
  return rankCorrelation(
    runs.map(({ loss }) => loss),
    predicted,
  );
}

export interface BestMixture {
  readonly shares: readonly number[];
  /** Of the averaged mixture, by the regression. */
  readonly loss: number;
  /** Smallest and largest share of each domain among the mixtures that were averaged. */
  readonly spread: readonly { readonly low: number; readonly high: number }[];
}

export interface SearchOptions {
  /** The paper scores a million. */
  readonly mixtures: number;
  readonly averaged: number;
  readonly seed: number;
}

export const SEARCH_DEFAULTS: SearchOptions = { mixtures: 1_000_000, averaged: 100, seed: 0 };

/** The mean of the best mixtures among random ones around `around`, the token distribution. */
export function bestMixture(
  regression: Regression,
  around: readonly number[],
  options: Partial<SearchOptions> = {},
): BestMixture {
  const { mixtures, averaged, seed } = { ...SEARCH_DEFAULTS, ...options };
  const stream = streamOf("mixtures to score");
  let best: { readonly shares: number[]; readonly loss: number }[] = [];
  let worst = Number.POSITIVE_INFINITY;
  for (let index = 0; index < mixtures; index++) {
    const shares = drawAround(around, seed, stream, index);
    const loss = regression(shares);
    if (loss >= worst) continue;
    best.push({ shares, loss });
    if (best.length < 2 * averaged) continue;
    best = best.sort((a, b) => a.loss - b.loss).slice(0, averaged);
    worst = best[averaged - 1].loss;
  }
  best = best.sort((a, b) => a.loss - b.loss).slice(0, averaged);
  const column = (domain: number) => best.map(({ shares }) => shares[domain]);
  const shares = around.map((_, i) => column(i).reduce((sum, share) => sum + share, 0) / best.length);
  const spread = around.map((_, i) => ({ low: Math.min(...column(i)), high: Math.max(...column(i)) }));
  return { shares, loss: regression(shares), spread };
}
