/** Makes the runs of DoReMi one after the other: the base, the reference, then the proxy's rounds, each under what those before decided. */
import type { SweepPlan } from "../../config/load-sweep.js";
import { DoReMiRounds, endLosses } from "./doremi-rounds.js";
import { doremiOf, expandDoReMi } from "./expand-doremi.js";
import { type SweepOptions, type SweepResult, withMaker } from "./make-runs.js";

export interface DoReMiResult {
  readonly result: SweepResult;
  /** Null: the reference is not finished. */
  readonly rounds: DoReMiRounds | null;
}

/** @throws UserError as `withMaker` does, and where a run ends with a loss that is not finite. */
export async function runDoReMi(sweep: SweepPlan, options: SweepOptions): Promise<DoReMiResult> {
  const runs = expandDoReMi(sweep);
  const { reference, rate, smoothing } = doremiOf(sweep);
  const domains = Object.keys(reference);
  let rounds: DoReMiRounds | null = null;
  const result = await withMaker(sweep, [runs.base, runs.reference, ...runs.rounds], options, async (maker) => {
    await maker.makeAll([runs.base]);
    await maker.makeAll([runs.reference]);
    const end = maker.finished(runs.reference.name);
    if (end === null) return;
    const made = new DoReMiRounds(endLosses(end, domains), { rate, smoothing });
    rounds = made;
    for (const index of runs.rounds.keys()) {
      const run = runs.round(index, made.mixture);
      await maker.makeAll([run]);
      const ended = maker.finished(run.name);
      if (ended === null) return;
      made.add(endLosses(ended, domains));
    }
  });
  return { result, rounds };
}
