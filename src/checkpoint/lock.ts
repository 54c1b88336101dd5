/**
 * One run at a time writes a run folder. Every candidate announces itself with a file of its own, then looks for the others: of any
 * two candidates the later one to announce sees the earlier, so two can never both go on, and since names are never used twice,
 * removing a dead run's file cannot hit a live one's (a single lock file has that race at takeover). Two that meet both step back.
 */
import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { systemCode, UserError } from "../base/errors.js";
import { asDiskError, partialName } from "../base/files.js";
import { isObject } from "./json.js";
import { isRunning, startOfProcess } from "./process.js";
import { makeRunFolder, namesIn } from "./run-folder.js";

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** What tells this process from a later one of the same number; null where the system does not say. */
  readonly started: string | null;
  /** For the reader of the message. */
  readonly since: string;
}

const LOCK_NAME = /^run\.lock-[0-9a-f]{16}$/;
/** Candidates that meet step back and try again after a random pause, which doubles: 0.6 s in all at the longest. */
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 20;

/**
 * Takes the lock of a run folder, which is created where missing. Disposing gives it back. The lock of a dead process does not count.
 * @throws UserError naming the process and host of the run that holds it.
 */
export async function lockRun(runFolder: string): Promise<AsyncDisposable> {
  await makeRunFolder(runFolder);
  for (let attempt = 1; ; attempt++) {
    const own = `run.lock-${randomBytes(8).toString("hex")}`;
    const path = join(runFolder, own);
    await announce(path);
    const other = await findOther(runFolder, own);
    if (other === null) return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    await rm(path, { force: true });
    if (attempt === ATTEMPTS) throw taken(runFolder, other);
    await delay(Math.random() * FIRST_PAUSE_MS * 2 ** attempt);
  }
}

/** Creates a lock file whose content is whole from the moment it can be seen. */
async function announce(path: string): Promise<void> {
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    started: startOfProcess(process.pid),
    since: new Date().toISOString(),
  };
  const partial = partialName(path);
  try {
    await writeFile(partial, JSON.stringify(holder), { flag: "wx" });
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw asDiskError(error, path);
  }
}

/** A live run that has announced itself; the files of dead ones are removed. */
async function findOther(runFolder: string, own: string): Promise<{ holder: Holder; path: string } | null> {
  for (const name of await namesIn(runFolder)) {
    if (name === own || !LOCK_NAME.test(name)) continue;
    const path = join(runFolder, name);
    const holder = await readHolder(path);
    // A process on another machine cannot be asked, so its lock stands.
    if (holder !== null && (holder.host !== hostname() || isRunning(holder.pid, holder.started)))
      return { holder, path };
    await rm(path, { force: true }).catch((error: unknown) => {
      throw asDiskError(error, path);
    });
  }
  return null;
}

/** Null when the file is gone or not a lock: a lock is never seen half-written, so that is the mark of a power cut. */
async function readHolder(path: string): Promise<Holder | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (!isObject(value)) return null;
    const { pid, host, started, since } = value;
    const valid = typeof pid === "number" && Number.isSafeInteger(pid) && pid > 0 && typeof host === "string";
    return valid ? { pid, host, started: typeof started === "string" ? started : null, since: String(since) } : null;
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === "ENOENT") return null;
    throw asDiskError(error, path);
  }
}

function taken(runFolder: string, { holder, path }: { holder: Holder; path: string }): UserError {
  return new UserError({
    what: "another run is writing this folder",
    where: runFolder,
    got: `process ${holder.pid} on ${holder.host}, since ${holder.since}`,
    hint: `wait for it, stop it, or choose another run name; if it died on another machine, delete ${path}`,
  });
}
