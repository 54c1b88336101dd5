/** `hephaestus mix doremi`: domain weights by the excess of a proxy's losses over a reference's, in rounds. */
import { join } from "node:path";
import { writeFileAtomic } from "../base/files.js";
import { formatChange, formatTable } from "../base/format.js";
import { type Rational, toNumber } from "../base/rational.js";
import type { SweepPlan } from "../config/load-sweep.js";
import { DEPARTURES, type DoReMiRounds, mixtureLine } from "../mixlaw/sweep/doremi-rounds.js";
import { doremiOf } from "../mixlaw/sweep/expand-doremi.js";
import type { SweepOptions, SweepResult } from "../mixlaw/sweep/make-runs.js";
import { sharesOf } from "../mixlaw/sweep/mixtures.js";
import { runDoReMi } from "../mixlaw/sweep/run-doremi.js";
import { accountOf, throwIfFailed } from "./mix-failures.js";

export const DOREMI_FILE = "doremi.json";

/** @throws UserError with the run that failed twice, after the rounds that there are are written. */
export async function mixDoReMi(
  sweep: SweepPlan,
  options: SweepOptions & { readonly write: (text: string) => void },
): Promise<SweepResult> {
  const settings = doremiOf(sweep);
  const { result, rounds } = await runDoReMi(sweep, options);
  const path = join(sweep.folder, DOREMI_FILE);
  const done = rounds?.rounds.length ?? 0;
  const warnings = warningsOf(result, settings.rounds, done);
  if (rounds !== null) {
    const answer = { average: rounds.average, mixture: mixtureLine(rounds.average) };
    const record = { ...settings, sweep: sweep.sweep, departures: DEPARTURES, warnings };
    const losses = { reference: rounds.reference, rounds: rounds.rounds };
    await writeFileAtomic(path, `${JSON.stringify({ settings: record, ...answer, ...losses }, null, 2)}\n`);
  }
  options.write(
    [
      ...(rounds === null || done === 0 ? ["no round is finished yet"] : pageOf(rounds, sharesOf(settings.reference))),
      "",
      "DoReMi in rounds; it departs from the paper (arXiv 2305.10429):",
      ...DEPARTURES.map((each) => `  ${each}`),
      ...warnings.map((warning) => `warning: ${warning}`),
      "",
      accountOf(result),
      ...(rounds === null ? [] : [`${done} of ${settings.rounds} rounds in ${path}`]),
      ...(options.stop.aborted && result.left.length > 0 ? ["stopped; the same command goes on"] : []),
      "",
    ].join("\n"),
  );
  throwIfFailed(result.failed, "the same command tries it again; finished runs stand");
  return result;
}

function pageOf(rounds: DoReMiRounds, reference: Readonly<Record<string, Rational>>): string[] {
  const domains = Object.keys(rounds.reference);
  const last = rounds.rounds.at(-1);
  const ofRounds = rounds.rounds.map(({ round, mixture, excess, weights }) => [
    String(round),
    ...domains.flatMap((name) => [
      percent(mixture[name] === undefined ? 0 : toNumber(mixture[name])),
      formatChange(excess[name]),
      percent(weights[name]),
    ]),
  ]);
  const ends = domains.map((name) => [
    name,
    percent(toNumber(reference[name])),
    percent(rounds.average[name]),
    rounds.reference[name].toFixed(4),
    last === undefined ? "-" : last.losses[name].toFixed(4),
    last === undefined ? "-" : formatChange(last.excess[name]),
  ]);
  return [
    ...formatTable([["round", ...domains.flatMap((name) => [name, "excess", "after"])], ...ofRounds]),
    "",
    ...formatTable([["domain", "reference", "DoReMi", "its loss", "proxy's", "difference"], ...ends]),
    "",
    "the mean of the weights, for a plan:",
    mixtureLine(rounds.average),
  ];
}

function warningsOf({ finished }: SweepResult, planned: number, done: number): string[] {
  const epochs = Object.entries(finished.at(-1)?.outcome.ledger ?? {}).filter(([, read]) => read.epochs > 1);
  return [
    ...(done > 0 && done < planned ? [`${done} of ${planned} rounds: the mean is not final`] : []),
    ...epochs.map(
      ([name, read]) =>
        `${name} was read ${read.epochs.toFixed(1)} times over: its loss falls less than new data's would`,
    ),
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
