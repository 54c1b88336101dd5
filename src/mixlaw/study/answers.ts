/** The questions of `recommend.ts` put to a study: which laws may answer, at what size and budget, and what the base's loss was. */
import { UserError } from "../../base/errors.js";
import { formatCount } from "../../base/format.js";
import { meanOf } from "../../bench/statistics.js";
import { type Answer, type Curve, type Estimate, lineOf } from "../answer.js";
import { type Interval, intervalOf, runInterval } from "../fit/bootstrap.js";
import { predict } from "../fit/fit.js";
import { dCpt } from "../laws/d-cpt.js";
import {
  type AllowedRise,
  type BudgetAnswer,
  largestShare,
  shareForTokens,
  shareOfLeastLoss,
  splitBudget,
} from "../recommend.js";
import type { Range } from "../search-line.js";
import { criticalRatioOf, type LawFit, lawsByTrust, type Study, shareCurve } from "./study.js";
import { longestRuns } from "./table.js";

/** The run that is asked about. */
export interface Target {
  readonly parameters: number;
  readonly tokens: number;
}

/** The longest runs of the study's size. */
export function seenTarget({ table }: Study): Target {
  return { parameters: table.size, tokens: longestRuns(table).tokens };
}

export function sharesSeen({ table }: Study): Range {
  const { shares } = table.seen;
  return { low: shares[0], high: shares[shares.length - 1] };
}

/**
 * The largest share whose general loss rises at most so much. Beside the laws' answers stand the critical ratio's and those of each general
 * set alone.
 * @throws UserError where no law says anything of such runs, the base's loss is not known, or the limit cannot be met.
 */
export function answerLargestShare(study: Study, target: Target, rise: AllowedRise, atLeast?: number): Answer {
  const { table } = study;
  const ask = (set: string): Answer => {
    const question = { curves: curvesOf(study, set, target), baseLoss: baseLossOf(study, set, target.parameters) };
    return largestShare({ ...question, rise, shares: sharesSeen(study), ...(atLeast !== undefined && { atLeast }) });
  };
  const answer = ask(table.general);
  const critical = criticalEstimate(study, target, rise);
  const alone = table.sets
    .filter(({ name, role }) => role === "general" && name !== table.general)
    .map(({ name }) => ({ change: `only ${name} is general`, value: shareOrNull(() => ask(name)) }));
  return {
    ...answer,
    runnersUp: [...answer.runnersUp, ...(critical === null ? [] : [critical])],
    sensitivity: [...answer.sensitivity, ...alone],
  };
}

