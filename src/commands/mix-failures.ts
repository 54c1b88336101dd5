/** Runs of a mixture experiment that failed or were not made, in words. */
import { UserError } from "../base/errors.js";
import { formatCount } from "../base/format.js";
import type { FailedRun, SweepResult } from "../mixlaw/sweep/make-runs.js";

/** One line: how many runs there are, and what they cost. */
export function accountOf({ finished, failed, left }: SweepResult): string {
  const flops = finished.reduce((sum, { outcome }) => sum + outcome.flops, 0);
  return `${finished.length} runs finished, ${failed.length} failed, ${left.length} not made; ${formatCount(flops)}FLOP`;
}

/** @throws UserError with every run that failed twice. */
export function throwIfFailed(failed: readonly FailedRun[], hint: string): void {
  if (failed.length === 0) return;
  throw new UserError(
    failed.map(({ run, why }) => ({
      what: `run ${run.name} failed twice`,
      where: run.plan.runFolder,
      got: why,
      hint,
    })),
  );
}
