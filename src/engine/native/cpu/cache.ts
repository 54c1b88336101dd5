/**
 * The folder of compiled kernels: libraries, and what compilers said of themselves.
 *
 * A library is named after its key and its own hash, so that a stale one is never found, a damaged one is recognised, and two processes
 * that compile at once cannot mix their files. Few are kept: every version of the sources makes another. A library that is removed while
 * it is in use stays in the memory of those who use it.
 */
import { readdir, readFile, realpath, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UserError } from "../../../base/errors.js";
import { writeFileAtomic } from "../../../base/files.js";
import { hashFile, sha256 } from "../../../base/fingerprint.js";
import { type Compiler, pathOfCommand } from "./toolchain.js";

/** Libraries kept, the last used ones. */
const KEPT = 4;
const LIBRARY = /^[0-9a-f]{32}-[0-9a-f]{64}\.so$/;
/** What a process that was killed while it wrote left behind. */
const LEFT_OVER = /\.partial-\d+-[0-9a-f]+$/;
const LEFT_OVER_AGE_MS = 3600_000;

/** Says which file a compiler was when it told its version. */
interface KnownCompiler extends Compiler {
  readonly path: string;
  readonly file: string;
}

export class KernelCache {
  readonly #folder: string;
  readonly #report: (line: string) => void;

  /** @param report gets a line when something was repaired. */
  constructor(folder: string, report: (line: string) => void) {
    this.#folder = folder;
    this.#report = report;
  }

  /** Path of a whole library under this key; damaged ones are removed. */
  async find(key: string): Promise<string | null> {
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names.filter((one) => one.startsWith(`${key}-`) && one.endsWith(".so"))) {
      const path = join(this.#folder, name);
      const hash = await hashFile(path).catch(() => null);
      if (name === `${key}-${hash}.so`) {
        await markUsed(path);
        return path;
      }
      this.#report(`the compiled kernels in ${path} are damaged; compiling them again`);
      await rm(path, { force: true, recursive: true });
    }
    return null;
  }

  /** Keeps a library, and no more than a few others. Gives its path. @throws UserError when the folder cannot be written. */
  async store(key: string, library: Uint8Array): Promise<string> {
    const name = `${key}-${sha256(library)}.so`;
    const path = join(this.#folder, name);
    await writeFileAtomic(path, library).catch((error: unknown) => {
      const hint = "make this folder writable for you";
      throw new UserError(
        { what: "the compiled kernels cannot be stored", where: this.#folder, got: messageOf(error), hint },
        { cause: error },
      );
    });
    await this.#prune(name);
    return path;
  }

  /**
   * The first of these commands that is the same file as when it was last asked, without running it; null when none is.
   * One that the shell would find elsewhere by now is not noticed: what it compiled once is as good as ever.
   */
  async knownCompiler(commands: readonly string[]): Promise<Compiler | null> {
    const known = await this.#knownCompilers();
    for (const command of commands) {
      const entry = known.find((one) => one.command === command);
      if (entry !== undefined && entry.file === (await fileOf(entry.path))) return { command, version: entry.version };
    }
    return null;
  }

  /** Remembers what a compiler said, where that can be: it only saves time. */
  async remember({ command, version }: Compiler): Promise<void> {
    const path = await pathOfCommand(command);
    const file = path === null ? null : await fileOf(path);
    if (path === null || file === null) return;
    const others = (await this.#knownCompilers()).filter((one) => one.command !== command);
    const known: readonly KnownCompiler[] = [...others, { command, version, path, file }];
    await writeFileAtomic(this.#compilers, JSON.stringify(known)).catch(() => {});
  }

  get #compilers(): string {
    return join(this.#folder, "compilers.json");
  }

  async #knownCompilers(): Promise<KnownCompiler[]> {
    try {
      const known: unknown = JSON.parse(await readFile(this.#compilers, "utf8"));
      return Array.isArray(known) ? known.filter(isKnownCompiler) : [];
    } catch {
      return [];
    }
  }

  /** Other processes may do the same at the same time. */
  async #prune(inUse: string): Promise<void> {
    const now = Date.now();
    const names = (await readdir(this.#folder).catch(() => [])).filter((name) => name !== inUse);
    const files = await Promise.all(names.map(async (name) => ({ name, usedMs: await lastUsed(this.#folder, name) })));
    const libraries = files.filter(({ name }) => LIBRARY.test(name)).sort((a, b) => b.usedMs - a.usedMs);
    const leftOvers = files.filter(({ name, usedMs }) => LEFT_OVER.test(name) && now - usedMs > LEFT_OVER_AGE_MS);
    for (const { name } of [...libraries.slice(KEPT - 1), ...leftOvers])
      await rm(join(this.#folder, name), { force: true }).catch(() => {});
  }
}

/** Those who tidy up go by this time. A folder that cannot be written is not tidied up either. */
async function markUsed(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
}

async function lastUsed(folder: string, name: string): Promise<number> {
  return stat(join(folder, name)).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

/** What tells a file from another that takes its place; null when there is none. */
async function fileOf(path: string): Promise<string | null> {
  try {
    const [file, { size, mtimeMs }] = await Promise.all([realpath(path), stat(path)]);
    return `${file} ${size} ${mtimeMs}`;
  } catch {
    return null;
  }
}

function isKnownCompiler(value: unknown): value is KnownCompiler {
  if (typeof value !== "object" || value === null) return false;
  return (["command", "version", "path", "file"] as const).every(
    (name) => name in value && typeof (value as Record<string, unknown>)[name] === "string",
  );
}
