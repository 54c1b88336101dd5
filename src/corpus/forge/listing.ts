/** Which files a forge reads, in which units, and which partition reads which. */
import { type Dirent, readdirSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf, systemCode, UserError } from "../../base/errors.js";
import { fingerprintOf } from "../../base/fingerprint.js";
import type { ForgePlan, ForgeSource } from "../../config/forge-plan.js";
import type { FileEntry, Unit } from "../source-kind.js";
import { globFilter } from "./globs.js";
import { SOURCE_KINDS } from "./source-kinds.js";

/** A unit of one source, for the partition that reads it. */
export interface ListedUnit {
  readonly source: string;
  readonly unit: Unit;
}

export interface SourceListing {
  readonly name: string;
  /** Folder that the paths of its files start from. */
  readonly root: string;
  readonly files: number;
  readonly bytes: number;
  readonly units: readonly Unit[];
  readonly fingerprint: string;
}

export interface Listing {
  readonly sources: readonly SourceListing[];
  /** By partition. */
  readonly units: readonly (readonly ListedUnit[])[];
  readonly fingerprint: string;
}

/** Where the files of a source are, once they are on the disk. */
export type Roots = (source: ForgeSource) => Promise<string>;

/**
 * Lists the files of every source and deals their units out.
 * @param packageRoot gives the folder of a package's files, fetching it if need be.
 * @throws UserError naming every path that is absent and every source that its kind can read nothing of.
 */
export async function listSources(plan: ForgePlan, packageRoot: Roots): Promise<Listing> {
  const sources: SourceListing[] = [];
  const problems: { what: string; where: string; hint?: string }[] = [];
  for (const source of plan.sources)
    try {
      sources.push(listSource(source, "pinned" in source.from ? await packageRoot(source) : resolve(".")));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      for (const problem of error.problems) problems.push({ where: `sources.${source.name}`, ...problem });
    }
  if (problems.length > 0) throw new UserError(problems);
  const fingerprint = fingerprintOf([
    plan.partitions,
    plan.sources.map(decisive),
    sources.map((each) => each.fingerprint),
  ]);
  return { sources, units: dealUnits(sources, plan.partitions), fingerprint };
}

/** What of a source decides its documents: not where a package comes from, but what is in it. */
function decisive({ from, ...rest }: ForgeSource): unknown {
  return "pinned" in from ? { ...rest, integrity: from.pinned.integrity } : { ...rest, paths: from.paths };
}

interface FoundFile extends FileEntry {
  readonly modified: number;
}

function listSource(source: ForgeSource, root: string): SourceListing {
  const found =
    "paths" in source.from ? source.from.paths.flatMap((path) => filesBehind(root, path)) : filesIn(root, "");
  const wanted = globFilter(source.include, source.exclude);
  const files = found
    .filter(({ path }) => wanted(path))
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const units = SOURCE_KINDS[source.kind].units(files, source.settings as never);
  if (units.length === 0)
    throw new UserError({
      what: `there is no file that a source of kind \`${source.kind}\` reads`,
      where: `sources.${source.name}`,
      got: `${files.length} files${found.length > files.length ? ` after \`include\` and \`exclude\` left out ${found.length - files.length}` : ""}`,
    });
  // A package is known by its integrity; the times of its unpacked files say nothing.
  const state = "pinned" in source.from ? null : files.map(({ path, bytes, modified }) => [path, bytes, modified]);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { name: source.name, root, files: files.length, bytes, units, fingerprint: fingerprintOf(state) };
}

function filesBehind(root: string, path: string): FoundFile[] {
  try {
    const found = statSync(resolve(root, path));
    if (found.isDirectory()) return filesIn(root, path);
    return [{ path, bytes: found.size, modified: found.mtimeMs }];
  } catch (error) {
    const code = systemCode(error) ?? messageOf(error);
    throw new UserError({
      what: code === "ENOENT" ? "there is no such file or folder" : `cannot read this path (${code})`,
      where: path,
    });
  }
}

/** All files in a folder and below, hidden ones left out. Links are followed only where they lead to files. */
function filesIn(root: string, folder: string): FoundFile[] {
  const entries: Dirent[] = readdirSync(resolve(root, folder), { withFileTypes: true });
  return entries.flatMap((entry) => {
    if (entry.name.startsWith(".")) return [];
    const path = folder === "" ? entry.name : `${folder.replace(/\/+$/, "")}/${entry.name}`;
    if (entry.isDirectory()) return filesIn(root, path);
    const found = statSync(resolve(root, path), { throwIfNoEntry: false });
    return found?.isFile() ? [{ path, bytes: found.size, modified: found.mtimeMs }] : [];
  });
}

/** Largest first, each to the partition with the least to do: no partition then has a third more than its share, unless a unit alone does (Graham 1969). */
function dealUnits(sources: readonly SourceListing[], partitions: number): ListedUnit[][] {
  const all = sources.flatMap(({ name, units }) => units.map((unit) => ({ source: name, unit })));
  const order = all
    .map((listed, place) => ({ listed, place }))
    .sort((a, b) => b.listed.unit.bytes - a.listed.unit.bytes || a.place - b.place);
  const loads = new Array<number>(partitions).fill(0);
  const dealt = Array.from({ length: partitions }, (): { listed: ListedUnit; place: number }[] => []);
  for (const each of order) {
    const least = loads.indexOf(Math.min(...loads));
    // A file of no bytes still is some work.
    loads[least] += each.listed.unit.bytes + 1;
    dealt[least].push(each);
  }
  return dealt.map((units) => units.sort((a, b) => a.place - b.place).map(({ listed }) => listed));
}
