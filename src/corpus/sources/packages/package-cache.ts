/**
 * Pinned npm packages in a local cache. `npm pack` does the fetching, so the user's own npm configuration decides where from;
 * what it brings, and what lies in the cache, is used only when its SHA-512 is the pinned one.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf, systemCode, UserError } from "../../../base/errors.js";
import type { PinnedPackage } from "../../../config/forge-plan.js";

export type { PinnedPackage };

export type Progress = (line: string) => void;

/** Runs `npm pack` for these `name@version`, leaving the tarballs in a folder. Replaced in tests, which use no network. */
export type Pack = (specifications: readonly string[], folder: string) => Promise<void>;

/** The integrity string of a file, read in pieces. */
export async function integrityOf(path: string): Promise<string> {
  const hash = createHash("sha512");
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece as Uint8Array);
  return `sha512-${hash.digest("base64")}`;
}

/** The name that `npm pack` gives a tarball. */
export function tarballName({ name, version }: PinnedPackage): string {
  return `${name.replace(/^@/, "").replace("/", "-")}-${version}.tgz`;
}

/**
 * Brings every package that is not in the cache, or is there with other bytes than the pinned ones.
 * @throws UserError when npm cannot fetch one, or brings other bytes than the pinned ones.
 */
export async function fillCache(
  cache: string,
  packages: readonly PinnedPackage[],
  progress: Progress,
  pack: Pack = npmPack,
): Promise<void> {
  const missing: PinnedPackage[] = [];
  for (const pinned of packages) {
    const state = await cachedState(join(cache, tarballName(pinned)), pinned);
    if (state === "damaged")
      progress(`${pinned.name} ${pinned.version}: the cached tarball is not the pinned one, fetching it anew`);
    if (state !== "good") missing.push(pinned);
  }
  if (missing.length === 0) return;
  progress(`fetching ${missing.map(({ name, version }) => `${name}@${version}`).join(" ")}`);
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "fetch-"));
  try {
    await pack(
      missing.map(({ name, version }) => `${name}@${version}`),
      folder,
    );
    for (const pinned of missing)
      await adopt(join(folder, tarballName(pinned)), join(cache, tarballName(pinned)), pinned);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws UserError when the cached tarball is absent or has other bytes than the pinned ones. */
export async function verifyPackage(cache: string, pinned: PinnedPackage): Promise<void> {
  await verify(join(cache, tarballName(pinned)), pinned);
}

async function cachedState(path: string, pinned: PinnedPackage): Promise<"good" | "damaged" | "absent"> {
  try {
    return (await integrityOf(path)) === pinned.integrity ? "good" : "damaged";
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "absent";
    throw new UserError(
      { what: `cannot read the cached package (${systemCode(error) ?? messageOf(error)})`, where: path },
      { cause: error },
    );
  }
}

async function adopt(fetched: string, path: string, pinned: PinnedPackage): Promise<void> {
  await verify(fetched, pinned);
  await rename(fetched, path);
}

async function verify(path: string, pinned: PinnedPackage): Promise<void> {
  const got = await integrityOf(path).catch((error: unknown) => {
    throw new UserError(
      { what: `npm brought no tarball of ${pinned.name}@${pinned.version}`, where: path },
      { cause: error },
    );
  });
  if (got === pinned.integrity) return;
  throw new UserError({
    what: `the tarball of ${pinned.name}@${pinned.version} is not the pinned one`,
    where: path,
    expected: pinned.integrity,
    got,
    hint: "the package source that npm is configured for serves other bytes; check it with `npm config get registry`",
  });
}

async function npmPack(specifications: readonly string[], folder: string): Promise<void> {
  try {
    await promisify(execFile)("npm", [
      "pack",
      "--loglevel=error",
      "--ignore-scripts",
      "--pack-destination",
      folder,
      ...specifications,
    ]);
  } catch (error) {
    if (systemCode(error) === "ENOENT")
      throw new UserError({ what: "npm was not found", hint: "install Node.js with npm" }, { cause: error });
    throw new UserError(
      {
        what: "npm could not fetch the packages",
        got: firstLines(error),
        hint: "check the network and npm's configuration: `npm ping`, `npm config get registry`, `npm config get proxy`",
      },
      { cause: error },
    );
  }
}

function firstLines(error: unknown): string {
  const output = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
  const lines = (output || messageOf(error)).split("\n").filter((line) => !/complete log|^\s*$/.test(line));
  return lines.slice(0, 4).join(" | ");
}
