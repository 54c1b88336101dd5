/** A trained model brought back into an engine, for evaluation and generation. */
import { join } from "node:path";
import { UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import { MANIFEST_FILE, type TrainerState } from "../checkpoint/format.js";
import { newestWhole, openCheckpoint, openWeights } from "../checkpoint/load.js";
import type { Plan } from "../config/plan.js";
import type { Engine } from "../engine/engine.js";
import { createEngine, type EngineOptions, type Places } from "../engine/select.js";
import type { Architecture } from "../model/architecture.js";
import { fromHuggingFaceConfig } from "../model/hugging-face.js";
import { parameterTable } from "../model/parameters.js";
import { engineOptionsOf } from "./memory.js";

export interface LoadedModel {
  /** Owned by the caller. */
  readonly engine: Engine;
  readonly architecture: Architecture;
  readonly folder: string;
  /** Null for a Hugging Face folder that no run of ours wrote. */
  readonly trainer: TrainerState | null;
  /** Fingerprint of the tokenizer that it was trained with; null when unknown. */
  readonly tokenizer: string | null;
}

/** Takes a line about what is being loaded. */
export type LoadReport = (line: string) => void;

/**
 * @param checkpoint a folder, or null for the newest whole checkpoint of the plan's run.
 * @param places where a card's libraries may be.
 */
export async function loadModel(
  plan: Plan,
  checkpoint: string | null,
  places?: Places,
  report?: LoadReport,
): Promise<LoadedModel> {
  return loadFolder(checkpoint ?? (await newestFolder(plan)), engineOptionsOf(plan, places), report);
}

/** @param folder a checkpoint or a Hugging Face folder. */
export async function loadFolder(
  folder: string,
  options: EngineOptions,
  report: LoadReport = () => {},
): Promise<LoadedModel> {
  report(`opening ${folder}`);
  const { architecture, weights, trainer } = await openModel(folder);
  const table = parameterTable(architecture);
  const { engine } = await createEngine(architecture, table, { report, ...options, purpose: "evaluation" });
  try {
    engine.load(counted(weights(), (done) => report(`loading ${folder}: tensor ${done} of ${table.length}`)));
  } catch (error) {
    engine[Symbol.dispose]();
    throw error;
  }
  return { engine, architecture, folder, trainer, tokenizer: trainer?.fingerprints.tokenizer ?? null };
}

function* counted<Item>(items: Iterable<Item>, onItem: (done: number) => void): Iterable<Item> {
  let done = 0;
  for (const item of items) {
    onItem(++done);
    yield item;
  }
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
