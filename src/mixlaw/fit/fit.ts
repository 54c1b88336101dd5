/**
 * Fitting a law: many starts drawn by counter, a smooth fit from each, and the best of them taken to the robust minimum.
 * The same samples and seed give the same fit, bit for bit.
 */
import { UserError } from "../../base/errors.js";
import { randomUniform, streamOf } from "../../base/random.js";
import type { Law, Sample } from "./law.js";
import { type MinimiseOptions, type Minimum, minimise } from "./minimise.js";
import {
  boxOf,
  fitObjective,
  fromFitted,
  HUBER_DELTA,
  observedRange,
  toFitted,
  type WeightedSample,
} from "./objective.js";
import { type Quality, qualityOf } from "./quality.js";
import { inUnits, type SeenFactor, seenFactors } from "./seen.js";

export interface FitOptions {
  readonly seed: number;
  readonly starts: number;
  /** Huber's δ. */
  readonly delta: number;
  /** Units by the factor's name; a `ratio` factor that is not named is measured in the geometric mean of what was seen. */
  readonly units: Readonly<Record<string, number>>;
}

export const FIT_DEFAULTS: FitOptions = { seed: 0, starts: 48, delta: HUBER_DELTA, units: {} };

export interface Fit {
  readonly law: Law;
  readonly samples: readonly Sample[];
  readonly seen: readonly SeenFactor[];
  /** In the law's order, in the units of `seen`. */
  readonly parameters: Float64Array;
  readonly quality: Quality;
  /** Of the samples, in their order: logarithms or losses, as the law says. */
  readonly residuals: readonly number[];
  readonly options: FitOptions;
}

/** A first fit squares residuals up to this share of a loss, which is nearly all of them: far from the minimum the robust loss is jagged. */
const SMOOTH_DELTA = 0.1;
const FINALISTS = 4;
const SMOOTH = { iterations: 150, tolerance: 1e-7 };
const ROBUST = { iterations: 400, tolerance: 1e-9 };
/** Resampled fits scatter by far more than this leaves open. */
const RESAMPLED = { iterations: 200, tolerance: 1e-6 };

/**
 * Fits a law to samples.
 * @throws UserError when there are too few of them, a factor does not vary, a value is not finite, or no start leads anywhere.
 */
export function fitLaw(law: Law, samples: readonly Sample[], options: Partial<FitOptions> = {}): Fit {
  const chosen = { ...FIT_DEFAULTS, ...options };
  const seen = seenFactors(law, samples, chosen.units);
  const weighted = weigh(samples, seen, () => 1);
  const starts = Array.from({ length: chosen.starts }, (_, i) => drawStart(law, samples, chosen.seed, i));
  const best = bestOf(law, weighted, starts, chosen.delta, ROBUST);
  if (best === null)
    throw new UserError({
      what: `no parameters of the ${law.name} law describe these losses`,
      hint: "look at the losses: a law of another form, or fewer of its factors, may describe them",
    });
  const parameters = fromFitted(law, best.x);
  const predicted = weighted.map(({ inputs }) => law.value(parameters, inputs, null));
  const { quality, residuals } = qualityOf(law, samples, predicted, chosen.delta);
  return { law, samples, seen, parameters, quality, residuals, options: chosen };
}

/** The parameters that describe weighted samples best, starting from given ones only; null where they describe nothing. */
export function refit(fit: Fit, weightOf: (sample: Sample) => number): Float64Array | null {
  const weighted = weigh(fit.samples, fit.seen, weightOf).filter(({ weight }) => weight > 0);
  const best = bestOf(fit.law, weighted, [toFitted(fit.law, fit.parameters)], fit.options.delta, RESAMPLED);
  return best === null ? null : fromFitted(fit.law, best.x);
}

function weigh(
  samples: readonly Sample[],
  seen: readonly SeenFactor[],
  weightOf: (sample: Sample) => number,
): WeightedSample[] {
  return samples.map((sample) => ({ ...sample, inputs: inUnits(seen, sample.inputs), weight: weightOf(sample) }));
}

function bestOf(
  law: Law,
  samples: readonly WeightedSample[],
  starts: readonly Float64Array[],
  delta: number,
  end: MinimiseOptions,
): Minimum | null {
  const box = boxOf(law);
  const smooth = fitObjective(law, samples, SMOOTH_DELTA);
  const robust = fitObjective(law, samples, delta);
  const finalists = starts
    .map((start) => minimise(smooth, start, box, SMOOTH))
    .filter(({ value }) => Number.isFinite(value))
    .sort((a, b) => a.value - b.value)
    .slice(0, FINALISTS);
  const ends = finalists.map(({ x }) => minimise(robust, x, box, end)).sort((a, b) => a.value - b.value);
  return ends.at(0) ?? null;
}

/** A start in the space that parameters are fitted in, uniform within each parameter's range. */
function drawStart(law: Law, samples: readonly Sample[], seed: number, index: number): Float64Array {
  const observed = observedRange(samples);
  const edges = law.parameters.map(({ start }) => start(observed));
  const from = toFitted(
    law,
    edges.map(([low]) => low),
  );
  const to = toFitted(
    law,
    edges.map(([, high]) => high),
  );
  const stream = streamOf(`starts of ${law.name}`);
  return from.map((low, i) => low + randomUniform(seed, stream, index * from.length + i) * (to[i] - low));
}

/** The law's value under given parameters (by default the fitted ones). */
export function predict(fit: Fit, inputs: readonly number[], parameters: Float64Array = fit.parameters): number {
  return fit.law.value(parameters, inUnits(fit.seen, inputs), null);
}
