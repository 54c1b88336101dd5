/** A trained model brought back into an engine, for evaluation and generation. */
import { join } from "node:path";
import { UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import { MANIFEST_FILE, type TrainerState } from "../checkpoint/format.js";
import { newestWhole, openCheckpoint, openWeights } from "../checkpoint/load.js";
import type { Plan } from "../config/plan.js";
import { loadTokenizer } from "../data/tokenizer/tokenizer.js";
import type { Engine } from "../engine/engine.js";
import { createEngine, type Places } from "../engine/select.js";
import { architectureOf } from "../model/architecture.js";
import { fromHuggingFaceConfig } from "../model/hugging-face.js";
import { parameterTable } from "../model/parameters.js";
import { openBaseWeights } from "./base-weights.js";
import { engineOptionsOf } from "./memory.js";

export interface LoadedModel {
  /** Owned by the caller. */
  readonly engine: Engine;
  readonly folder: string;
  /** The run has no checkpoint yet: this is what it begins with. */
  readonly isBase: boolean;
  /** Null for a Hugging Face folder that no run of ours wrote. */
  readonly trainer: TrainerState | null;
  /** Fingerprint of the tokenizer that it was trained with; null when unknown. */
  readonly tokenizer: string | null;
}

/**
 * @param checkpoint a folder, or null for the newest whole checkpoint of the plan's run, and before it has one the model that it continues.
 * @param places where a card's libraries may be.
 */
export async function loadModel(plan: Plan, checkpoint: string | null, places?: Places): Promise<LoadedModel> {
  const folder = checkpoint ?? (await newestFolder(plan));
  const { architecture, weights, trainer } = folder === null ? await openBase(plan) : await openModel(folder);
  const { engine } = await createEngine(architecture, parameterTable(architecture), {
    ...engineOptionsOf(plan, places),
    purpose: "evaluation",
  });
  try {
    await engine.load(weights());
  } catch (error) {
    engine[Symbol.dispose]();
    throw error;
  }
  const tokenizer = trainer?.fingerprints.tokenizer ?? null;
  return { engine, folder: folder ?? baseOf(plan), isBase: folder === null, trainer, tokenizer };
}

async function openModel(folder: string) {
  if (!(await exists(join(folder, MANIFEST_FILE)))) return { ...(await openWeights(folder)), trainer: null };
  const { config, weights, trainer } = await openCheckpoint(folder);
  return { architecture: fromHuggingFaceConfig(config), weights, trainer };
}

/** The model that the run will begin with, with rows for the tokens that the plan adds. */
async function openBase(plan: Plan) {
  const { vocabulary } = await loadTokenizer(plan.data.tokenizer.path);
  const architecture = architectureOf(plan.model, vocabulary);
  const { tensors } = await openBaseWeights(plan, architecture, baseOf(plan));
  return { architecture, weights: () => tensors, trainer: null };
}

function baseOf({ begin }: Plan): string {
  if (begin.mode === "weights") return begin.from;
  throw new Error("this plan begins with nobody's weights");
}

/** Null: the run has none yet, and begins with somebody's weights. */
async function newestFolder(plan: Plan): Promise<string | null> {
  const { checkpoint, damaged } = await newestWhole(plan.runFolder);
  if (checkpoint !== null) return checkpoint.folder;
  if (damaged.length === 0 && plan.model.from !== null && plan.begin.mode === "weights") return null;
  throw noCheckpoint(plan);
}

/** The newest whole checkpoint of the plan's run. @throws UserError when there is none. */
export async function newestCheckpoint(plan: Plan): Promise<string> {
  const { checkpoint } = await newestWhole(plan.runFolder);
  if (checkpoint === null) throw noCheckpoint(plan);
  return checkpoint.folder;
}

function noCheckpoint({ run, runFolder }: Plan): UserError {
  return new UserError({
    what: `the run \`${run}\` has no whole checkpoint`,
    where: runFolder,
    hint: "train it first, or name one with --checkpoint",
  });
}
