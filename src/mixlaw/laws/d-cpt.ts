/**
 * The D-CPT law: validation loss by model size, tokens and share (Que et al. 2024, arXiv 2406.01375).
 * Fitted once for the domain with r its share, and once for general text with r the share of general text.
 */
import { amplitude, factor, floorOfLoss, type Law, positive } from "../fit/law.js";

/**
 * L(N, D, r) = E + A/N^α + B·r^η/D^β + C/(r + ε)^γ.
 * Inputs: N parameters, D tokens of continual pre-training, r ∈ [0, 1] share of the corpus that matches the validation set.
 * In the fit's units the published A is `A · unit(N)^α` and B is `B · unit(D)^β`.
 */
export const dCpt: Law = {
  name: "D-CPT",
  formula: "L(N, D, r) = E + A/N^α + B·r^η/D^β + C/(r + ε)^γ",
  source: "Que et al. 2024, arXiv 2406.01375",
  residual: "log",
  factors: [factor("model size", "ratio", 2, 3), factor("tokens", "ratio", 2, 3), factor("share", "plain", 4)],
  parameters: [
    floorOfLoss("E"),
    amplitude("A"),
    positive("α", 0.05, 1, 0.01, 3),
    amplitude("B"),
    positive("β", 0.05, 1, 0.01, 3),
    positive("η", 0.05, 2, 0.001, 5),
    amplitude("C"),
    positive("γ", 0.05, 2, 0.01, 5),
    positive("ε", 0.01, 1, 1e-3, 5),
  ],
  value([E, A, alpha, B, beta, eta, C, gamma, epsilon], [N, D, r], slopes) {
    const bySize = N ** -alpha;
    const byTokens = r ** eta * D ** -beta;
    const byShare = (r + epsilon) ** -gamma;
    if (slopes !== null) {
      slopes[0] = 1;
      slopes[1] = bySize;
      slopes[2] = -A * bySize * Math.log(N);
      slopes[3] = byTokens;
      slopes[4] = -B * byTokens * Math.log(D);
      slopes[5] = r > 0 ? B * byTokens * Math.log(r) : 0;
      slopes[6] = byShare;
      slopes[7] = -C * byShare * Math.log(r + epsilon);
      slopes[8] = (-C * gamma * byShare) / (r + epsilon);
    }
    return E + A * bySize + B * byTokens + C * byShare;
  },
};

/** The same by the share alone, for runs of one size and length whose share is small: r^η adds next to nothing there. Input: r. */
export const dCptByShare: Law = {
  ...dCpt,
  name: "D-CPT by share",
  formula: "L(r) = E + C/(r + ε)^γ",
  factors: dCpt.factors.slice(2),
  parameters: dCpt.parameters.filter(({ symbol }) => ["E", "C", "γ", "ε"].includes(symbol)),
  value([E, C, gamma, epsilon], [r], slopes) {
    const term = (r + epsilon) ** -gamma;
    slopes?.set([1, term, -C * term * Math.log(r + epsilon), (-C * gamma * term) / (r + epsilon)]);
    return E + C * term;
  },
};

/** The same for runs of one size, whose term E + A/N^α is one number E. Inputs: D, r. */
export const dCptOfOneSize: Law = {
  ...dCpt,
  name: "D-CPT of one size",
  formula: "L(D, r) = E + B·r^η/D^β + C/(r + ε)^γ",
  factors: dCpt.factors.slice(1),
  parameters: dCpt.parameters.filter(({ symbol }) => symbol !== "A" && symbol !== "α"),
  value(parameters, [D, r], slopes) {
    const all = slopes === null ? null : new Float64Array(dCpt.parameters.length);
    const [E, ...rest] = parameters;
    const loss = dCpt.value(Float64Array.of(E, 0, 1, ...rest), [1, D, r], all);
    if (slopes !== null && all !== null) slopes.set([all[0], ...all.subarray(3)]);
    return loss;
  },
};
