/** What was seen of each factor: whether it suffices for a law, in which units it is measured, and whether a query lies beyond it. */
import { type Problem, UserError } from "../../base/errors.js";
import type { Law, Sample } from "./law.js";

export interface SeenFactor {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly distinct: number;
  /** What one of the fit's units is. */
  readonly unit: number;
}

/**
 * The factors as seen, in the law's order.
 * @param units by the factor's name, where the default (the geometric mean of a `ratio` factor, else 1) is not wanted.
 * @throws UserError with everything that the samples lack.
 */
export function seenFactors(
  law: Law,
  samples: readonly Sample[],
  units: Readonly<Record<string, number>> = {},
): SeenFactor[] {
  const problems = [...unusable(law, samples), ...lacking(law, samples)];
  if (problems.length > 0) throw new UserError(problems);
  return law.factors.map(({ name, measure }, i) => {
    const values = samples.map(({ inputs }) => inputs[i]);
    const unit = units[name] ?? (measure === "ratio" ? geometricMean(values) : 1);
    const [min, max] = [Math.min(...values), Math.max(...values)];
    return { name, min, max, distinct: new Set(values).size, unit };
  });
}

/** The most samples that a fit takes: beyond it a fit lasts hours, and a law has a dozen parameters. */
export const MAX_SAMPLES = 20_000;

function unusable(law: Law, samples: readonly Sample[]): Problem[] {
  if (samples.length > MAX_SAMPLES)
    return [{ what: `too many values for one fit`, expected: `at most ${MAX_SAMPLES}`, got: String(samples.length) }];
  const problems: Problem[] = [];
  for (const { run, inputs, observed } of samples) {
    const where = `run ${run}`;
    if (inputs.length !== law.factors.length)
      throw new RangeError(`${where}: ${law.name} has ${law.factors.length} factors`);
    if (!Number.isFinite(observed) || (law.residual === "log" && observed <= 0))
      problems.push({
        what: "this loss cannot be fitted",
        where,
        expected: "a positive number",
        got: String(observed),
      });
    for (const [i, { name, measure }] of law.factors.entries())
      if (!Number.isFinite(inputs[i]) || (measure === "ratio" && inputs[i] <= 0))
        problems.push({
          what: `${name} cannot be fitted`,
          where,
          expected: "a positive number",
          got: String(inputs[i]),
        });
  }
  return problems.slice(0, 20);
}

function lacking(law: Law, samples: readonly Sample[]): Problem[] {
  const problems: Problem[] = [];
  if (samples.length < law.parameters.length)
    problems.push({
      what: `the ${law.name} law has ${law.parameters.length} parameters and too few losses to find them by`,
      expected: `at least ${law.parameters.length} losses`,
      got: String(samples.length),
      hint: "add runs, or evaluate the runs more often",
    });
  for (const [i, { name, needs }] of law.factors.entries()) {
    const values = new Set(samples.map(({ inputs }) => inputs[i]));
    if (values.size < needs)
      problems.push({
        what: `the ${law.name} law cannot be fitted without variation in ${name}`,
        expected: `at least ${needs} different values`,
        got: values.size === 0 ? "none" : `${values.size}: ${[...values].map(readable).join(", ")}`,
        hint: `add runs that differ in ${name}`,
      });
  }
  return problems;
}

/** Inputs in the fit's units. */
export function inUnits(seen: readonly SeenFactor[], inputs: readonly number[]): number[] {
  return inputs.map((value, i) => value / seen[i].unit);
}

/** One sentence for each factor in which a query lies outside what was seen, or lies where too few values were seen. */
export function extrapolations(law: Law, seen: readonly SeenFactor[], inputs: readonly number[]): string[] {
  return law.factors.flatMap(({ needsToExtrapolate }, i) => {
    const { name, min, max, distinct } = seen[i];
    const value = inputs[i];
    // A bound that was computed (1 − share, tokens / share) differs from the one seen by rounding.
    const slack = 1e-9 * Math.max(Math.abs(min), Math.abs(max));
    if (value >= min - slack && value <= max + slack) return [];
    const side =
      value < min
        ? `below the smallest that was seen, ${readable(min)}`
        : `above the largest that was seen, ${readable(max)}`;
    const few =
      distinct < needsToExtrapolate
        ? `; ${distinct} different values were seen, and it takes ${needsToExtrapolate} to say anything beyond them`
        : "";
    return [`${name} ${readable(value)} is ${side}: this is an extrapolation${few}`];
  });
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

function readable(value: number): string {
  return String(Number(value.toPrecision(4)));
}
