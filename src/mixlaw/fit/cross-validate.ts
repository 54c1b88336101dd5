/** What a law is worth on what it has not seen: fitted without one value of a factor, it predicts the losses there. */
import { UserError } from "../../base/errors.js";
import { type Fit, fitLaw, predict } from "./fit.js";
import type { Sample } from "./law.js";
import { type Quality, qualityOf } from "./quality.js";

export interface LeftOut {
  /** What was left out: a factor's name (ratios, sizes, budgets) or any other grouping. */
  readonly by: string;
  readonly groups: number;
  /** Over all predictions of losses that were left out. Null where no group could be left out. */
  readonly quality: Quality | null;
  /** The group that was predicted worst, with its mean relative error. */
  readonly worst: { readonly group: string; readonly relative: number } | null;
  /** Groups without which the law could not be fitted, and why. */
  readonly impossible: readonly string[];
}

const STARTS = 16;

/** Leaves out each value of a factor in turn. @throws RangeError when the law has no such factor. */
export function leaveOutFactor(fit: Fit, name: string): LeftOut {
  const index = fit.law.factors.findIndex((factor) => factor.name === name);
  if (index < 0) throw new RangeError(`the ${fit.law.name} law has no factor ${name}`);
  return leaveOut(fit, name, ({ inputs }) => String(Number(inputs[index].toPrecision(6))));
}

/** Leaves out each group of samples in turn. The fits without it start anew: nothing of what was left out is known to them. */
export function leaveOut(fit: Fit, by: string, groupOf: (sample: Sample) => string): LeftOut {
  const groups = [...new Set(fit.samples.map(groupOf))];
  const tested: Sample[] = [];
  const predicted: number[] = [];
  const impossible: string[] = [];
  let worst: LeftOut["worst"] = null;
  for (const group of groups) {
    const rest = fit.samples.filter((sample) => groupOf(sample) !== group);
    const left = fit.samples.filter((sample) => groupOf(sample) === group);
    const without = tryFit(fit, rest);
    if (typeof without === "string") {
      impossible.push(`${by} ${group}: ${without}`);
      continue;
    }
    const values = left.map(({ inputs }) => predict(without, inputs));
    const { relative } = qualityOf(fit.law, left, values, fit.options.delta).quality;
    if (relative !== null && (worst === null || relative > worst.relative)) worst = { group, relative };
    tested.push(...left);
    predicted.push(...values);
  }
  const quality = tested.length === 0 ? null : qualityOf(fit.law, tested, predicted, fit.options.delta).quality;
  return { by, groups: groups.length, quality, worst, impossible };
}

function tryFit(fit: Fit, samples: readonly Sample[]): Fit | string {
  try {
    return fitLaw(fit.law, samples, { ...fit.options, starts: Math.min(STARTS, fit.options.starts) });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.problems.map(({ what }) => what).join("; ");
  }
}
