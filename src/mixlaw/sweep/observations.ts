/** The table that laws are fitted to, from the outcomes of a sweep's runs: one row an evaluation after the start and a domain. */
import { toNumber } from "../../base/rational.js";
import { learningRateAt } from "../../optim/schedules.js";
import { type Areas, areasOfSchedule } from "../laws/areas.js";
import type { Observation } from "../observation.js";
import { type Outcome, stepsOf } from "./outcome.js";
import type { SweepRun } from "./plan-maker.js";

export interface FinishedRun {
  readonly run: SweepRun;
  readonly outcome: Outcome;
}

/** @param finished bases and continued runs; a run whose base is not among them is an error of ours. */
export function observationsOf(finished: readonly FinishedRun[]): Observation[] {
  const bases = new Map(finished.map(({ run }) => [run.name, run]));
  return finished.flatMap((one) => {
    const { base } = one.run;
    if (base === null) return [];
    const begun = bases.get(base);
    if (begun === undefined) throw new Error(`the base of ${one.run.name} is not finished`);
    return rowsOf(one, begun);
  });
}

function rowsOf({ run, outcome }: FinishedRun, base: SweepRun): Observation[] {
  const [stage] = run.plan.stages;
  const rate = learningRateAt(base.plan.stages[0].schedule, stepsOf(base) - 1, stepsOf(base));
  const whole = areasOfSchedule(base.plan.stages[0].schedule, stepsOf(base)).at(-1);
  const before = whole === undefined ? null : { ...whole, rate };
  const areas: readonly Areas[] = areasOfSchedule(stage.schedule, stage.steps, rate);
  const [start, ...later] = outcome.evaluations;
  return later.flatMap(({ step, domains }) =>
    Object.entries(domains).map(([domain, { loss }]) => ({
      run: run.name,
      seed: run.seed,
      parameters: outcome.parameters,
      tokens: step * stage.tokensPerStep,
      shares: Object.fromEntries(Object.entries(run.mixture).map(([name, share]) => [name, toNumber(share)])),
      domain,
      loss: Number.isFinite(loss) ? loss : null,
      rate: learningRateAt(stage.schedule, step - 1, stage.steps),
      areas: { before, s1: areas[step - 1].s1, s2: areas[step - 1].s2 },
      epoch: ((outcome.ledger[domain]?.epochs ?? 0) * step) / stage.steps,
      baseLoss: start.domains[domain].loss,
    })),
  );
}
