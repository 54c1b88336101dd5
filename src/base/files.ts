/** Files that are whole or absent: written aside, flushed to the disk, then renamed. */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, type FileHandle, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode, UserError } from "./errors.js";

/** Flushes a folder's entries, so that a rename inside it survives a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A name beside `path` that no other process uses. Left-overs start with the file's name, then `.partial-`. */
export function partialName(path: string): string {
  return `${path}.partial-${process.pid}-${randomBytes(4).toString("hex")}`;
}

/**
 * Writes a file atomically: `write` fills a file beside it, which is flushed and renamed over `path`.
 * Whatever stops it, `path` holds the old content or the new, never part of one.
 * @throws UserError when the disk is full or the folder cannot be written.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | ((file: FileHandle) => Promise<void>),
): Promise<void> {
  const partial = partialName(path);
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(partial, "wx");
    try {
      if (typeof content === "function") await content(file);
      else await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(partial, { force: true });
    throw asDiskError(error, path);
  }
}

/** Turns "no space left", "read-only" and "permission denied" into a UserError that names the path; returns anything else unchanged. */
export function asDiskError(error: unknown, path: string): unknown {
  switch (systemCode(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return new UserError(
        {
          what: "the disk is full; nothing was changed",
          where: path,
          hint: "free some space and run the command again",
        },
        { cause: error },
      );
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new UserError(
        { what: "this place cannot be written", where: path, hint: "check the folder's owner and permissions" },
        { cause: error },
      );
    default:
      return error;
  }
}

/** Creates a folder where it is missing, for good. @throws UserError when a file is in the way or the place cannot be written. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    const created = await mkdir(folder, { recursive: true });
    if (created !== undefined) await syncFolder(dirname(created));
  } catch (error) {
    if (systemCode(error) === "EEXIST" || systemCode(error) === "ENOTDIR")
      throw new UserError({ what: "a file is where a folder should be", where: folder }, { cause: error });
    throw asDiskError(error, folder);
  }
}

/** Names in a folder, sorted; none when it does not exist. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT") return [];
    if (code === null) throw error;
    throw new UserError({ what: `cannot read this folder (${code})`, where: folder }, { cause: error });
  }
}

/** Whether something exists at `path`. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/**
 * Reads and parses a JSON file. The shape is for the caller to check.
 * @throws UserError when the file is absent, unreadable or not JSON.
 */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new UserError(
      { what: `cannot read this file (${systemCode(error) ?? "unknown error"})`, where: path },
      { cause: error },
    );
  });
  return parseJson(text, path);
}

/** @throws UserError when the text of the file at `path` is not JSON. */
export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError({ what: "this file is not valid JSON", where: path, got: String(error) }, { cause: error });
  }
}
