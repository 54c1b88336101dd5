/** A trained model brought back into an engine, for evaluation and generation. */
import { join } from "node:path";
import { UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import { MANIFEST_FILE, type TrainerState } from "../checkpoint/format.js";
import { newestWhole, openCheckpoint, openWeights } from "../checkpoint/load.js";
import type { Plan } from "../config/plan.js";
import type { Engine } from "../engine/engine.js";
import { createEngine, type Places } from "../engine/select.js";
import { fromHuggingFaceConfig } from "../model/hugging-face.js";
import { parameterTable } from "../model/parameters.js";
import { engineOptionsOf } from "./memory.js";

export interface LoadedModel {
  /** Owned by the caller. */
  readonly engine: Engine;
  readonly folder: string;
  /** Null for a Hugging Face folder that no run of ours wrote. */
  readonly trainer: TrainerState | null;
  /** Fingerprint of the tokenizer that it was trained with; null when unknown. */
  readonly tokenizer: string | null;
}

/**
 * @param checkpoint a folder, or null for the newest whole checkpoint of the plan's run.
 * @param places where a card's libraries may be.
 */
export async function loadModel(plan: Plan, checkpoint: string | null, places?: Places): Promise<LoadedModel> {
  const folder = checkpoint ?? (await newestFolder(plan));
  const { architecture, weights, trainer } = await openModel(folder);
  const { engine } = await createEngine(architecture, parameterTable(architecture), {
    ...engineOptionsOf(plan, places),
    purpose: "evaluation",
  });
  try {
    engine.load(weights());
  } catch (error) {
    engine[Symbol.dispose]();
    throw error;
  }
  return { engine, folder, trainer, tokenizer: trainer?.fingerprints.tokenizer ?? null };
}

async function openModel(folder: string) {
  if (!(await exists(join(folder, MANIFEST_FILE)))) return { ...(await openWeights(folder)), trainer: null };
  const { config, weights, trainer } = await openCheckpoint(folder);
  return { architecture: fromHuggingFaceConfig(config), weights, trainer };
}

/** The newest whole checkpoint of the plan's run. @throws UserError when there is none. */
export async function newestFolder(plan: Plan): Promise<string> {
  const { checkpoint } = await newestWhole(plan.runFolder);
  if (checkpoint !== null) return checkpoint.folder;
  throw new UserError({
    what: `the run \`${plan.run}\` has no whole checkpoint`,
    where: plan.runFolder,
    hint: "train it first, or name one with --checkpoint",
  });
}
