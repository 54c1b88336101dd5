/**
 * The questions that a sweep is for, answered from fitted laws. Curves come in order of trust: the first law answers, the others are its
 * runners-up. Shares are of the new (agent) domain unless said otherwise.
 */
import { UserError } from "../base/errors.js";
import { formatCount, formatShare } from "../base/format.js";
import { type Answer, answerOf, type Curve, lineOf, type Solve } from "./answer.js";
import { type Interval, runInterval } from "./fit/bootstrap.js";
import { lastWithin, leastOf, type Range } from "./search-line.js";

/** How much the general loss may rise: by so many nats, or by so many percent of where it started. */
export type AllowedRise = { readonly absolute: number } | { readonly percent: number };

function limitOf(base: number, rise: AllowedRise): number {
  return "absolute" in rise ? base + rise.absolute : base * (1 + rise.percent / 100);
}

function riseInWords(rise: AllowedRise): string {
  return "absolute" in rise ? `${rise.absolute} nats` : `${rise.percent} %`;
}

function scaled(rise: AllowedRise, by: number): AllowedRise {
  return "absolute" in rise ? { absolute: rise.absolute * by } : { percent: rise.percent * by };
}

export interface LargestShareQuestion {
  /** General loss by share. */
  readonly curves: readonly Curve[];
  readonly baseLoss: number;
  readonly rise: AllowedRise;
  readonly shares: Range;
  /** A share below which the run is not worth its cost; by default none. */
  readonly atLeast?: number;
}

/**
 * The largest share at which the general loss rises by at most so much (Que et al.'s first use, Gu et al.'s critical ratio).
 * @throws UserError when no share keeps within the limit, or only shares below `atLeast` do.
 */
export function largestShare({ curves, baseLoss, rise, shares, atLeast }: LargestShareQuestion): Answer {
  checkRange(shares, curves);
  const within =
    (allowed: AllowedRise): Solve =>
    (line) =>
      lastWithin(line, limitOf(baseLoss, allowed), shares);
  const line = lineOf(curves[0]);
  const value = within(rise)(line, curves[0]);
  if (value === null || value < (atLeast ?? 0))
    throw contradiction(
      `a share of at least ${formatShare(atLeast ?? shares.low)} and a rise of at most ${riseInWords(rise)} contradict each other`,
      `at ${formatShare(atLeast ?? shares.low)} the general loss is ${line(atLeast ?? shares.low).toFixed(4)}, ${baseLoss.toFixed(4)} at the start`,
      value === null
        ? "allow a larger rise, or a smaller share"
        : `the largest share within the limit is ${formatShare(value)}`,
    );
  const sensitivity = [0.5, 2].map((by) => {
    const allowed = scaled(rise, by);
    return { change: `a rise of ${riseInWords(allowed)} allowed`, value: within(allowed)(line, curves[0]) };
  });
  const answer = answerOf(
    `the largest share whose general loss rises by at most ${riseInWords(rise)}`,
    curves,
    within(rise),
    sensitivity,
    value,
  );
  return value < shares.high
    ? answer
    : {
        ...answer,
        warnings: [`the limit is not reached by any share up to ${formatShare(shares.high)}`, ...answer.warnings],
      };
}

export interface LimitedTokensQuestion {
  /** The domain's own loss by its share, as a law of the share and the total tokens that come with it. */
  readonly curvesFor: (totalTokens: (share: number) => number) => readonly Curve[];
  readonly domainTokens: number;
  readonly shares: Range;
  /** The most tokens that may be trained in all; by default no limit. */
  readonly maxTokens?: number;
}

/**
 * The best share with so many domain tokens: with a small share they stretch over a longer run (Que et al.'s second use).
 * @throws UserError when the tokens allowed in all do not reach down to any share of the range.
 */
export function shareForTokens({ curvesFor, domainTokens, shares, maxTokens }: LimitedTokensQuestion): Answer {
  const least = maxTokens === undefined ? shares.low : Math.max(shares.low, domainTokens / maxTokens);
  if (!(domainTokens > 0) || least > shares.high || least <= 0)
    throw contradiction(
      "these domain tokens and this range of shares contradict each other",
      `${formatCount(domainTokens)} domain tokens are ${formatShare(least)} or more of a run of ${formatCount(maxTokens ?? Number.POSITIVE_INFINITY)} tokens; shares go from ${formatShare(shares.low)} to ${formatShare(shares.high)}`,
      "allow more tokens in all, or use fewer domain tokens",
    );
  const range = { low: least, high: shares.high };
  const curvesWith = (tokens: number) => curvesFor((share) => tokens / share);
  const solve: Solve = (line) => leastOf(line, range);
  const curves = curvesWith(domainTokens);
  checkRange(range, curves);
  const sensitivity = [0.5, 2].map((by) => {
    const [curve] = curvesWith(by * domainTokens);
    return { change: `${formatCount(by * domainTokens)} domain tokens`, value: solve(lineOf(curve), curve) };
  });
  const question = `the best share with ${formatCount(domainTokens)} domain tokens`;
  return answerOf(question, curves, solve, sensitivity, solve(lineOf(curves[0]), curves[0]) ?? Number.NaN);
}

