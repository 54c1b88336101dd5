/** A trained model brought back into an engine, for evaluation and generation. */
import { UserError } from "./base/errors.js";
import type { TrainerState } from "./checkpoint/format.js";
import { newestWhole, openWeights } from "./checkpoint/load.js";
import type { Plan } from "./config/plan.js";
import type { Engine } from "./engine/engine.js";
import { createEngine } from "./engine/select.js";
import { fromHuggingFaceConfig } from "./model/hugging-face.js";

export interface LoadedModel {
  /** Owned by the caller. */
  readonly engine: Engine;
  readonly folder: string;
  /** Null for a Hugging Face folder that no run of ours wrote. */
  readonly trainer: TrainerState | null;
  /** Fingerprint of the tokenizer that it was trained with; null when unknown. */
  readonly tokenizer: string | null;
}

/** @param checkpoint a folder, or null for the newest whole checkpoint of the plan's run. */
export async function loadModel(plan: Plan, checkpoint: string | null): Promise<LoadedModel> {
  const folder = checkpoint ?? (await newestFolder(plan));
  const opened = await openWeights(folder);
  const { engine } = await createEngine(fromHuggingFaceConfig(opened.config), plan.engine);
  try {
    engine.load(opened.weights());
  } catch (error) {
    engine[Symbol.dispose]();
    throw error;
  }
  return { engine, folder, trainer: opened.trainer, tokenizer: opened.trainer?.fingerprints.tokenizer ?? null };
}

async function newestFolder(plan: Plan): Promise<string> {
  const { checkpoint } = await newestWhole(plan.runFolder);
  if (checkpoint !== null) return checkpoint.folder;
  throw new UserError({
    what: `the run \`${plan.run}\` has no whole checkpoint`,
    where: plan.runFolder,
    hint: "train it first, or name one with --checkpoint",
  });
}
