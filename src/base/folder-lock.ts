/** One process at a time in a folder: a file that names the process at work. The lock of a process that is gone counts for nothing. */
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemCode, UserError } from "./errors.js";
import { asDiskError } from "./files.js";

/**
 * Takes the lock; dispose of it to give it back.
 * @param work what is done under it, such as `prepare`; other work may go on in the same folder.
 * @throws UserError when another process holds it.
 */
export async function lockFolder(folder: string, work: string): Promise<AsyncDisposable> {
  const path = join(folder, `.${work}.lock`);
  try {
    await mkdir(folder, { recursive: true });
    if (!(await create(path))) {
      const holder = Number(await readFile(path, "utf8").catch(() => ""));
      if (isRunning(holder))
        throw new UserError({
          what: `another ${work} is at work in this folder`,
          where: folder,
          got: `process ${holder}`,
          hint: `wait for it; if there is none, remove ${path}`,
        });
      await rm(path, { force: true });
      if (!(await create(path)))
        throw new UserError({ what: `another ${work} has just begun in this folder`, where: folder });
    }
  } catch (error) {
    throw asDiskError(error, folder);
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

async function create(path: string): Promise<boolean> {
  try {
    await using file = await open(path, "wx");
    await file.writeFile(String(process.pid));
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Signal 0 only asks whether the process exists; EPERM says that it does and belongs to someone else. */
function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}
