/**
 * Benchmark loss by the agent share: what Zhuang et al. (Hephaestus, NAACL 2025, arXiv 2502.06589, figure 3) plot, with too little and too
 * much agent data both hurting, and a best share of about 36 %. The fitted formula is not among what we could read of the paper: a power
 * law c + k·x^α is what is usually drawn through such points, and has no minimum; the two-sided form, one power from each end, is ours.
 */
import { amplitude, factor, floorOfLoss, type Law, positive, signed, signedAmplitude } from "../fit/law.js";

/** L(x) = c + k·x^α, for points on one side of the minimum. Input: x the share, above 0. */
export const sharePower: Law = {
  name: "power of the share",
  formula: "L(x) = c + k·x^α",
  source: "form usual for figure 3 of Zhuang et al. 2025, arXiv 2502.06589",
  residual: "log",
  factors: [factor("share", "ratio", 3)],
  parameters: [floorOfLoss("c"), signedAmplitude("k"), signed("α", -1, 1, -5, 5)],
  value([c, k, alpha], [x], slopes) {
    const term = x ** alpha;
    slopes?.set([1, term, k * term * Math.log(x)]);
    return c + k * term;
  },
};

/**
 * L(x) = c + k·(1 − x)^α + m·x^β with α, β ≥ 1: a fall from the left end and a rise to the right, each of which ends flat, so that the curve
 * is convex and has one minimum. Input: x the share, from 0 to 1.
 */
export const twoSidedSharePower: Law = {
  name: "two-sided power of the share",
  formula: "L(x) = c + k·(1 − x)^α + m·x^β",
  source: "ours, for the shape of figure 3 of Zhuang et al. 2025, arXiv 2502.06589",
  residual: "log",
  factors: [factor("share", "plain", 5)],
  parameters: [
    floorOfLoss("c"),
    amplitude("k"),
    positive("α", 1.5, 12, 1, 60),
    amplitude("m"),
    positive("β", 1.5, 12, 1, 60),
  ],
  value([c, k, alpha, m, beta], [x], slopes) {
    const [left, right] = [(1 - x) ** alpha, x ** beta];
    if (slopes !== null) {
      slopes.set([1, left, 0, right, 0]);
      if (x < 1) slopes[2] = k * left * Math.log(1 - x);
      if (x > 0) slopes[4] = m * right * Math.log(x);
    }
    return c + k * left + m * right;
  },
};