export interface BudgetQuestion {
  /** Loss by log N, given C = 6ND. */
  readonly curvesFor: (tokensOf: (logSize: number) => number) => readonly Curve[];
  /** C, in floating-point operations. */
  readonly flops: number;
  /** Of N. */
  readonly sizes: Range;
}

export interface BudgetAnswer extends Answer {
  /** D that goes with the value, which is N. */
  readonly tokens: number;
}

/** The model size N, and tokens D = C/(6N), of least loss for a compute budget (Que et al.'s third use). */
export function splitBudget({ curvesFor, flops, sizes }: BudgetQuestion): BudgetAnswer {
  const range = { low: Math.log(sizes.low), high: Math.log(sizes.high) };
  const curvesWith = (budget: number) => curvesFor((logSize) => budget / (6 * Math.exp(logSize)));
  const solve: Solve = (line) => leastOf(line, range);
  const curves = curvesWith(flops);
  checkRange(sizes, curves);
  const sensitivity = [0.5, 2].map((by) => {
    const [curve] = curvesWith(by * flops);
    const found = solve(lineOf(curve), curve);
    return { change: `${formatCount(by * flops)} FLOPs`, value: found === null ? null : Math.exp(found) };
  });
  const found = solve(lineOf(curves[0]), curves[0]) ?? Number.NaN;
  const answer = answerOf(`the best size for ${formatCount(flops)} FLOPs`, curves, solve, sensitivity, found);
  const value = Math.exp(found);
  const atEnd = found <= range.low || found >= range.high;
  return {
    ...answer,
    value,
    tokens: flops / (6 * value),
    interval: expOf(answer.interval),
    runnersUp: answer.runnersUp.map((other) => ({
      ...other,
      value: other.value === null ? null : Math.exp(other.value),
      interval: expOf(other.interval),
    })),
    warnings: [...(atEnd ? ["the best size is at an end of the sizes that were allowed"] : []), ...answer.warnings],
  };
}

function expOf(interval: Interval | null): Interval | null {
  return interval === null ? null : { ...interval, low: Math.exp(interval.low), high: Math.exp(interval.high) };
}

/** A rise of the loss by so little that no run would show it: how flat the minimum is. */
const FLAT = 0.002;

/** The share of least benchmark loss (figure 3 of the Hephaestus paper). */
export function shareOfLeastLoss(curves: readonly Curve[], shares: Range): Answer {
  checkRange(shares, curves);
  const solve: Solve = (line) => leastOf(line, shares);
  const line = lineOf(curves[0]);
  const value = solve(line, curves[0]) ?? Number.NaN;
  const near = line(value) * (1 + FLAT);
  const sensitivity = [
    {
      change: `the smallest share within ${100 * FLAT} % of the least loss`,
      value: backFrom(line, near, value, shares.low),
    },
    {
      change: `the largest share within ${100 * FLAT} % of the least loss`,
      value: backFrom(line, near, value, shares.high),
    },
  ];
  const answer = answerOf("the share of least benchmark loss", curves, solve, sensitivity, value);
  const inside = value > shares.low && value < shares.high;
  const warning = `the loss is least at an end of the shares asked for: there is no minimum between them`;
  return inside ? answer : { ...answer, warnings: [warning, ...answer.warnings] };
}

function backFrom(line: (x: number) => number, limit: number, from: number, end: number): number | null {
  const share = lastWithin((x) => line(from + x * (end - from)), limit, { low: 0, high: 1 });
  return share === null ? null : from + share * (end - from);
}

/** The loss that a law predicts at given inputs, for one more run: `curve.inputsAt` gives them by step, or by anything. */
export function predictedLoss(
  question: string,
  curves: readonly Curve[],
  at: number,
  changes: readonly number[] = [],
): Answer {
  const solve: Solve = (line) => line(at);
  const line = lineOf(curves[0]);
  const sensitivity = changes.map((other) => ({ change: `at ${formatCount(other)}`, value: line(other) }));
  const value = line(at);
  const answer = answerOf(question, curves, solve, sensitivity, value, at);
  // A run scatters about the curve: its interval is wider than the curve's.
  return { ...answer, interval: runInterval(curves[0].bootstrap, curves[0].inputsAt(at)) };
}

function checkRange({ low, high }: Range, curves: readonly Curve[]): void {
  if (curves.length === 0) throw new RangeError("no law, no answer");
  if (!(low < high && Number.isFinite(low) && Number.isFinite(high)))
    throw contradiction(
      "the smallest value that is allowed is not below the largest",
      `${low} and ${high}`,
      "widen the range",
    );
}

function contradiction(what: string, got: string, hint: string): UserError {
  return new UserError({ what, got, hint });
}
