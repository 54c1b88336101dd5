/** What a finished run showed, kept beside its checkpoints as `outcome.json`: the run need not be looked at again. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../base/errors.js";
import { exists, parseJson, writeFileAtomic } from "../../base/files.js";
import { fingerprintOf } from "../../base/fingerprint.js";
import { listCheckpoints, openCheckpoint } from "../../checkpoint/load.js";
import { domainLedger, parseLedger } from "../../data/ledger.js";
import { type Evaluation, parseEvaluations } from "../../eval/held-out.js";
import { type Architecture, architectureOf } from "../../model/architecture.js";
import { flopsPerToken } from "../../model/costs.js";
import { countParameters, parameterTable } from "../../model/parameters.js";
import type { SweepRun } from "./plan-maker.js";

export interface Outcome {
  /** Of the plan as it was written; an outcome of another plan is none. */
  readonly plan: string;
  readonly parameters: number;
  /** Of the run, by the convention in `model/costs.ts`. */
  readonly flops: number;
  /** Steps whose loss or gradient was not finite. */
  readonly skipped: number;
  readonly evaluations: readonly Evaluation[];
  /** What was really read of each domain, over the run's whole history. */
  readonly ledger: Readonly<Record<string, { readonly tokens: number; readonly epochs: number }>>;
}

const FILE = "outcome.json";

/** Null where the run is not finished. @throws UserError where the outcome is of another plan. */
export async function outcomeOf(run: SweepRun): Promise<Outcome | null> {
  const path = join(run.plan.runFolder, FILE);
  if (await exists(path)) {
    const kept = parseJson(await readFile(path, "utf8"), path) as Outcome;
    if (kept.plan === fingerprintOf(run.source)) return kept;
    throw new UserError({
      what: `the run ${run.name} was made under another plan`,
      where: run.plan.runFolder,
      hint: "give the sweep another name, or remove that folder to make the run again",
    });
  }
  const last = (await listCheckpoints(run.plan.runFolder)).find(({ step }) => step === stepsOf(run));
  if (last === undefined) return null;
  const outcome = await readCheckpoint(run, last.folder);
  await writeFileAtomic(path, `${JSON.stringify(outcome)}\n`);
  return outcome;
}

async function readCheckpoint(run: SweepRun, folder: string): Promise<Outcome> {
  const { trainer } = await openCheckpoint(folder);
  const architecture = trainer.architecture as Architecture;
  const ledger = parseLedger(trainer.ledger);
  const before = trainer.startLedger === null ? null : parseLedger(trainer.startLedger);
  const evaluations = parseEvaluations(trainer.evaluations);
  const fresh = run.plan.begin.mode !== "continue";
  return {
    plan: fingerprintOf(run.source),
    parameters: countParameters(parameterTable(architecture)),
    flops: flopsOf(run, architecture),
    // Updates of a continued run count those of its base.
    skipped: fresh ? trainer.step - trainer.updates : 0,
    evaluations,
    ledger: Object.fromEntries(
      Object.entries(ledger.domains).map(([name, { tokens, epochs }]) => {
        const read = before === null ? 0 : (domainLedger(before, name)?.tokens ?? 0);
        return [name, { tokens: tokens - read, epochs }];
      }),
    ),
  };
}

/** Before the run is made, for the time that is left. */
export function plannedFlops(run: SweepRun, vocabulary: number): number {
  return flopsOf(run, architectureOf(run.plan.model, vocabulary));
}

function flopsOf({ plan: { stages } }: SweepRun, architecture: Architecture): number {
  return stages.reduce((sum, stage) => sum + stage.tokens * flopsPerToken(architecture, stage.sequenceLength), 0);
}

export function stepsOf({ plan: { stages } }: SweepRun): number {
  return stages.reduce((sum, { steps }) => sum + steps, 0);
}
