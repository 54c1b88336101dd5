/** A sweep's table made by known laws: what is right is then known too. */
import { randomNormal } from "../../../src/base/random.js";
import type { ScheduleSpec } from "../../../src/config/plan.js";
import { areasOfSchedule } from "../../../src/mixlaw/laws/areas.js";
import { dCpt } from "../../../src/mixlaw/laws/d-cpt.js";
import type { Observation } from "../../../src/mixlaw/observation.js";
import { STUDY_DEFAULTS, type StudyOptions } from "../../../src/mixlaw/study/study.js";
import { learningRateAt } from "../../../src/optim/schedules.js";

export const SIZES = [1e6, 2e6, 4e6];
export const BUDGETS = [2e6, 4e6, 8e6];
export const SHARES = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1];
const TOKENS_PER_STEP = 1e5;
const NOISE = 5e-4;
const RATE_BEFORE = 4e-4;

/** E, A, α, B, β, η, C, γ, ε with N and D in millions. */
export const TRUTH = {
  agent: Float64Array.of(1, 0.6, 0.3, 0.5, 0.4, 0.2, 0.3, 0.7, 0.2),
  text: Float64Array.of(2, 0.5, 0.3, 0.1, 0.3, 0.5, 0.1, 0.8, 0.05),
  code: Float64Array.of(1.5, 0.5, 0.3, 0.1, 0.3, 0.5, 0.15, 0.8, 0.05),
};

/** The true loss on a set. */
export function trueLoss(set: keyof typeof TRUTH, share: number, N: number, D: number): number {
  return dCpt.value(TRUTH[set], [N / 1e6, D / 1e6, set === "agent" ? share : 1 - share], null);
}

export const BASE_SHARE = 0.25;

/** A benchmark of gold answers: least at a share of 0.36. */
export function benchmarkLoss(share: number): number {
  return 1 + 0.8 * (share - 0.36) ** 2;
}

export interface MadeOptions {
  readonly sizes?: readonly number[];
  readonly budgets?: readonly number[];
  readonly constant?: boolean;
  readonly benchmark?: boolean;
}

/** Two evaluations a run, two seeds; the base's losses are those of a mixture with `BASE_SHARE` of agent data and the least budget. */
export function madeTable(options: MadeOptions = {}): Observation[] {
  const { sizes = SIZES, budgets = BUDGETS, constant = false, benchmark = false } = options;
  const rows: Observation[] = [];
  for (const N of sizes)
    for (const D of budgets)
      for (const share of SHARES)
        for (const seed of [1, 2])
          for (const part of [0.5, 1]) rows.push(...evaluation({ N, D, share, seed, part, constant, benchmark }));
  return rows;
}

interface Made {
  readonly N: number;
  readonly D: number;
  readonly share: number;
  readonly seed: number;
  readonly part: number;
  readonly constant: boolean;
  readonly benchmark: boolean;
}

function evaluation({ N, D, share, seed, part, constant, benchmark }: Made): Observation[] {
  const steps = D / TOKENS_PER_STEP;
  const spec: ScheduleSpec = constant
    ? { kind: "constant", warmup: 0, start: 2e-3, peak: 2e-3 }
    : { kind: "cosine", warmup: 1, start: 0, peak: 2e-3, min: 2e-4 };
  const step = Math.round(steps * part);
  const { s1, s2 } = areasOfSchedule(spec, steps, RATE_BEFORE)[step - 1];
  const run = `n${N}-d${D}-r${share}-s${seed}`;
  const sets = ["agent", "text", "code", ...(benchmark ? (["answers"] as const) : [])] as const;
  return sets.map((domain, i) => {
    const noise = Math.exp(NOISE * randomNormal(seed, N + D * 3 + share * 1000, 10 * i + part));
    const loss = domain === "answers" ? benchmarkLoss(share) : trueLoss(domain, share, N, D * part);
    return {
      ...{ run, seed, parameters: N, tokens: step * TOKENS_PER_STEP, domain, loss: loss * noise },
      shares: { agent: share, text: (1 - share) / 2, code: (1 - share) / 2 },
      rate: learningRateAt(spec, step - 1, steps),
      areas: { before: { s1: 2.5, s2: 0.3, rate: RATE_BEFORE }, s1, s2 },
      epoch: 0.1,
      baseLoss: domain === "answers" ? 1.5 : trueLoss(domain, BASE_SHARE, N, 2e6),
    };
  });
}

/** Fast: few resamplings, nothing left out. */
export const QUICK: StudyOptions = { ...STUDY_DEFAULTS, domain: "agent", draws: 24, leaveOut: "nothing" };
