/** A folder that is replaced as a whole: filled beside its place, then moved there with two renames. */
import { rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { exists, syncFolder } from "./files.js";

/** Where the new content of `place` is gathered. Hidden, so that it is taken for nothing else. */
export function asideOf(place: string): string {
  return beside(place, "partial");
}

/** Moves the folder gathered beside `place` there. Stopped between its renames, `recoverFolder` does the second. */
export async function swapFolder(place: string): Promise<void> {
  const old = beside(place, "old");
  if (await exists(place)) {
    await rm(old, { recursive: true, force: true });
    await rename(place, old);
  }
  await rename(asideOf(place), place);
  await syncFolder(dirname(place));
  await rm(old, { recursive: true, force: true });
}

/**
 * Ends an exchange that was cut short. To be called before anything looks at `place`.
 * @param lastFile the file that is written last: a folder that has it is whole.
 */
export async function recoverFolder(place: string, lastFile: string): Promise<void> {
  if (await exists(join(asideOf(place), lastFile))) await swapFolder(place);
  else if (!(await exists(place)) && (await exists(beside(place, "old")))) await rename(beside(place, "old"), place);
  await rm(beside(place, "old"), { recursive: true, force: true });
}

function beside(place: string, state: "partial" | "old"): string {
  return join(dirname(place), `.${basename(place)}.${state}`);
}
