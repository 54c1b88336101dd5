/** BiMix: one domain's loss by its own share and the steps (arXiv 2405.14908). */
import { amplitude, factor, floorOfLoss, type Law, positive } from "../fit/law.js";

/**
 * L_i(r_i, s) = (A_i/r_i^α_i)·(B_i/s^β_i + C_i). A_i is a factor of B_i and of C_i and cannot be told from them: it is 1 here.
 * Inputs: r the domain's own share, above 0; s steps or tokens.
 */
export const biMix: Law = {
  name: "BiMix",
  formula: "L_i(r_i, s) = (A_i/r_i^α_i)·(B_i/s^β_i + C_i)",
  source: "arXiv 2405.14908",
  residual: "log",
  factors: [factor("share", "ratio", 2, 3), factor("tokens", "ratio", 3)],
  parameters: [positive("α", 0.005, 0.5, 1e-5, 3), amplitude("B"), positive("β", 0.05, 1, 0.01, 3), floorOfLoss("C")],
  value([alpha, B, beta, C], [r, s], slopes) {
    const byShare = r ** -alpha;
    const bySteps = s ** -beta;
    const level = B * bySteps + C;
    slopes?.set([-byShare * level * Math.log(r), byShare * bySteps, -byShare * B * bySteps * Math.log(s), byShare]);
    return byShare * level;
  },
};
