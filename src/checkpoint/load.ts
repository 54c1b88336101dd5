/** Opening checkpoints. Everything is verified before the first tensor is handed out; a damaged file is named, never worked around. */
import { basename, join } from "node:path";
import { messageOf, UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import { fingerprintOf } from "../base/fingerprint.js";
import type { TensorSource } from "../engine/engine.js";
import type { Architecture } from "../model/architecture.js";
import { fromHuggingFaceConfig } from "../model/hugging-face.js";
import {
  CONFIG_FILE,
  MANIFEST_FILE,
  MOMENTS_FILE,
  parseTrainerState,
  stepOfFolderName,
  TRAINER_FILE,
  type TrainerState,
  WEIGHTS_FILE,
} from "./format.js";
import { type JsonObject, readJsonObject } from "./json.js";
import { verifyCheckpoint, verifyFolder } from "./manifest.js";
import { listStepFolders, type StepFolder } from "./run-folder.js";
import { SafetensorsFile } from "./safetensors.js";
import { momentsOf, openWeightFiles, sourceOf } from "./tensor-files.js";
import { weightSetOf } from "./weight-set.js";

export interface OpenCheckpoint {
  readonly folder: string;
  readonly trainer: TrainerState;
  /** Hugging Face's `config.json`. */
  readonly config: JsonObject;
  /** The weights, in the order in which they were saved. */
  weights(): Iterable<TensorSource>;
  /** The moments, in the order in which they were saved. @throws UserError when something else is among them. */
  moments(): Iterable<TensorSource>;
}

/** The weights of a Hugging Face folder. */
export interface OpenWeights {
  readonly folder: string;
  readonly architecture: Architecture;
  /** Of `config.json`, and of the names, shapes and sizes in the files of weights; the weights themselves were not read. */
  readonly fingerprint: string;
  /** In words: tensors that are there and do not count. */
  readonly notes: readonly string[];
  /** The weights of the architecture, in the order of the files; nothing has been read yet. */
  weights(): Iterable<TensorSource>;
}

/** A run's checkpoints (folders with a manifest), by step. */
export async function listCheckpoints(runFolder: string): Promise<readonly StepFolder[]> {
  const found: StepFolder[] = [];
  for (const entry of await listStepFolders(runFolder))
    if (await exists(join(entry.folder, MANIFEST_FILE))) found.push(entry);
  return found;
}

/**
 * Verifies a checkpoint and opens it.
 * @throws UserError naming what is missing, short, altered, malformed or of another step than the folder's name says.
 */
export async function openCheckpoint(folder: string): Promise<OpenCheckpoint> {
  const { step } = await verifyFolder(folder);
  const trainerPath = join(folder, TRAINER_FILE);
  const trainer = parseTrainerState(await readJsonObject(trainerPath), trainerPath);
  const named = stepOfFolderName(basename(folder)) ?? step;
  if (trainer.step !== step || named !== step)
    throw new UserError({
      what: "the folder's name, its manifest and its trainer state are of different steps",
      where: folder,
      got: `${named}, ${step}, ${trainer.step}`,
    });
  const config = await readJsonObject(join(folder, CONFIG_FILE));
  const weights = SafetensorsFile.open(join(folder, WEIGHTS_FILE));
  const moments = SafetensorsFile.open(join(folder, MOMENTS_FILE));
  return {
    folder,
    trainer,
    config,
    weights: () => weights.tensors.map((entry) => sourceOf(weights, entry, { name: entry.name, kind: "weight" })),
    moments: () => momentsOf(moments),
  };
}

/**
 * The newest checkpoint that is whole, and what is wrong with every newer one, newest first: `--resume auto` warns about those.
 * Null when there is none.
 */
export async function newestWhole(
  runFolder: string,
): Promise<{ checkpoint: OpenCheckpoint | null; damaged: readonly { folder: string; why: string }[] }> {
  const damaged: { folder: string; why: string }[] = [];
  for (const { folder } of [...(await listStepFolders(runFolder))].reverse()) {
    try {
      return { checkpoint: await openCheckpoint(folder), damaged };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      damaged.push({ folder, why: messageOf(error) });
    }
  }
  return { checkpoint: null, damaged };
}

/**
 * Opens a folder for its weights only: any Hugging Face folder (`config.json` with `model.safetensors`, or with the several files that
 * an index lists). One of our checkpoints is such a folder, and is verified first.
 * @throws UserError when something is missing, damaged, given twice, unknown or of an architecture that is not covered.
 */
export async function openWeights(folder: string): Promise<OpenWeights> {
  if (await exists(join(folder, MANIFEST_FILE))) await verifyCheckpoint(folder);
  const configPath = join(folder, CONFIG_FILE);
  const config = await readJsonObject(configPath);
  const architecture = fromHuggingFaceConfig(config, configPath);
  const files = await openWeightFiles(folder);
  const tensors = files.flatMap((file) => file.tensors.map((entry) => ({ file, entry })));
  const { sources, notes } = await weightSetOf(architecture, tensors, folder);
  const fingerprint = fingerprintOf({
    config,
    files: files.map(({ path, bytes, tensors: entries }) => ({ name: basename(path), bytes, entries })),
  });
  return { folder, architecture, fingerprint, notes, weights: () => sources };
}
