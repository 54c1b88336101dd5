/**
 * One process at a time does a kind of work in a folder, such as the run that writes it. Every candidate announces itself with a file of its own, then looks for the others: of any
 * two candidates the later one to announce sees the earlier, so two can never both go on, and since names are never used twice,
 * removing a dead run's file cannot hit a live one's (a single lock file has that race at takeover). Two that meet both step back.
 */
import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { systemCode, UserError } from "./errors.js";
import { asDiskError, makeFolder, namesIn, partialName } from "./files.js";
import { isRunning, startOfProcess } from "./process.js";

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** What tells this process from a later one of the same number; null where the system does not say. */
  readonly started: string | null;
  /** For the reader of the message. */
  readonly since: string;
}

const LOCK_NAME = /^(.+)\.lock-[0-9a-f]{16}$/;
/** Candidates that meet step back and try again after a random pause, which doubles: 0.6 s in all at the longest. */
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 20;

/**
 * Takes the lock of a folder, which is created where missing. Disposing gives it back. The lock of a dead process does not count.
 * @param work what is done under it, in a word that fits a file name, such as `run`; other work may go on in the same folder.
 * @param onTaken hears of the error while another process holds the lock; where it returns, the lock is tried for again.
 * @throws UserError naming the process and host that hold it, unless `onTaken` waits for them.
 */
export async function lockFolder(
  folder: string,
  work: string,
  onTaken: (error: UserError) => Promise<void> = (error) => Promise.reject(error),
): Promise<AsyncDisposable> {
  await makeFolder(folder);
  for (let attempt = 1; ; attempt++) {
    const own = `${work}.lock-${randomBytes(8).toString("hex")}`;
    const path = join(folder, own);
    await announce(path);
    const other = await findOther(folder, own, work);
    if (other === null) return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    await rm(path, { force: true });
    if (attempt % ATTEMPTS === 0) await onTaken(taken(folder, work, other));
    await delay(Math.random() * FIRST_PAUSE_MS * 2 ** (attempt % ATTEMPTS));
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

/** A live process that has announced itself; the files of dead ones are removed. */
async function findOther(folder: string, own: string, work: string): Promise<{ holder: Holder; path: string } | null> {
  for (const name of await namesIn(folder)) {
    if (name === own || LOCK_NAME.exec(name)?.[1] !== work) continue;
    const path = join(folder, name);
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
    if (value === null || typeof value !== "object") return null;
    const { pid, host, started, since } = value as Readonly<Record<string, unknown>>;
    const valid = typeof pid === "number" && Number.isSafeInteger(pid) && pid > 0 && typeof host === "string";
    return valid ? { pid, host, started: typeof started === "string" ? started : null, since: String(since) } : null;
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === "ENOENT") return null;
    throw asDiskError(error, path);
  }
}

function taken(folder: string, work: string, { holder, path }: { holder: Holder; path: string }): UserError {
  return new UserError({
    what: `another ${work} is at work in this folder`,
    where: folder,
    got: `process ${holder.pid} on ${holder.host}, since ${holder.since}`,
    hint: `wait for it, stop it, or choose another folder; if it died on another machine, delete ${path}`,
  });
}
