/** What a law is to the fitting: a function of factors with parameters inside bounds, and its slopes. */

/** Lowest and highest value that was observed: the scale from which a parameter's starting range is told. */
export interface ObservedRange {
  readonly min: number;
  readonly max: number;
}

/** Fitted in its logarithm where it is positive by its meaning, else as it is. */
export interface Parameter {
  readonly symbol: string;
  readonly space: "log" | "linear";
  /** Bounds in the parameter's own units; both positive in log space. */
  readonly lower: number;
  readonly upper: number;
  /** Where fits start, inside the bounds. */
  readonly start: (observed: ObservedRange) => readonly [number, number];
}

/** One thing that a law depends on. */
export interface Factor {
  readonly name: string;
  /**
   * `ratio`: only its powers count, so it is measured in units of the geometric mean of what was seen, which makes the level of a power
   * and its exponent nearly independent of each other. `plain`: used as it is.
   */
  readonly measure: "ratio" | "plain";
  /** Distinct values without which the law's parameters mean nothing. */
  readonly needs: number;
  /** Distinct values without which nothing can be said beyond those that were seen. */
  readonly needsToExtrapolate: number;
}

export interface Law {
  readonly name: string;
  /** As published. */
  readonly formula: string;
  readonly source: string;
  /** Residuals are log(predicted) − log(observed), or predicted − observed for quantities that may be negative. */
  readonly residual: "log" | "difference";
  readonly factors: readonly Factor[];
  readonly parameters: readonly Parameter[];
  /**
   * The law's value.
   * @param inputs one number a factor, in the fit's units.
   * @param slopes where not null, gets the derivative of the value by each parameter.
   */
  value(parameters: Float64Array, inputs: readonly number[], slopes: Float64Array | null): number;
}

/** One value to be explained; all samples of a run are drawn together. */
export interface Sample {
  readonly run: string;
  /** One number a factor of the law, in the factor's own unit. */
  readonly inputs: readonly number[];
  readonly observed: number;
}

export function factor(name: string, measure: Factor["measure"], needs: number, needsToExtrapolate = needs): Factor {
  return { name, measure, needs, needsToExtrapolate };
}

/** A loss that nothing can go below. */
export function floorOfLoss(symbol: string): Parameter {
  return { symbol, space: "log", lower: 1e-4, upper: 1e3, start: ({ min }) => [0.3 * min, 0.999 * min] };
}

/** How much of the loss a term makes up, in losses: from a hundredth of what was seen to vary to several times that. */
export function amplitude(symbol: string): Parameter {
  const start = ({ min, max }: ObservedRange) => {
    const span = Math.max(Math.abs(max - min), 1e-6 * Math.abs(max), 1e-9);
    return [0.02 * span, 4 * span] as const;
  };
  return { symbol, space: "log", lower: 1e-9, upper: 1e6, start };
}

/** A positive number that starts anywhere between two others. */
export function positive(symbol: string, from: number, to: number, lower = from / 100, upper = to * 100): Parameter {
  return { symbol, space: "log", lower, upper, start: () => [from, to] };
}

/** A number of either sign that starts anywhere between two others. */
export function signed(symbol: string, from: number, to: number, lower = 10 * from, upper = 10 * to): Parameter {
  return { symbol, space: "linear", lower, upper, start: () => [from, to] };
}

/** A number of either sign as large as what was observed. */
export function signedAmplitude(symbol: string): Parameter {
  const start = ({ min, max }: ObservedRange) => {
    const size = Math.max(Math.abs(min), Math.abs(max), 1e-9);
    return [-2 * size, 2 * size] as const;
  };
  return { symbol, space: "linear", lower: -1e6, upper: 1e6, start };
}
