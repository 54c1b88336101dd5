/**
 * The learning dynamics of continual pre-training: a validation loss at every step of a run from the areas under its schedule
 * (Wang et al. 2025, ICML, arXiv 2505.07796). One form for general and for domain loss, with other constants; the paper's terms:
 *
 *     L(t) = L₀ + A·(S1pt + S1cpt)^−α − C₁·S2pt − C₂·S2cpt + B·(1 − (1 + E·S1cpt)^−β)
 *
 * pt: of the pre-training that the base had; cpt: of the run so far. The last term is the shift to another distribution, which depends
 * neither on where the run starts nor on the size of the model: it rises for general loss (B > 0) and falls for domain loss (B < 0).
 */
import { amplitude, factor, floorOfLoss, type Law, positive, signed, signedAmplitude } from "../fit/law.js";

const SOURCE = "Wang et al. 2025, arXiv 2505.07796";

/** L₀, A, α, B, E, β, C₁, C₂, in this order. */
const PARAMETERS = [
  floorOfLoss("L₀"),
  amplitude("A"),
  positive("α", 0.1, 1, 0.01, 3),
  signedAmplitude("B"),
  positive("E", 1, 1e4, 1e-3, 1e7),
  positive("β", 0.05, 0.5, 0.001, 3),
  positive("C₁", 0.03, 3, 1e-6, 100),
  positive("C₂", 0.03, 3, 1e-6, 100),
];

const FACTORS = [
  factor("S1 of pre-training", "plain", 1, 2),
  factor("S2 of pre-training", "plain", 1, 2),
  factor("S1", "plain", 4),
  factor("S2", "plain", 2),
];

/** Inputs: S1pt, S2pt, S1cpt, S2cpt. Bases that all have the same areas fix L₀ − C₁·S2pt only, and A and α only by the run's own S1. */
export const learningDynamics: Law = {
  name: "learning dynamics",
  formula: "L(t) = L₀ + A·(S1pt + S1cpt)^−α − C₁·S2pt − C₂·S2cpt + B·(1 − (1 + E·S1cpt)^−β)",
  source: SOURCE,
  residual: "log",
  factors: FACTORS,
  parameters: PARAMETERS,
  value: (parameters, inputs, slopes) => dynamics(parameters, inputs, 1, 1, slopes),
};

/** The law with its last annealing term and its shift term multiplied, as the replay form and the size form do. */
function dynamics(
  [L0, A, alpha, B, E, beta, C1, C2]: Float64Array,
  [s1Before, s2Before, s1, s2]: readonly number[],
  annealing: number,
  shifting: number,
  slopes: Float64Array | null,
): number {
  const forward = s1Before + s1;
  const fall = forward ** -alpha;
  const stretched = 1 + E * s1;
  const left = stretched ** -beta;
  slopes?.set([
    1,
    fall,
    -A * fall * Math.log(forward),
    shifting * (1 - left),
    (shifting * B * beta * left * s1) / stretched,
    shifting * B * left * Math.log(stretched),
    -s2Before,
    -annealing * s2,
  ]);
  return L0 + A * fall - C1 * s2Before - annealing * C2 * s2 + shifting * B * (1 - left);
}

/**
 * The replay form, r_cpt the share of the new domain and r_pt = 1 − r_cpt that of replay. Inputs: the four areas, r_cpt.
 * General loss: the last S2 term times e^(a₁·r_pt), the shift times 1 − e^(−a₂·r_cpt).
 * Domain loss: the last S2 term times e^(a₁·r_cpt), the shift times e^(a₂·r_cpt) − 1.
 */
export function learningDynamicsWithReplay(loss: "general" | "domain"): Law {
  const formula =
    loss === "general"
      ? "L(t) = … − C₂·e^(a₁·r_pt)·S2cpt + B·(1 − e^(−a₂·r_cpt))·(1 − (1 + E·S1cpt)^−β)"
      : "L(t) = … − C₂·e^(a₁·r_cpt)·S2cpt + B·(e^(a₂·r_cpt) − 1)·(1 − (1 + E·S1cpt)^−β)";
  return {
    name: `learning dynamics with replay, ${loss} loss`,
    formula,
    source: SOURCE,
    residual: "log",
    factors: [...FACTORS, factor("share", "plain", 3)],
    parameters: [...PARAMETERS, signed("a₁", -1, 1, -10, 10), positive("a₂", 0.1, 5, 1e-3, 50)],
    value(parameters, inputs, slopes) {
      const [a1, a2] = [parameters[8], parameters[9]];
      const share = inputs[4];
      const weight = loss === "general" ? 1 - share : share;
      const power = Math.exp(loss === "general" ? -a2 * share : a2 * share);
      const annealing = Math.exp(a1 * weight);
      const shifting = loss === "general" ? 1 - power : power - 1;
      const value = dynamics(parameters, inputs, annealing, shifting, slopes);
      if (slopes !== null) {
        slopes[8] = -parameters[7] * inputs[3] * annealing * weight;
        slopes[9] = parameters[3] * (1 - (1 + parameters[4] * inputs[2]) ** -parameters[5]) * share * power;
      }
      return value;
    },
  };
}

/** The size form: both S2 terms grow with the size and F·N^−γ₃ is added. Inputs: the four areas, N in the fit's units. */
export const learningDynamicsBySize: Law = {
  name: "learning dynamics by size",
  formula: "L(t, N) = L₀ + A·(S1pt + S1cpt)^−α − C₁·N^γ₁·S2pt − C₂·N^γ₂·S2cpt + B·(1 − (1 + E·S1cpt)^−β) + F·N^−γ₃",
  source: SOURCE,
  residual: "log",
  factors: [...FACTORS, factor("model size", "ratio", 2, 3)],
  parameters: [
    ...PARAMETERS,
    signed("γ₁", -0.3, 0.6, -2, 2),
    signed("γ₂", -0.3, 0.6, -2, 2),
    amplitude("F"),
    positive("γ₃", 0.05, 1, 0.01, 3),
  ],
  value(parameters, [s1Before, s2Before, s1, s2, N], slopes) {
    const [gamma1, gamma2, F, gamma3] = parameters.subarray(8);
    const [first, second, third] = [N ** gamma1, N ** gamma2, N ** -gamma3];
    const [C1, C2] = parameters.subarray(6);
    const value = dynamics(parameters, [s1Before, s2Before * first, s1, s2], second, 1, slopes);
    const log = Math.log(N);
    slopes?.set([-C1 * first * log * s2Before, -C2 * second * log * s2, third, -F * third * log], 8);
    return value + F * third;
  },
};

/** The published constants for a 106M model that goes from FineWeb to Knowledge-Pile, with S1 and S2 in sums of learning rates. */
export const PUBLISHED_DYNAMICS = {
  general: Float64Array.of(3.057, 0.49, 0.497, 0.366, 28, 0.189, 0.299, 0.298),
  domain: Float64Array.of(3.024, 0.412, 0.677, -0.666, 5662, 0.146, 0.278, 0.324),
} as const;

/** Whether a law is one of this file's, which ask for areas and not for tokens. */
export function isDynamics({ name }: Law): boolean {
  return name.startsWith(learningDynamics.name);
}
