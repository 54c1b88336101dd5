/** An answer of the laws: a value with its interval, the law that gave it, what other laws say, and what would change it. */
import { type Bootstrap, type Interval, intervalOf } from "./fit/bootstrap.js";
import { type Fit, predict } from "./fit/fit.js";
import { extrapolations } from "./fit/seen.js";
import type { Line } from "./search-line.js";

/** A fitted law as a function of the one number that is asked for (a share, a size), all else being given. */
export interface Curve {
  readonly bootstrap: Bootstrap;
  /** The law's inputs at x. */
  readonly inputsAt: (x: number) => readonly number[];
}

export interface Estimate {
  readonly law: string;
  /** Null: this law has no answer. */
  readonly value: number | null;
  /** Null where there are too few runs to resample. */
  readonly interval: Interval | null;
  /** Share of the resampled fits that have an answer at all. */
  readonly answered: number;
}

export interface Answer {
  readonly question: string;
  readonly value: number;
  readonly interval: Interval | null;
  readonly law: string;
  /** The other laws' answers, in the order in which the laws were given. */
  readonly runnersUp: readonly Estimate[];
  /** What the answer would be if something else were given. */
  readonly sensitivity: readonly { readonly change: string; readonly value: number | null }[];
  readonly warnings: readonly string[];
}

export type Solve = (line: Line, curve: Curve) => number | null;

export function lineOf(curve: Curve, parameters: Float64Array = curve.bootstrap.fit.parameters): Line {
  return (x) => predict(curve.bootstrap.fit, curve.inputsAt(x), parameters);
}

/** Solves for the fitted parameters and for those of every resampling. */
function estimate(curve: Curve, solve: Solve): Estimate {
  const { fit, draws } = curve.bootstrap;
  const values = draws.map((draw) => solve(lineOf(curve, draw), curve)).filter((value) => value !== null);
  return {
    law: fit.law.name,
    value: solve(lineOf(curve), curve),
    interval: intervalOf(values),
    answered: draws.length === 0 ? 1 : values.length / draws.length,
  };
}

/** What to be told about an estimate by a law: how it was fitted, whether it extrapolates, how often it has no answer. */
function warningsOf(curve: Curve, found: Estimate, at: number): string[] {
  const { fit, draws } = curve.bootstrap;
  const warnings = extrapolations(fit.law, fit.seen, curve.inputsAt(at));
  const runs = new Set(fit.samples.map(({ run }) => run)).size;
  if (draws.length === 0) warnings.push("there are too few runs to resample: no interval");
  else if (runs < FEW_RUNS) warnings.push(`only ${runs} runs were resampled: the interval is likely too narrow`);
  if (found.answered < 0.9)
    warnings.push(
      `${Math.round(100 * (1 - found.answered))} % of the resampled fits have no answer: the interval leaves them out`,
    );
  return [...warnings, ...fitWarnings(fit)];
}

/** With 9 runs the tests saw intervals of 95 % hold the truth in 80 % of tables, with 18 and more in 90 % and more. */
const FEW_RUNS = 12;

/** Below this a law explains so little that its answer is a guess. */
const POOR_R2 = 0.8;

function fitWarnings({ law, quality, samples, seen }: Fit): string[] {
  const warnings: string[] = [];
  if (quality.r2 !== null && quality.r2 < POOR_R2)
    warnings.push(`the ${law.name} law explains little of what was seen: R² ${quality.r2.toFixed(3)}`);
  if (samples.length < 2 * law.parameters.length)
    warnings.push(`the ${law.name} law was fitted to ${samples.length} losses by ${law.parameters.length} parameters`);
  for (const [i, { name, needsToExtrapolate }] of law.factors.entries())
    if (seen[i].distinct < needsToExtrapolate)
      warnings.push(`${seen[i].distinct} values of ${name} were seen: beyond them the ${law.name} law says nothing`);
  return warnings;
}

/**
 * The answer of the first curve's law with the others beside it. The first has a value: its caller has refused what has none.
 * @param at the number at which the curve was asked, where the value is not that number itself.
 */
export function answerOf(
  question: string,
  curves: readonly Curve[],
  solve: Solve,
  sensitivity: Answer["sensitivity"],
  value: number,
  at = value,
): Answer {
  const [first, ...others] = curves.map((curve) => estimate(curve, solve));
  const warnings = warningsOf(curves[0], first, at);
  for (const other of others) {
    if (other.value === null) warnings.push(`the ${other.law} law has no answer`);
    else if (first.interval !== null && !contains(first.interval, other.value))
      warnings.push(`the ${other.law} law disagrees: ${other.value.toPrecision(4)} is outside this interval`);
  }
  return { question, value, interval: first.interval, law: first.law, runnersUp: others, sensitivity, warnings };
}

function contains({ low, high }: Interval, value: number): boolean {
  return value >= low && value <= high;
}
