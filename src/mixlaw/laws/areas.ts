/**
 * The two areas under a learning-rate schedule by which a whole loss curve is told (Wang et al. 2025, arXiv 2505.07796; Tissue et al. 2024):
 * S1 = Σ η_i, the forward area, and S2 = Σ_i Σ_{k≤i} (η_{k−1} − η_k)·λ^{i−k}, the annealing area. Sums over the steps done so far.
 */
import type { ScheduleSpec } from "../../config/plan.js";
import { learningRateAt } from "../../optim/schedules.js";

export const LAMBDA = 0.999;

export interface Areas {
  readonly s1: number;
  readonly s2: number;
}

/**
 * The areas after each of some learning rates, one a step.
 * @param rateBefore what the first step's rate is compared with: the rate that the base ended with, so that warming up again undoes annealing;
 * null where nothing came before, and the first step adds no annealing.
 */
export function areasOf(rates: Iterable<number>, rateBefore: number | null = null): Areas[] {
  const areas: Areas[] = [];
  let [s1, s2, fall] = [0, 0, 0];
  let before = rateBefore;
  for (const rate of rates) {
    // The inner sum of step i is λ times that of step i − 1 and what the rate fell by since.
    fall = LAMBDA * fall + (before === null ? 0 : before - rate);
    s1 += rate;
    s2 += fall;
    before = rate;
    areas.push({ s1, s2 });
  }
  return areas;
}

/** The areas of a schedule after each of its steps. */
export function areasOfSchedule(spec: ScheduleSpec, steps: number, rateBefore: number | null = null): Areas[] {
  const rates = Array.from({ length: steps }, (_, step) => learningRateAt(spec, step, steps));
  return areasOf(rates, rateBefore);
}
