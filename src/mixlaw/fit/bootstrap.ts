/**
 * How sure a fit is: the law fitted again to runs drawn with replacement (Efron 1979). Runs are drawn and not single losses, because
 * the losses along one run share its seed and its order of data and vary together.
 */
import { randomUniform, streamOf } from "../../base/random.js";
import { type Fit, predict, refit } from "./fit.js";

export interface Interval {
  readonly low: number;
  readonly high: number;
  /** Share of the draws between the two. */
  readonly level: number;
}

export interface Bootstrap {
  readonly fit: Fit;
  /** Parameters of each draw, in the units of the fit. */
  readonly draws: readonly Float64Array[];
  readonly seed: number;
}

export const BOOTSTRAP_DRAWS = 200;
export const LEVEL = 0.95;

/** Fewer runs can be drawn in so few ways that their spread says nothing. */
export const MIN_RUNS = 4;

/** Parameters of `draws` resamplings; none where there are fewer than `MIN_RUNS` runs. */
export function bootstrap(fit: Fit, draws = BOOTSTRAP_DRAWS, seed = fit.options.seed): Bootstrap {
  const runs = [...new Set(fit.samples.map(({ run }) => run))];
  if (runs.length < MIN_RUNS) return { fit, draws: [], seed };
  const stream = streamOf(`resampled runs of ${fit.law.name}`);
  const found: Float64Array[] = [];
  for (let draw = 0; draw < draws; draw++) {
    const counts = new Map<string, number>();
    for (let i = 0; i < runs.length; i++) {
      const run = runs[Math.floor(randomUniform(seed, stream, draw * runs.length + i) * runs.length)];
      counts.set(run, (counts.get(run) ?? 0) + 1);
    }
    const parameters = refit(fit, ({ run }) => counts.get(run) ?? 0);
    if (parameters !== null) found.push(parameters);
  }
  return { fit, draws: found, seed };
}

/** The middle `level` of values; null of fewer than 20, which have no tails. */
export function intervalOf(values: readonly number[], level = LEVEL): Interval | null {
  if (values.length < 20) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2), level };
}

/** Linear between the sorted values, as in R's type 7. */
function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

export function parameterIntervals({ fit, draws }: Bootstrap, level = LEVEL): (Interval | null)[] {
  return fit.law.parameters.map((_, i) =>
    intervalOf(
      draws.map((draw) => draw[i]),
      level,
    ),
  );
}

/** Where the law's curve itself lies at these inputs. */
export function curveInterval(bootstrap: Bootstrap, inputs: readonly number[], level = LEVEL): Interval | null {
  const values = bootstrap.draws.map((draw) => predict(bootstrap.fit, inputs, draw));
  return intervalOf(values, level);
}

/**
 * Where the loss of one more run would lie: the curve's uncertainty and a residual drawn from the fit's own, widened by √(n/(n − p)) for
 * the p parameters that were fitted to the n of them.
 */
export function runInterval(bootstrap: Bootstrap, inputs: readonly number[], level = LEVEL): Interval | null {
  const { fit, draws, seed } = bootstrap;
  const { residuals, law } = fit;
  const freedom = residuals.length - law.parameters.length;
  if (freedom <= 0) return null;
  const wider = Math.sqrt(residuals.length / freedom);
  const stream = streamOf(`residuals of ${law.name}`);
  const values: number[] = [];
  for (const [index, draw] of draws.entries()) {
    const value = predict(fit, inputs, draw);
    for (let turn = 0; turn < 10; turn++) {
      const drawn = Math.floor(randomUniform(seed, stream, index * 10 + turn) * residuals.length);
      const residual = -wider * residuals[drawn];
      values.push(law.residual === "log" ? value * Math.exp(residual) : value + residual);
    }
  }
  return intervalOf(values, level);
}
