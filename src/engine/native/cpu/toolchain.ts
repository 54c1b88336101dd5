/** The system's C compiler: which one answers, what file it is, and what it makes of the kernels' sources. */
import { type ExecFileException, execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { messageOf, systemCode, UserError } from "../../../base/errors.js";

export interface Compiler {
  readonly command: string;
  /** The first line that it says of itself. */
  readonly version: string;
}

/** Longest that a call of the compiler may take. */
export const COMPILE_LIMIT_MS = 120_000;
/** How much of a compiler's log is shown. */
const LOG_LINES = 20;

const HOW_TO_GET_ONE =
  "install gcc or clang (Debian, Ubuntu: `apt-get install gcc libc6-dev`; macOS: `brew install gcc`)";

/** The first command that answers `--version`. @throws UserError when none does. */
export async function findCompiler(commands: readonly string[], limitMs = COMPILE_LIMIT_MS): Promise<Compiler> {
  const refusals: string[] = [];
  for (const command of commands) {
    try {
      const version = (await run(command, ["--version"], limitMs)).split("\n", 1)[0].trim();
      return { command, version };
    } catch (error) {
      refusals.push(`${command}: ${reasonOf(error)}`);
    }
  }
  throw new UserError({ what: "no C compiler for the fast kernels", got: refusals.join("; "), hint: HOW_TO_GET_ONE });
}

function reasonOf(error: unknown): string {
  if (systemCode(error) === "ENOENT") return "not found";
  return wasKilled(error) ? "does not answer" : messageOf(error).split("\n", 1)[0];
}

/** Path of the file that a command runs, as the shell finds it; null when it cannot be said. */
export async function pathOfCommand(command: string): Promise<string | null> {
  const path = await run("sh", ["-c", 'command -v -- "$1"', "sh", command], COMPILE_LIMIT_MS).catch(() => "");
  return path.startsWith("/") ? path.trim() : null;
}

/** What to compile, and how. */
export interface Job {
  /** Folder of the sources. */
  readonly folder: string;
  /** Names of the sources. */
  readonly names: readonly string[];
  readonly flags: readonly string[];
  readonly limitMs: number;
}

/** Compiles every `.c` file, all at once, and links them. Gives the library's bytes. @throws UserError with the compiler's log. */
export async function build({ command }: Compiler, { folder, names, flags, limitMs }: Job): Promise<Uint8Array> {
  const temporary = await temporaryFolder();
  try {
    const objects = names
      .filter((name) => name.endsWith(".c"))
      .map((name) => ({ source: join(folder, name), object: join(temporary, `${basename(name, ".c")}.o`) }));
    const compile = objects.map(({ source, object }) => run(command, [...flags, "-c", source, "-o", object], limitMs));
    const failures = (await Promise.allSettled(compile)).filter((result) => result.status === "rejected");
    if (failures.length > 0) throw failures[0].reason;
    const library = join(temporary, "kernels.so");
    const parts = objects.map(({ object }) => object);
    await run(command, [...flags, "-shared", ...parts, "-lm", "-ldl", "-o", library], limitMs);
    return await readFile(library);
  } catch (error) {
    throw asCompileError(error, command);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "hephaestus-kernels-")).catch((error: unknown) => {
    const hint = "free some space there, or name another folder in the environment's TMPDIR";
    const what = "there is no place for compiling the kernels";
    throw new UserError({ what, where: tmpdir(), got: messageOf(error), hint }, { cause: error });
  });
}

/** What a command writes; rejects with Node's error, whose message ends with what the command complained about. */
function run(command: string, args: readonly string[], timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { timeout, maxBuffer: 1 << 26 };
    execFile(command, args, limits, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
  });
}

/** Because it took too long. */
function wasKilled(error: unknown): boolean {
  return (error as ExecFileException).killed === true;
}

function asCompileError(error: unknown, command: string): UserError {
  const log = messageOf(error).trim().split("\n");
  const lines = log.length > LOG_LINES ? [...log.slice(0, LOG_LINES), `(${log.length - LOG_LINES} more lines)`] : log;
  return new UserError(
    {
      what: wasKilled(error) ? "the C compiler did not finish" : "the kernels could not be compiled",
      where: command,
      got: lines.join("\n    "),
      hint: `is this compiler complete, with OpenMP and the C library's headers? Otherwise ${HOW_TO_GET_ONE}`,
    },
    { cause: error },
  );
}
