/** The loss of a run that was not made, by the learning-dynamics law: a plan's first stage as the continuation of the sweep's bases. */
import { UserError } from "../../base/errors.js";
import { toNumber } from "../../base/rational.js";
import type { StagePlan } from "../../config/plan.js";
import type { Answer } from "../answer.js";
import { dynamicsCurve } from "../dynamics-curve.js";
import { isDynamics } from "../laws/learning-dynamics.js";
import { predictedLoss } from "../recommend.js";
import type { Study } from "./study.js";

export type PlannedStage = Pick<StagePlan, "schedule" | "steps" | "mixture">;

/** One answer for each validation set. @throws UserError where the law was fitted on none, or what came before the runs is not known. */
export function answerPlannedRun({ fits, table }: Study, { schedule, steps, mixture }: PlannedStage): Answer[] {
  const before = table.observations.find(({ parameters }) => parameters === table.size)?.areas.before ?? null;
  if (before === null)
    throw new UserError({ what: "the learning rates of the base's pre-training are not among the observations" });
  const found = fits.filter(({ bootstrap }) => isDynamics(bootstrap.fit.law));
  if (found.length === 0)
    throw new UserError({
      what: "the learning-dynamics law was fitted on no validation set",
      hint: "evaluate the runs of the sweep several times along their way",
    });
  const share = toNumber(
    mixture.find(({ domain }) => domain === table.domain)?.share ?? { numerator: 0, denominator: 1 },
  );
  return found.map(({ set, bootstrap }) => {
    const planned = { schedule, steps, before, rateBefore: before.rate, last: share };
    const points = [1, 2, 3].map((quarter) => Math.max(1, Math.round((steps * quarter) / 4)));
    const curve = dynamicsCurve(bootstrap, planned);
    return predictedLoss(`the loss on ${set.name} after ${steps} steps`, [curve], steps, points);
  });
}
