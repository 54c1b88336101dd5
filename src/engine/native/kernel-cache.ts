/**
 * Compiled kernels on disk. A file is named after its key (everything that it was made from) and after its own hash, so that a stale one
 * is never found, a damaged one is recognised, and two processes that compile at once cannot mix their files.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UserError } from "../../base/errors.js";
import { writeFileAtomic } from "../../base/files.js";
import { hashFile, sha256 } from "../../base/fingerprint.js";

export interface CacheEntry {
  readonly folder: string;
  /** Text without `-` and `/`. */
  readonly key: string;
  /** Such as `so`. */
  readonly extension: string;
}

/** A whole file under this key, or null; damaged ones are removed. */
export async function findCached(
  { folder, key, extension }: CacheEntry,
  report: (line: string) => void,
): Promise<string | null> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((one) => one.startsWith(`${key}-`) && one.endsWith(`.${extension}`))) {
    const path = join(folder, name);
    const hash = await hashFile(path).catch(() => null);
    if (name === `${key}-${hash}.${extension}`) return path;
    report(`the compiled kernels in ${path} are damaged; compiling them again`);
    await rm(path, { force: true, recursive: true });
  }
  return null;
}

/** Writes a file under this key and gives its path. @throws UserError when the folder cannot be written. */
export async function storeCached({ folder, key, extension }: CacheEntry, content: Uint8Array): Promise<string> {
  const path = join(folder, `${key}-${sha256(content)}.${extension}`);
  await writeFileAtomic(path, content).catch((error: unknown) => {
    throw new UserError(
      {
        what: "the compiled kernels cannot be stored",
        where: folder,
        got: messageOf(error),
        hint: "make this folder writable for you",
      },
      { cause: error },
    );
  });
  return path;
}
