/**
 * The folder of one task: filled beside its place, flushed, renamed. So a folder that is there is whole, whatever stopped the run, and
 * its record says what it holds.
 */
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { asDiskError, exists, partialName, syncFolder } from "../../base/files.js";
import type { Tally } from "./tally.js";

/** The record of a finished task. */
export interface TaskRecord {
  readonly fingerprint: string;
  readonly tally: Tally;
  /** Wall time, in seconds. */
  readonly seconds: number;
  /** Bytes of every file by its name. */
  readonly files: Readonly<Record<string, number>>;
}

const RECORD = "task.json";

/** The record of a finished task with this fingerprint whose files are all there in their sizes; otherwise null, and the task has to run. */
export async function finishedTask(folder: string, fingerprint: string): Promise<TaskRecord | null> {
  const text = await readFile(join(folder, RECORD), "utf8").catch(() => null);
  if (text === null) return null;
  let record: TaskRecord;
  try {
    record = JSON.parse(text) as TaskRecord;
  } catch {
    return null;
  }
  if (record.fingerprint !== fingerprint) return null;
  for (const [name, bytes] of Object.entries(record.files)) {
    const found = await stat(join(folder, name)).catch(() => null);
    if (found === null || found.size !== bytes) return null;
  }
  return record;
}

/**
 * Fills a task's folder. `fill` writes into the folder it is given and returns the tally.
 * @throws UserError when the disk is full or cannot be written.
 */
export async function fillTask(
  folder: string,
  fingerprint: string,
  fill: (aside: string) => Promise<Tally>,
): Promise<TaskRecord> {
  const aside = partialName(folder);
  const began = performance.now();
  try {
    await removeLeftOvers(folder);
    await mkdir(aside, { recursive: true });
    const tally = await fill(aside);
    const record = { fingerprint, tally, seconds: (performance.now() - began) / 1000, files: await flushFiles(aside) };
    await using file = await open(join(aside, RECORD), "wx");
    await file.writeFile(`${JSON.stringify(record)}\n`);
    await file.sync();
    await syncFolder(aside);
    await rm(folder, { recursive: true, force: true });
    await rename(aside, folder);
    await syncFolder(dirname(folder));
    return record;
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw asDiskError(error, folder);
  }
}

/** Names and sizes of the files, each flushed to the disk. */
async function flushFiles(folder: string): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    await using file = await open(path, "r");
    await file.sync();
    sizes[path.slice(folder.length + 1)] = (await file.stat()).size;
  }
  return Object.fromEntries(Object.entries(sizes).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A run that was killed leaves its folder beside the place. Only one process works at a partition, so it is nobody's. */
async function removeLeftOvers(folder: string): Promise<void> {
  const parent = dirname(folder);
  if (!(await exists(parent))) return;
  for (const name of await readdir(parent))
    if (name.startsWith(`${basename(folder)}.partial-`)) await rm(join(parent, name), { recursive: true, force: true });
}
