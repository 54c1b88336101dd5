/** `hephaestus mix sweep`: makes the runs, and leaves the table of observations and a summary beside them. */
import { join } from "node:path";
import { writeFileAtomic } from "../base/files.js";
import { formatChange, formatCount, formatTable } from "../base/format.js";
import { toNumber } from "../base/rational.js";
import type { SweepPlan } from "../config/load-sweep.js";
import { writeObservations } from "../mixlaw/observation.js";
import { expandSweep } from "../mixlaw/sweep/expand.js";
import { makeRuns, type SweepOptions, type SweepResult } from "../mixlaw/sweep/make-runs.js";
import { type FinishedRun, observationsOf } from "../mixlaw/sweep/observations.js";
import { accountOf, throwIfFailed } from "./mix-failures.js";

export const OBSERVATIONS_FILE = "observations.jsonl";

/** @throws UserError with every run that failed twice, after the results of the others are written. */
export async function mixSweep(
  sweep: SweepPlan,
  options: SweepOptions & { readonly write: (text: string) => void },
): Promise<SweepResult> {
  const result = await makeRuns(sweep, expandSweep(sweep), options);
  const { finished, failed, left } = result;
  const observations = observationsOf(finished);
  const path = join(sweep.folder, OBSERVATIONS_FILE);
  await writeFileAtomic(path, writeObservations(observations));
  const table = summaryTable(finished, sweep.domain);
  const missing = failed.map(({ run, why }) => `failed: ${run.name}: ${why}`);
  await writeFileAtomic(join(sweep.folder, "summary.txt"), `${[...table, ...missing].join("\n")}\n`);
  options.write(
    [
      ...table,
      "",
      accountOf(result),
      `${observations.length} observations in ${path}`,
      ...(left.length > 0 ? ["stopped; the same command goes on"] : []),
      "",
    ].join("\n"),
  );
  throwIfFailed(failed, "the same command tries it again; `mix fit` uses the runs that there are");
  return result;
}

/** Loss of every domain at the end of each run, with its change since the start. */
function summaryTable(finished: readonly FinishedRun[], domain: string): string[] {
  const names = Object.keys(finished[0]?.outcome.evaluations[0]?.domains ?? {});
  const rows = finished.map(({ run, outcome }) => {
    const [start, end] = [outcome.evaluations[0], outcome.evaluations.at(-1)];
    const share = run.mixture[domain];
    const read = Object.values(outcome.ledger).reduce((sum, { tokens }) => sum + tokens, 0);
    return [
      run.name,
      formatCount(outcome.parameters),
      share === undefined ? "0 %" : `${(100 * toNumber(share)).toFixed(1)} %`,
      `${(100 * ((outcome.ledger[domain]?.tokens ?? 0) / Math.max(1, read))).toFixed(1)} %`,
      formatCount(read),
      ...names.flatMap((name) => {
        const [before, now] = [start?.domains[name]?.loss, end?.domains[name]?.loss];
        return before === undefined || now === undefined ? ["-", "-"] : [now.toFixed(4), formatChange(now - before)];
      }),
      String(outcome.skipped),
    ];
  });
  const head = ["run", "parameters", domain, "read", "tokens", ...names.flatMap((name) => [name, "change"]), "skipped"];
  return formatTable([head, ...rows]);
}
