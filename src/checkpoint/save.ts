/**
 * Saving: everything is written into a folder beside the final one, flushed file by file, the manifest last; then the folder takes
 * its name in one rename. Killed at any instant, the run folder still holds the previous checkpoint whole.
 */
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { asDiskError, makeFolder, partialName, syncFolder } from "../base/files.js";
import type { Piece } from "../engine/engine.js";
import {
  type CheckpointContent,
  CONFIG_FILE,
  FORMAT,
  isFileName,
  MANIFEST_FILE,
  MOMENTS_FILE,
  REQUIRED_FILES,
  type SavedTensor,
  TRAINER_FILE,
  WEIGHTS_FILE,
} from "./format.js";
import { copyHashed, type FileRecord, writeHashed } from "./hashed-file.js";
import { encodeJson } from "./json.js";
import { encodeManifest } from "./manifest.js";
import { checkpointFolder, moveAside } from "./run-folder.js";
import { writeSafetensors } from "./safetensors.js";
import { storedSpec } from "./tensor-files.js";

/**
 * Writes `<runFolder>/step-…` and returns its path. A checkpoint of the same step is replaced.
 * @throws UserError when the disk is full, the folder cannot be written or an attachment is missing; earlier checkpoints stay whole.
 * @throws Error when the content contradicts itself.
 */
export async function saveCheckpoint(runFolder: string, content: CheckpointContent): Promise<string> {
  checkContent(content);
  const final = checkpointFolder(runFolder, content.step);
  const partial = partialName(final);
  await makeFolder(runFolder);
  try {
    await mkdir(partial);
    await writeFiles(partial, content);
    await publish(runFolder, partial, final);
  } catch (error) {
    // If this fails too, the left-over cannot be taken for a checkpoint, and the next start removes it.
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw asDiskError(error, final);
  }
  return final;
}

async function writeFiles(partial: string, content: CheckpointContent): Promise<void> {
  const { step, config, weights, moments, trainer, attachments } = content;
  const files: Record<string, FileRecord> = {};
  const writeText = (name: string, text: string) => writeHashed(join(partial, name), (sink) => sink(Buffer.from(text)));
  const writeTensors = (name: string, tensors: readonly SavedTensor[]) =>
    writeHashed(join(partial, name), (sink) => writeSafetensors(sink, tensors.map(storedSpec), valuesOf(tensors)));

  files[CONFIG_FILE] = await writeText(CONFIG_FILE, encodeJson(config));
  files[WEIGHTS_FILE] = await writeTensors(WEIGHTS_FILE, weights);
  files[MOMENTS_FILE] = await writeTensors(MOMENTS_FILE, moments);
  files[TRAINER_FILE] = await writeText(TRAINER_FILE, encodeJson(trainer));
  for (const [name, source] of Object.entries(attachments)) files[name] = await copyHashed(source, join(partial, name));
  await writeText(MANIFEST_FILE, encodeManifest({ format: FORMAT, step, files }));
  await syncFolder(partial);
}

async function* valuesOf(tensors: readonly SavedTensor[]): AsyncGenerator<Piece> {
  for (const tensor of tensors)
    if ("data" in tensor) yield tensor.data;
    else yield* tensor.pieces();
}

/**
 * Gives a finished folder its final name in `parent`. A folder cannot be renamed over another, so an older one of this name steps aside
 * first; should a run die between the two renames, `cleanLeftovers` puts its checkpoint back.
 */
export async function publish(parent: string, partial: string, final: string): Promise<void> {
  const replaced = await moveAside(final, "replaced");
  try {
    await rename(partial, final);
  } catch (error) {
    if (replaced !== null) await rename(replaced, final);
    throw error;
  }
  await syncFolder(parent);
  if (replaced !== null) await rm(replaced, { recursive: true, force: true });
}

function checkContent({ step, weights, moments, trainer, attachments }: CheckpointContent): void {
  if (!Number.isSafeInteger(step) || step < 0 || step !== trainer.step)
    throw new Error(`step ${step} of a checkpoint, step ${trainer.step} of its trainer state`);
  for (const { name, kind } of weights)
    if (kind !== "weight") throw new Error(`${kind} of "${name}" among the weights`);
  for (const { name, kind } of moments)
    if (kind !== "moment1" && kind !== "moment2") throw new Error(`${kind} of "${name}" among the moments`);
  const reserved: readonly string[] = [...REQUIRED_FILES, MANIFEST_FILE];
  for (const name of Object.keys(attachments))
    if (!isFileName(name) || reserved.includes(name))
      throw new Error(`"${basename(name)}" cannot be attached under this name`);
}
