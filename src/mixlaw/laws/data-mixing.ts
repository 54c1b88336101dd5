/** The data mixing law: one validation loss by all shares (Ye et al. 2024, arXiv 2403.16952). */
import { amplitude, factor, floorOfLoss, type Law, signed } from "../fit/law.js";

/**
 * L_i(r) = c_i + k_i·exp(Σ_j t_ij·r_j), for one validation set i and the training domains j.
 * The shares sum to 1, so that a number added to every t_ij is a factor of k_i: the last domain's t is 0 here, and is no parameter.
 * Inputs: the share of each domain but the last.
 */
export function dataMixing(domains: readonly string[]): Law {
  const free = domains.slice(0, -1);
  if (free.length === 0) throw new RangeError("a mixture has at least two domains");
  return {
    name: "data mixing",
    formula: "L_i(r) = c_i + k_i·exp(Σ_j t_ij·r_j)",
    source: "Ye et al. 2024, arXiv 2403.16952",
    residual: "log",
    factors: free.map((domain) => factor(`share of ${domain}`, "plain", 3)),
    parameters: [floorOfLoss("c"), amplitude("k"), ...free.map((domain) => signed(`t ${domain}`, -4, 4, -50, 50))],
    value(parameters, shares, slopes) {
      const k = parameters[1];
      let exponent = 0;
      for (let j = 0; j < free.length; j++) exponent += parameters[2 + j] * shares[j];
      const term = Math.exp(exponent);
      if (slopes !== null) {
        slopes[0] = 1;
        slopes[1] = term;
        for (let j = 0; j < free.length; j++) slopes[2 + j] = k * term * shares[j];
      }
      return parameters[0] + k * term;
    },
  };
}
