/** The folder to be made: whether it may be, or be made anew. Replacing removes what was there, so only what an export could have made is. */
import { lstat, mkdir, readdir, realpath, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode, UserError } from "../base/errors.js";
import { asDiskError } from "../base/files.js";
import { CONFIG_FILE, MANIFEST_FILE } from "../checkpoint/format.js";

/**
 * @param sources folders that are read, and therefore stay.
 * @throws UserError when something is there that is not to be replaced.
 */
export async function checkOutput(output: string, sources: readonly string[], force: boolean): Promise<void> {
  if (!(await isThere(output))) return;
  if (!force)
    throw new UserError({ what: "this is there already", where: output, hint: "name another folder, or add --force" });
  const real = await realpath(output).catch(() => output);
  const read = await Promise.all(sources.map((source) => realpath(source)));
  const why = read.includes(real) ? "it is read to make the new one" : await whyKept(output);
  if (why !== null)
    throw new UserError({
      what: `this is not replaced: ${why}`,
      where: output,
      hint: "--force replaces an exported folder only; name another, or move this one away",
    });
}

/**
 * Makes the folder that the output will stand in.
 * @returns how to take back what was made, where it is still empty.
 * @throws UserError when a file is in the way or the place cannot be written.
 */
export async function makeParent(output: string): Promise<() => Promise<void>> {
  const parent = dirname(output);
  try {
    const first = await mkdir(parent, { recursive: true });
    return async () => {
      for (let made = parent; first !== undefined && made.length >= first.length; made = dirname(made))
        await rmdir(made).catch(() => undefined);
    };
  } catch (error) {
    if (systemCode(error) === "EEXIST" || systemCode(error) === "ENOTDIR")
      throw new UserError({ what: "a file is where a folder should be", where: parent }, { cause: error });
    throw asDiskError(error, parent);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT") return false;
    if (code === null) throw error;
    throw new UserError({ what: `this place cannot be looked at (${code})`, where: path }, { cause: error });
  }
}

async function whyKept(folder: string): Promise<string | null> {
  if (!(await lstat(folder)).isDirectory()) return "it is not a folder";
  const entries = await readdir(folder, { withFileTypes: true });
  const other = entries.find((entry) => !entry.isFile());
  if (other !== undefined) return `${join(folder, other.name)} is not a plain file`;
  if (entries.some(({ name }) => name === MANIFEST_FILE)) return "it is a checkpoint of a run";
  return entries.some(({ name }) => name === CONFIG_FILE) ? null : `it has no ${CONFIG_FILE}`;
}
