/**
 * The step `dedup`: exact and near duplicates within and across domains, and lines or paragraphs that the corpus repeats.
 * sign (each partition) → match (each share of the hashes) → decide (once) → repeats (each share) → apply (each partition).
 *
 * Copies are looked for in the texts as they come, pieces are counted in what stays. So a second run over the result finds no copy, and no
 * piece, except that texts may have become alike by what was cut out of them, and except in documents with more candidates than are compared.
 */
import { UserError } from "../../base/errors.js";
import type { Step } from "../step.js";
import { applyPhase } from "./apply.js";
import { decidePhase } from "./decide.js";
import { matchPhase } from "./match.js";
import { repeatsPhase } from "./repeats.js";
import type { DedupSettings } from "./settings.js";
import { signPhase } from "./sign.js";

/** @throws UserError for settings that mean nothing. */
export function dedupStep(settings: DedupSettings): Step {
  checkSettings(settings);
  const { repeats, memory } = settings;
  return {
    name: "dedup",
    // How much memory there is does not change what comes out.
    settings: { ...settings, memory: null },
    version: 1,
    phases: [
      signPhase(settings),
      matchPhase(settings),
      decidePhase(settings),
      ...(repeats === null ? [] : [repeatsPhase(repeats, memory)]),
      applyPhase(settings),
    ],
  };
}

function checkSettings({ near, repeats, memory }: DedupSettings): void {
  const whole = (value: number, least: number, most: number): boolean =>
    Number.isSafeInteger(value) && value >= least && value <= most;
  const rules: [ok: boolean, where: string, got: unknown, expected: string][] = [
    [whole(memory, 1, 2 ** 53), "memory", memory, "bytes"],
  ];
  if (near !== null)
    rules.push(
      [near.similarity > 0 && near.similarity <= 1, "near.similarity", near.similarity, "above 0, at most 1"],
      [whole(near.shingle, 1, 1000), "near.shingle", near.shingle, "1 to 1000 words"],
      [whole(near.bands, 1, 1000), "near.bands", near.bands, "1 to 1000"],
      [whole(near.rows, 1, 100), "near.rows", near.rows, "1 to 100"],
    );
  if (repeats !== null)
    rules.push(
      [whole(repeats.times, 1, 2 ** 53), "repeats.times", repeats.times, "a whole number from 1"],
      [repeats.keep >= 0 && repeats.keep <= 1, "repeats.keep", repeats.keep, "0 to 1"],
    );
  const problems = rules
    .filter(([ok]) => !ok)
    .map(([, where, got, expected]) => ({
      what: "this setting of `dedup` cannot be used",
      where,
      got: `${got}`,
      expected,
    }));
  if (problems.length > 0) throw new UserError(problems);
}