/** Null where the question is refused. */
function shareOrNull(ask: () => Answer): number | null {
  try {
    return ask().value;
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

/** The critical mixture ratio's answer, fitted for this rise; null where it has none. */
function criticalEstimate(study: Study, { parameters, tokens }: Target, rise: AllowedRise): Estimate | null {
  const { general, size } = study.table;
  if (study.critical === null || parameters !== size) return null;
  const epsilon = "absolute" in rise ? rise.absolute : (rise.percent / 100) * baseLossOf(study, general, parameters);
  const found = criticalRatioOf(study.table, { ...study.options, epsilon });
  if (typeof found === "string") return null;
  const { fit, draws } = found.bootstrap;
  const shareOf = (drawn?: Float64Array): number => predict(fit, [tokens], drawn);
  return { law: fit.law.name, value: shareOf(), interval: intervalOf(draws.map(shareOf)), answered: 1 };
}

/** Laws on a set that say something of such runs, the most trusted first. @throws UserError where there is none. */
export function curvesOf(study: Study, set: string, target: Target): Curve[] {
  const curves = lawsByTrust(study, set).flatMap((fit) => shareCurve(fit, target) ?? []);
  if (curves.length > 0) return curves;
  const { sizes, budgets } = study.table.seen;
  throw new UserError({
    what: `no law that was fitted on ${set} says anything of runs of ${formatCount(target.parameters)} parameters and ${formatCount(target.tokens)} tokens`,
    expected: `sizes ${sizes.map(formatCount).join(", ")} and budgets ${budgets.map(formatCount).join(", ")}, or a sweep of several of each`,
  });
}

/** Mean of the bases' losses. @throws UserError for a size that was not run: nothing tells where its general loss starts. */
export function baseLossOf(study: Study, set: string, parameters: number): number {
  const losses = study.table.observations
    .filter((one) => one.domain === set && one.parameters === parameters)
    .map(({ baseLoss }) => baseLoss);
  if (losses.length === 0)
    throw new UserError({
      what: `the loss on ${set} before the first step is not known for ${formatCount(parameters)} parameters`,
      expected: `one of the sizes that were run: ${study.table.seen.sizes.map(formatCount).join(", ")}`,
    });
  return meanOf(losses);
}

/** The best share of the varied domain with so many of its tokens. @throws UserError where no law of tokens was fitted on it. */
export function answerShareForTokens(
  study: Study,
  parameters: number,
  domainTokens: number,
  maxTokens: number | null,
): Answer {
  const { domain } = study.table;
  // A number of tokens that no run had: laws of the share alone have nothing to say of it.
  const ofTokens = lawsByTrust(study, domain).filter(
    (fit) => fit.inputsAt({ share: 0.5, parameters, tokens: Math.PI }) !== null,
  );
  if (ofTokens.length === 0) throw noLaw(domain, "tokens", "runs of at least two budgets");
  const { low, high } = sharesSeen(study);
  return shareForTokens({
    curvesFor: (tokensOf) =>
      ofTokens.map(({ bootstrap: fitted, inputsAt }) => ({
        bootstrap: fitted,
        inputsAt: (share) => inputsAt({ share, parameters, tokens: tokensOf(share) }) ?? [],
      })),
    domainTokens,
    // With a share of nothing the tokens last for ever.
    shares: { low: Math.max(low, 1e-3), high },
    ...(maxTokens === null ? {} : { maxTokens }),
  });
}

/** Size and tokens for a budget, at one share. @throws UserError where no law of sizes was fitted. */
export function answerBudget(study: Study, set: string, share: number, flops: number, sizes: Range): BudgetAnswer {
  const found = study.fits.filter((fit) => fit.set.name === set && fit.bootstrap.fit.law === dCpt);
  if (found.length === 0) throw noLaw(set, "model size", "runs of at least two sizes and two budgets");
  return splitBudget({
    curvesFor: (tokensOf) =>
      found.map(({ bootstrap: fitted, inputsAt }) => ({
        bootstrap: fitted,
        inputsAt: (logSize) => inputsAt({ share, parameters: Math.exp(logSize), tokens: tokensOf(logSize) }) ?? [],
      })),
    flops,
    sizes,
  });
}

function noLaw(set: string, of: string, needs: string): UserError {
  return new UserError({ what: `no law of ${of} was fitted on ${set}`, expected: needs });
}

/** The share of least loss on a benchmark. */
export function answerLeastLoss(study: Study, set: string, target: Target): Answer {
  return shareOfLeastLoss(curvesOf(study, set, target), sharesSeen(study));
}

export interface ExpectedLoss {
  readonly set: string;
  readonly law: string;
  readonly loss: number;
  /** Of one more run. */
  readonly interval: Interval | null;
}

/** What a run at this share is predicted to end with on every set that a law speaks of. */
export function expectedLosses(study: Study, target: Target, share: number): ExpectedLoss[] {
  return study.table.sets.flatMap(({ name: set }) => {
    const [fit] = lawsByTrust(study, set).filter((each: LawFit) => shareCurve(each, target) !== null);
    const curve = fit === undefined ? null : shareCurve(fit, target);
    if (curve === null) return [];
    const interval = runInterval(curve.bootstrap, curve.inputsAt(share));
    return [{ set, law: curve.bootstrap.fit.law.name, loss: lineOf(curve)(share), interval }];
  });
}
