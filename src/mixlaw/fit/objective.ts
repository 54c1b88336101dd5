/**
 * The sum that a fit makes small: Huber's loss of the residuals (Huber 1964), as Hoffmann et al. (arXiv 2203.15556, appendix D.3) fit
 * scaling laws: log residuals, δ = 10⁻³, so that all but the smallest residuals count by their size and not by its square.
 */
import type { Law, ObservedRange, Sample } from "./law.js";
import type { Box, Objective } from "./minimise.js";

export const HUBER_DELTA = 1e-3;

export function huber(residual: number, delta: number): number {
  const size = Math.abs(residual);
  return size <= delta ? 0.5 * residual * residual : delta * (size - 0.5 * delta);
}

/** Where the law predicts nothing that a logarithm exists of: NaN. */
export function residualOf(law: Law, predicted: number, observed: number): number {
  return law.residual === "log" ? Math.log(predicted) - Math.log(observed) : predicted - observed;
}

/** A sample with its inputs in the fit's units and the weight that a resampling gives it. */
export interface WeightedSample extends Sample {
  readonly weight: number;
}

/**
 * The mean Huber loss over the samples, divided by δ so that its size does not depend on δ, as a function of the parameters in the
 * space that they are fitted in.
 */
export function fitObjective(law: Law, samples: readonly WeightedSample[], delta: number): Objective {
  const parameters = new Float64Array(law.parameters.length);
  const slopes = new Float64Array(law.parameters.length);
  const logs = law.parameters.map(({ space }) => space === "log");
  const total = samples.reduce((sum, { weight }) => sum + weight, 0);
  return (x, gradient) => {
    gradient.fill(0);
    for (let i = 0; i < x.length; i++) parameters[i] = logs[i] ? Math.exp(x[i]) : x[i];
    let sum = 0;
    for (const { inputs, observed, weight } of samples) {
      const predicted = law.value(parameters, inputs, slopes);
      const residual = residualOf(law, predicted, observed);
      if (!Number.isFinite(residual)) return Number.POSITIVE_INFINITY;
      sum += weight * huber(residual, delta);
      const clipped = Math.min(Math.max(residual, -delta), delta);
      const outer = (weight * clipped) / (law.residual === "log" ? predicted : 1);
      for (let i = 0; i < x.length; i++) gradient[i] += outer * slopes[i];
    }
    for (let i = 0; i < x.length; i++) gradient[i] *= (logs[i] ? parameters[i] : 1) / (total * delta);
    return sum / (total * delta);
  };
}

export function toFitted(law: Law, parameters: ArrayLike<number>): Float64Array {
  return Float64Array.from(law.parameters, ({ space }, i) =>
    space === "log" ? Math.log(parameters[i]) : parameters[i],
  );
}

export function fromFitted(law: Law, x: Float64Array): Float64Array {
  return x.map((value, i) => (law.parameters[i].space === "log" ? Math.exp(value) : value));
}

export function boxOf(law: Law): Box {
  const edge = (side: "lower" | "upper") =>
    toFitted(
      law,
      law.parameters.map((parameter) => parameter[side]),
    );
  return { lower: edge("lower"), upper: edge("upper") };
}

export function observedRange(samples: readonly Sample[]): ObservedRange {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { observed } of samples) {
    min = Math.min(min, observed);
    max = Math.max(max, observed);
  }
  return { min, max };
}
