/** Which checkpoints to keep; removing the others, and what killed runs left, so that nothing half-removed passes for a checkpoint. */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { asDiskError, exists, namesIn, syncFolder } from "../base/files.js";
import { stepOfFolderName } from "./format.js";
import { listCheckpoints } from "./load.js";
import { verifyCheckpoint } from "./manifest.js";
import { checkpointFolder, moveAside } from "./run-folder.js";

export interface RetentionPolicy {
  /** Newest checkpoints kept; at least one always is. */
  readonly keepLast: number;
  /** Checkpoints at multiples of this many steps are kept for good; null: none. */
  readonly keepEvery: number | null;
}

/** The steps to remove, ascending: all but the newest `keepLast` and the multiples of `keepEvery`. Never the newest. */
export function expired(steps: readonly number[], { keepLast, keepEvery }: RetentionPolicy): readonly number[] {
  const ascending = [...new Set(steps)].sort((a, b) => a - b);
  const older = ascending.slice(0, Math.max(0, ascending.length - Math.max(1, keepLast)));
  return keepEvery === null ? older : older.filter((step) => step % keepEvery !== 0);
}

/**
 * Removes a run's expired checkpoints and returns their steps. Call it after a successful save only: then the newest is whole.
 * @throws UserError when the folder cannot be written.
 */
export async function applyRetention(runFolder: string, policy: RetentionPolicy): Promise<readonly number[]> {
  const steps = (await listCheckpoints(runFolder)).map(({ step }) => step);
  const removed = expired(steps, policy);
  try {
    for (const step of removed) {
      const aside = await moveAside(checkpointFolder(runFolder, step), "expired");
      await syncFolder(runFolder);
      if (aside !== null) await rm(aside, { recursive: true, force: true });
    }
  } catch (error) {
    throw asDiskError(error, runFolder);
  }
  return removed;
}

/**
 * Removes what killed runs left half-written or half-removed, and puts back a checkpoint whose replacement never arrived.
 * Call it at start with the run's lock held: whatever is found then belongs to a dead run. Returns the names dealt with.
 */
export async function cleanLeftovers(runFolder: string): Promise<readonly string[]> {
  const dealtWith: string[] = [];
  for (const name of await namesIn(runFolder)) {
    const leftover = /^(.+)\.(partial|expired|replaced)-\d+-[0-9a-f]{8}$/.exec(name);
    if (leftover === null) continue;
    const [, final = "", why = ""] = leftover;
    if (why !== "partial" && stepOfFolderName(final) === null) continue;
    const path = join(runFolder, name);
    try {
      if (why === "replaced" && (await isWorthRestoring(path, join(runFolder, final))))
        await rename(path, join(runFolder, final));
      else await rm(path, { recursive: true, force: true });
    } catch (error) {
      throw asDiskError(error, path);
    }
    dealtWith.push(name);
  }
  if (dealtWith.length > 0) await syncFolder(runFolder);
  return dealtWith;
}

async function isWorthRestoring(aside: string, final: string): Promise<boolean> {
  if (await exists(final)) return false;
  return verifyCheckpoint(aside).then(
    () => true,
    () => false,
  );
}
