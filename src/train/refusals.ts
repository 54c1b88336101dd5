/** What a run says when its numbers are not finite. */
import { UserError } from "../base/errors.js";

export function notEvaluable(step: number, domains: readonly string[]): UserError {
  return new UserError({
    what: `the held-out loss of ${domains.join(", ")} is not finite after step ${step}`,
    hint:
      step === 0
        ? "the weights that the run begins with are not usable: check `begin.from` and `model.initialDeviation`"
        : "lower `peak` or lengthen `warmup`; the last checkpoint is whole",
  });
}

/** @param skipped steps in a row whose loss or gradient was not finite. */
export function diverged(step: number, skipped: number): UserError {
  return new UserError({
    what: `loss or gradient was not finite for ${skipped} steps in a row, up to step ${step}; the weights were not touched by them`,
    hint: "lower `peak`, lengthen `warmup`, or set `optimizer.clip`; the last checkpoint is whole",
  });
}
