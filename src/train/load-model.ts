/** A trained model brought back into an engine, for evaluation and generation. */
import { join } from "node:path";
import { UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import { MANIFEST_FILE, type TrainerState } from "../checkpoint/format.js";
import { newestWhole, openCheckpoint, openWeights } from "../checkpoint/load.js";
import type { Plan } from "../config/plan.js";
import { loadTokenizer } from "../data/tokenizer/tokenizer.js";
import type { Engine, TensorSource } from "../engine/engine.js";
import { createEngine, type EngineOptions, type Places } from "../engine/select.js";
import { type Architecture, architectureOf } from "../model/architecture.js";
import { fromHuggingFaceConfig } from "../model/hugging-face.js";
import { parameterTable } from "../model/parameters.js";
import { openBaseWeights } from "./base-weights.js";
import { engineOptionsOf } from "./memory.js";

export interface LoadedModel {
  /** Owned by the caller. */
  readonly engine: Engine;
  readonly architecture: Architecture;
  readonly folder: string;
  /** The run has no checkpoint yet: this is what it begins with. */
  readonly isBase: boolean;
  /** Null for a Hugging Face folder that no run of ours wrote. */
  readonly trainer: TrainerState | null;
  /** Fingerprint of the tokenizer that it was trained with; null when unknown. */
  readonly tokenizer: string | null;
}

/** Takes a line about what is being loaded. */
export type LoadReport = (line: string) => void;

/**
 * @param checkpoint a folder, or null for the newest whole checkpoint of the plan's run, and before it has one the model that it continues.
 * @param places where a card's libraries may be.
 */
export async function loadModel(
  plan: Plan,
  checkpoint: string | null,
  places?: Places,
  report?: LoadReport,
): Promise<LoadedModel> {
  const folder = checkpoint ?? (await newestFolder(plan));
  const options = engineOptionsOf(plan, places);
  if (folder !== null) return loadFolder(folder, options, report);
  return { ...(await loaded({ ...(await openBase(plan)), folder: baseOf(plan) }, options, report)), isBase: true };
}

/** @param folder a checkpoint or a Hugging Face folder. */
export async function loadFolder(folder: string, options: EngineOptions, report?: LoadReport): Promise<LoadedModel> {
  return loaded({ ...(await openModel(folder)), folder }, options, report);
}

interface OpenModel {
  readonly folder: string;
  readonly architecture: Architecture;
  readonly weights: () => Iterable<TensorSource>;
  readonly trainer: TrainerState | null;
}

async function loaded(
  { folder, architecture, weights, trainer }: OpenModel,
  options: EngineOptions,
  report: LoadReport = () => {},
): Promise<LoadedModel> {
  report(`opening ${folder}`);
  const table = parameterTable(architecture);
  const { engine } = await createEngine(architecture, table, { report, ...options, purpose: "evaluation" });
  let done = 0;
  const told = (source: TensorSource): TensorSource => ({
    ...source,
    pieces: () => {
      report(`loading ${folder}: tensor ${++done} of ${table.length}`);
      return source.pieces();
    },
  });
  try {
    await engine.load([...weights()].map(told));
  } catch (error) {
    engine[Symbol.dispose]();
    throw error;
  }
  const tokenizer = trainer?.fingerprints.tokenizer ?? null;
  return { engine, architecture, folder, isBase: false, trainer, tokenizer };
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
