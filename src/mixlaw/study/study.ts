/** All laws fitted to a table, with how well each describes it and predicts what was left out; what cannot be fitted says why. */
import { UserError } from "../../base/errors.js";
import type { Curve } from "../answer.js";
import { BOOTSTRAP_DRAWS, type Bootstrap, bootstrap } from "../fit/bootstrap.js";
import { type LeftOut, leaveOutFactor } from "../fit/cross-validate.js";
import { fitLaw } from "../fit/fit.js";
import { CMR_EPSILON, criticalRatio, criticalRatios } from "../laws/cmr.js";
import type { Observation } from "../observation.js";
import { generalRises } from "../samples.js";
import { type LawChoice, lawsFor, type Point } from "./laws.js";
import { longestRuns, type Table, type TableOptions, tableOf, type ValidationSet } from "./table.js";

export interface LawFit {
  readonly set: ValidationSet;
  readonly bootstrap: Bootstrap;
  readonly leftOut: readonly LeftOut[];
  readonly inputsAt: LawChoice["inputsAt"];
}

export interface Refusal {
  readonly set: string;
  readonly law: string;
  readonly why: string;
}

export interface CriticalRatioFit {
  /** The general loss's rise at which the ratio is critical. */
  readonly epsilon: number;
  readonly bootstrap: Bootstrap;
  /** Numbers of tokens that have no critical ratio, and why. */
  readonly skipped: readonly string[];
}

export interface Study {
  readonly table: Table;
  readonly options: StudyOptions;
  readonly fits: readonly LawFit[];
  /** Null: refused. */
  readonly critical: CriticalRatioFit | null;
  readonly refused: readonly Refusal[];
}

export interface StudyOptions extends TableOptions {
  readonly seed: number;
  readonly draws: number;
  /** Validation sets to fit; null: all. */
  readonly only: readonly string[] | null;
  /** ε of the critical ratio. */
  readonly epsilon: number;
  /** Whose values are left out in turn, which takes most of the time. Without shares laws are trusted in the order of `lawsFor`. */
  readonly leaveOut: "all factors" | "shares" | "nothing";
}

export const STUDY_DEFAULTS: Omit<StudyOptions, "domain"> = {
  ...{ general: null, without: [], size: null, only: null },
  ...{ seed: 0, draws: BOOTSTRAP_DRAWS, epsilon: CMR_EPSILON, leaveOut: "all factors" },
};

/**
 * @param told is called before each fit, for whoever waits.
 * @throws UserError when the observations cannot be used, or no law can be fitted to any of them.
 */
export function study(
  observations: readonly Observation[],
  options: StudyOptions,
  told: (doing: string) => void = () => {},
): Study {
  const table = tableOf(observations, options);
  const sets = table.sets.filter(({ name }) => options.only?.includes(name) ?? true);
  const refused: Refusal[] = [];
  const fits = sets.flatMap((set) =>
    lawsFor(table, set).flatMap((choice) => {
      told(`the ${choice.law.name} law on ${set.name}`);
      const fit = attempt(() => fitChoice(set, choice, options));
      if (typeof fit !== "string") return [fit];
      refused.push({ set: set.name, law: choice.law.name, why: fit });
      return [];
    }),
  );
  if (fits.length === 0)
    throw new UserError(
      refused
        .slice(0, 20)
        .map(({ set, law, why }) => ({ what: `the ${law} law cannot be fitted`, where: set, got: why })),
    );
  told(`the critical ratio of ${table.general}`);
  const critical = criticalRatioOf(table, options);
  if (typeof critical === "string") refused.push({ set: table.general, law: criticalRatio.name, why: critical });
  return { table, options, fits, critical: typeof critical === "string" ? null : critical, refused };
}

/** The result, or in words why there is none. */
function attempt<Result extends object>(make: () => Result): Result | string {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.problems.map(({ what, got, expected }) => [what, expected, got].filter(Boolean).join("; ")).join(". ");
  }
}

function fitChoice(set: ValidationSet, choice: LawChoice, { seed, draws, leaveOut }: StudyOptions): LawFit {
  const fit = fitLaw(choice.law, choice.samples(), { seed });
  const factors = choice.leaveOut.filter(
    (factor) => leaveOut === "all factors" || (leaveOut === "shares" && isShare(factor)),
  );
  return {
    set,
    inputsAt: choice.inputsAt,
    bootstrap: bootstrap(fit, draws),
    leftOut: factors.map((factor) => leaveOutFactor(fit, factor)),
  };
}

/** Of the chosen size's longest runs, in which the rate falls in the same way; in words why there is none. */
export function criticalRatioOf(
  table: Table,
  { epsilon, seed, draws }: Pick<StudyOptions, "epsilon" | "seed" | "draws">,
): CriticalRatioFit | string {
  return attempt(() => {
    const runs = new Set(longestRuns(table).ends.map(({ run }) => run));
    const along = table.observations.filter(({ run }) => runs.has(run));
    // The law of a share's power has nothing at a share of 0.
    const rises = generalRises(along, table.general, table.domain).filter(({ share }) => share > 0);
    const { samples, skipped } = criticalRatios(rises, epsilon, seed);
    if (samples.length === 0)
      throw new UserError({ what: "no number of tokens has a critical ratio", got: skipped.join("; ") });
    return { epsilon, skipped, bootstrap: bootstrap(fitLaw(criticalRatio, samples, { seed }), draws) };
  });
}

/** Laws name the factor `share` or, where they have several, `share of` a domain. */
function isShare(factor: string): boolean {
  return factor.startsWith("share");
}

/** The mean error on what was left out by share: how far a law is trusted between the shares that were run. Infinite where it is not known. */
export function errorBetweenShares({ leftOut }: LawFit): number {
  const byShare = leftOut.find(({ by }) => isShare(by));
  return byShare?.quality?.relative ?? Number.POSITIVE_INFINITY;
}

/** A set's laws by trust: those that predicted left-out shares best come first; among equals the order of `lawsFor`. */
export function lawsByTrust({ fits }: Study, set: string): LawFit[] {
  const error = (fit: LawFit): number => Math.min(errorBetweenShares(fit), Number.MAX_VALUE);
  return fits.filter((fit) => fit.set.name === set).sort((a, b) => error(a) - error(b));
}

/** A fit as a curve of the share; null where the law says nothing of such runs. */
export function shareCurve(fit: LawFit, at: Omit<Point, "share">): Curve | null {
  return fit.inputsAt({ ...at, share: 0.5 }) === null
    ? null
    : { bootstrap: fit.bootstrap, inputsAt: (share) => fit.inputsAt({ ...at, share }) ?? [] };
}
