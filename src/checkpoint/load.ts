/** Opening checkpoints. Everything is verified before the first tensor is handed out; a damaged file is named, never worked around. */
import { basename, join } from "node:path";
import { messageOf, UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import type { EngineTensor } from "../engine/engine.js";
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
import type { TensorEntry } from "./safetensors-header.js";
import { entriesOf, readMoments, readWeights, weightFiles } from "./tensor-files.js";

export interface OpenCheckpoint {
  readonly folder: string;
  readonly trainer: TrainerState;
  /** Hugging Face's `config.json`. */
  readonly config: JsonObject;
  /** Reads the weights one by one, in the order in which they were saved. */
  weights(): Iterable<EngineTensor>;
  /** Reads the moments one by one, in the order in which they were saved. */
  moments(): Iterable<EngineTensor>;
}

/** The weights of a Hugging Face folder. */
export interface OpenWeights {
  readonly folder: string;
  readonly architecture: Architecture;
  /** What the files hold; nothing has been read yet. */
  readonly entries: readonly TensorEntry[];
  /** Reads tensors one by one, all or those asked for; F16 and BF16 are widened. */
  weights(wanted?: (name: string) => boolean): Iterable<EngineTensor>;
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
  const weightsPath = join(folder, WEIGHTS_FILE);
  const momentsPath = join(folder, MOMENTS_FILE);
  for (const path of [weightsPath, momentsPath]) entriesOf(path);
  return {
    folder,
    trainer,
    config,
    weights: () => readWeights(weightsPath, () => true),
    moments: () => readMoments(momentsPath),
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
 * @throws UserError when something is missing, damaged, given twice or of an architecture that is not covered.
 */
export async function openWeights(folder: string): Promise<OpenWeights> {
  if (await exists(join(folder, MANIFEST_FILE))) await verifyCheckpoint(folder);
  const configPath = join(folder, CONFIG_FILE);
  const architecture = fromHuggingFaceConfig(await readJsonObject(configPath), configPath);
  const files = await weightFiles(folder);
  const entries = files.flatMap(entriesOf);
  const names = new Set<string>();
  for (const { name } of entries) {
    if (names.has(name)) throw new UserError({ what: `tensor "${name}" is in two files`, where: folder });
    names.add(name);
  }
  return {
    folder,
    architecture,
    entries,
    *weights(wanted = () => true) {
      for (const file of files) yield* readWeights(file, wanted);
    },
  };
}
