/**
 * The critical mixture ratio: the largest share of the domain at which the general loss, within the token budget, rises by no more than
 * ε (Gu et al. 2024, arXiv 2407.17467, EMNLP). Its four pieces, with T in units of 0.2B tokens and R the domain's share:
 *
 *     ΔL_dom(T) = α₁·T^s₁ + β₁                 change of the domain loss
 *     ΔL_gen(T) = α₂·T^s₂ + α₃·T^s₃ + β₂       change of the general loss: two powers, because it rises and then falls
 *     L(R)      = a·R^s + b                    loss by share at one T
 *     R_CMR(T)  = α₄·T^s₄ + β₃
 */

import { fitLaw, predict } from "../fit/fit.js";
import { factor, type Law, type Sample, signed, signedAmplitude } from "../fit/law.js";

const SOURCE = "Gu et al. 2024, arXiv 2407.17467";
export const CMR_TOKEN_UNIT = 0.2e9;
/** The rise that the paper allows; chosen there without a study of how much depends on it. */
export const CMR_EPSILON = 0.05;

/** One power with a level: a·x^s + b. */
function power(
  name: string,
  formula: string,
  variable: string,
  symbols: readonly string[],
  residual: Law["residual"],
): Law {
  const [a, s, b] = symbols;
  return {
    name,
    formula,
    source: SOURCE,
    residual,
    factors: [factor(variable, "ratio", 3)],
    parameters: [signedAmplitude(a), signed(s, -1, 1, -5, 5), signedAmplitude(b)],
    value: ([level, exponent, offset], [x], slopes) => {
      const term = x ** exponent;
      slopes?.set([term, level * term * Math.log(x), 1]);
      return level * term + offset;
    },
  };
}

export const domainChange = power(
  "CMR domain change",
  "ΔL_dom(T) = α₁·T^s₁ + β₁",
  "tokens",
  ["α₁", "s₁", "β₁"],
  "difference",
);
export const lossByShare = power("CMR loss by share", "L(R) = a·R^s + b", "share", ["a", "s", "b"], "difference");
export const criticalRatio = power("CMR", "R_CMR(T) = α₄·T^s₄ + β₃", "tokens", ["α₄", "s₄", "β₃"], "difference");

export const generalChange: Law = {
  name: "CMR general change",
  formula: "ΔL_gen(T) = α₂·T^s₂ + α₃·T^s₃ + β₂",
  source: SOURCE,
  residual: "difference",
  factors: [factor("tokens", "ratio", 5)],
  parameters: [
    signedAmplitude("α₂"),
    signed("s₂", -1, 1, -5, 5),
    signedAmplitude("α₃"),
    signed("s₃", -1, 1, -5, 5),
    signedAmplitude("β₂"),
  ],
  value([a2, s2, a3, s3, b], [T], slopes) {
    const [first, second] = [T ** s2, T ** s3];
    slopes?.set([first, a2 * first * Math.log(T), second, a3 * second * Math.log(T), 1]);
    return a2 * first + a3 * second + b;
  },
};

/** One evaluation of the general set along one run. */
export interface GeneralRise {
  readonly run: string;
  /** Tokens so far, in units of `CMR_TOKEN_UNIT` or any other. */
  readonly tokens: number;
  readonly share: number;
  /** General loss minus the loss before the first step. */
  readonly rise: number;
}

/**
 * The critical ratio at each number of tokens that has at least three shares: where a·R^s + b, fitted there, meets ε. Where no ratio that
 * was seen reaches it, or none stays below it, that number of tokens says nothing and is left out; `skipped` names it with the reason.
 */
export function criticalRatios(
  rises: readonly GeneralRise[],
  epsilon = CMR_EPSILON,
  seed = 0,
): { readonly samples: Sample[]; readonly skipped: string[] } {
  const samples: Sample[] = [];
  const skipped: string[] = [];
  for (const tokens of [...new Set(rises.map((rise) => rise.tokens))].sort((a, b) => a - b)) {
    const here = rises.filter((rise) => rise.tokens === tokens);
    const shares = [...new Set(here.map(({ share }) => share))].sort((a, b) => a - b);
    const found = shares.length < 3 ? "fewer than three shares" : ratioWhere(here, shares, epsilon, seed);
    if (typeof found === "string") skipped.push(`${tokens} tokens: ${found}`);
    else samples.push({ run: `T ${tokens}`, inputs: [tokens], observed: found });
  }
  return { samples, skipped };
}

function ratioWhere(
  rises: readonly GeneralRise[],
  shares: readonly number[],
  epsilon: number,
  seed: number,
): number | string {
  const fit = fitLaw(
    lossByShare,
    rises.map(({ run, share, rise }) => ({ run, inputs: [share], observed: rise })),
    { seed, starts: 16 },
  );
  let [low, high] = [shares[0], shares[shares.length - 1]];
  if (predict(fit, [high]) <= epsilon) return `the general loss rises by less than ${epsilon} at every share`;
  if (predict(fit, [low]) > epsilon) return `the general loss rises by more than ${epsilon} at every share`;
  for (let turn = 0; turn < 60; turn++) {
    const middle = (low + high) / 2;
    if (predict(fit, [middle]) <= epsilon) low = middle;
    else high = middle;
  }
  return low;
}
