/**
 * The folder of a run: its checkpoints, and what stands beside them. A checkpoint under its final name is whole;
 * one that is being written, replaced or removed has a longer name:
 * `step-….partial-…` (being written), `step-….expired-…` (being removed), `step-….replaced-…` (a newer one takes its name).
 */
import { randomBytes } from "node:crypto";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../base/errors.js";
import { namesIn } from "../base/files.js";
import { stepFolderName, stepOfFolderName } from "./format.js";

export interface StepFolder {
  readonly step: number;
  readonly folder: string;
}

/** Folders with a checkpoint's name, by step, whether or not they hold one. None when the run folder does not exist. */
export async function listStepFolders(runFolder: string): Promise<readonly StepFolder[]> {
  const found: StepFolder[] = [];
  for (const name of await namesIn(runFolder)) {
    const step = stepOfFolderName(name);
    if (step !== null) found.push({ step, folder: join(runFolder, name) });
  }
  return found.sort((a, b) => a.step - b.step);
}

/** Renames a checkpoint so that it no longer counts as one, and returns its new path; null when there is none. */
export async function moveAside(folder: string, why: "expired" | "replaced"): Promise<string | null> {
  const aside = `${folder}.${why}-${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    await rename(folder, aside);
    return aside;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** Path of a step's checkpoint. */
export function checkpointFolder(runFolder: string, step: number): string {
  return join(runFolder, stepFolderName(step));
}
