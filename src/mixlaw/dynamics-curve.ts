/** The learning-dynamics law as a function of the step of a planned schedule: the predicted loss curve of a run that was not made. */
import type { ScheduleSpec } from "../config/plan.js";
import type { Curve } from "./answer.js";
import type { Bootstrap } from "./fit/bootstrap.js";
import { type Areas, areasOfSchedule } from "./laws/areas.js";

export interface PlannedRun {
  readonly schedule: ScheduleSpec;
  readonly steps: number;
  /** Areas of the base's pre-training; zeros where they are not known and the law was fitted so. */
  readonly before: Areas;
  /** The learning rate that the base ended with; null where it is not known and the law was fitted so. */
  readonly rateBefore: number | null;
  /** For the replay form: the share of the new domain. For the size form: N. For the plain form: null. */
  readonly last: number | null;
}

/** x is the number of steps done, from 1. @throws RangeError outside the run. */
export function dynamicsCurve(bootstrap: Bootstrap, { schedule, steps, before, rateBefore, last }: PlannedRun): Curve {
  const areas = areasOfSchedule(schedule, steps, rateBefore);
  return {
    bootstrap,
    inputsAt: (step) => {
      const now = areas[step - 1];
      if (now === undefined) throw new RangeError(`step ${step} is outside a run of ${steps} steps`);
      return [before.s1, before.s2, now.s1, now.s2, ...(last === null ? [] : [last])];
    },
  };
}
