/**
 * The step `decontaminate`: takes out what the evaluation sets hold, by runs of words in common.
 * scan (each partition) → judge (once) → remove (each partition).
 */
import { UserError } from "../../base/errors.js";
import type { Step } from "../step.js";
import { evaluationFingerprints, readItems } from "./evaluation-files.js";
import { judgePhase } from "./judge.js";
import type { Evaluation } from "./overlaps.js";
import { removePhase } from "./remove.js";
import { RunIndex } from "./run-index.js";
import { scanPhase } from "./scan.js";
import type { ContaminationSettings } from "./settings.js";

/**
 * The files of the evaluation sets are read here for their fingerprints, and once more by the first phase that needs their runs: about 20 bytes
 * a word of them stay in memory.
 * @throws UserError for settings that mean nothing and for files that cannot be read.
 */
export async function decontaminateStep(settings: ContaminationSettings): Promise<Step> {
  checkSettings(settings);
  const files = await evaluationFingerprints(settings.sets);
  let loaded: Promise<Evaluation> | null = null;
  const load = (): Promise<Evaluation> => {
    loaded ??= loadEvaluation(settings);
    return loaded;
  };
  return {
    name: "decontaminate",
    settings: { ...settings, files },
    version: 1,
    phases: [scanPhase(settings, load), judgePhase(settings, load), removePhase(settings, load)],
  };
}

/** @throws UserError for files that cannot be read. */
export async function loadEvaluation({ sets, run, shortest }: ContaminationSettings): Promise<Evaluation> {
  const items: { set: string; where: string }[] = [];
  const texts: { texts: readonly string[] }[] = [];
  for (const set of sets)
    for await (const item of readItems(set)) {
      items.push({ set: set.name, where: item.where });
      texts.push(item);
    }
  return { items, index: new RunIndex(texts, run, shortest) };
}

function checkSettings({ sets, run, shortest, common, share, margin, shortestPiece }: ContaminationSettings): void {
  const whole = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;
  const rules: [ok: boolean, where: string, got: unknown, expected: string][] = [
    [whole(run, 1), "run", run, "a whole number of words from 1"],
    [whole(shortest, 1), "shortest", shortest, "a whole number of words from 1"],
    [common === null || whole(common, 1), "common", common, "a whole number of documents from 1"],
    [share >= 0 && share <= 1, "share", share, "0 to 1"],
    [whole(margin, 0), "margin", margin, "a whole number of characters"],
    [whole(shortestPiece, 0), "shortestPiece", shortestPiece, "a whole number of characters"],
    [
      new Set(sets.map(({ name }) => name)).size === sets.length,
      "sets",
      sets.map(({ name }) => name).join(", "),
      "each name once",
    ],
  ];
  const problems = rules
    .filter(([ok]) => !ok)
    .map(([, where, got, expected]) => ({
      what: "this setting of `decontaminate` cannot be used",
      where,
      got: `${got}`,
      expected,
    }));
  if (problems.length > 0) throw new UserError(problems);
}
