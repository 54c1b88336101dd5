/**
 * Compiles the C kernels with the system's compiler at first use and keeps the result in the cache, under a key of its sources, flags,
 * compiler and processor.
 */
import { type ExecFileException, execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, systemCode, UserError } from "../../../base/errors.js";
import { fingerprintOf } from "../../../base/fingerprint.js";
import { findCached, storeCached } from "../kernel-cache.js";
import { processorIdentity } from "./host.js";

export interface CompileOptions {
  /** Folder of the `.c` and `.h` files; by default the kernels beside this file. */
  readonly sources?: string;
  /** Commands to try, in order. */
  readonly compilers?: readonly string[];
  /** Folder of compiled kernels; by default `~/.cache/hephaestus/kernels`. */
  readonly cacheFolder?: string;
  readonly flags?: readonly string[];
  /** Gets a line when something takes a while or was repaired. */
  readonly report?: (line: string) => void;
}

/** Contraction into fused multiply-adds is exact enough and the same on every run; nothing here may reorder sums or assume no NaN. */
export const KERNEL_FLAGS: readonly string[] = [
  ...["-O3", "-march=native", "-fopenmp", "-fPIC", "-std=gnu11", "-fno-math-errno", "-ffp-contract=fast"],
];
const COMPILERS: readonly string[] = ["cc", "gcc", "clang"];
const COMPILE_LIMIT_MS = 120_000;
/** How much of a compiler's log is shown. */
const LOG_LINES = 20;

export const KERNEL_FOLDER = fileURLToPath(new URL("./kernels/", import.meta.url));
const HOW_TO_GET_ONE =
  "install gcc or clang (Debian, Ubuntu: `apt-get install gcc libc6-dev`; macOS: `brew install gcc`)";

interface Compiler {
  readonly command: string;
  readonly version: string;
}

/**
 * Path of the kernels, compiled for this processor; from the cache where it holds them whole.
 * @throws UserError when there is no compiler, it fails, or the cache cannot be written.
 */
export async function compiledKernels(options: CompileOptions = {}): Promise<string> {
  const {
    sources: folder = KERNEL_FOLDER,
    compilers = COMPILERS,
    cacheFolder = join(homedir(), ".cache", "hephaestus", "kernels"),
    flags = KERNEL_FLAGS,
    report = () => {},
  } = options;
  const [compiler, sources] = await Promise.all([findCompiler(compilers), readSources(folder)]);
  const key = fingerprintOf({ compiler, sources: [...sources], flags, processor: processorIdentity() }).slice(0, 32);
  const entry = { folder: cacheFolder, key, extension: "so" };
  const cached = await findCached(entry, report);
  if (cached !== null) return cached;
  report(`compiling the kernels with ${compiler.version} (once for this processor)`);
  return storeCached(entry, await build(compiler, folder, [...sources.keys()], flags));
}

/** The first command that answers `--version`. */
async function findCompiler(commands: readonly string[]): Promise<Compiler> {
  const refusals: string[] = [];
  for (const command of commands) {
    try {
      const version = (await run(command, ["--version"])).split("\n", 1)[0].trim();
      return { command, version };
    } catch (error) {
      refusals.push(`${command}: ${systemCode(error) === "ENOENT" ? "not found" : messageOf(error).split("\n", 1)[0]}`);
    }
  }
  throw new UserError({ what: "no C compiler for the fast kernels", got: refusals.join("; "), hint: HOW_TO_GET_ONE });
}

/** Text of every source by file name, sorted. */
async function readSources(folder: string): Promise<ReadonlyMap<string, string>> {
  const found = await readdir(folder).catch((error: unknown) => {
    throw new Error(`the kernels' sources are missing: ${folder}`, { cause: error });
  });
  const names = found.filter((name) => /\.[ch]$/.test(name)).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return new Map(names.map((name, index) => [name, texts[index]]));
}

/** Compiles every `.c` file, all at once, and links them. Gives the library's bytes. */
async function build(
  { command }: Compiler,
  folder: string,
  names: readonly string[],
  flags: readonly string[],
): Promise<Uint8Array> {
  const temporary = await mkdtemp(join(tmpdir(), "hephaestus-kernels-"));
  try {
    const objects = names
      .filter((name) => name.endsWith(".c"))
      .map((name) => ({ source: join(folder, name), object: join(temporary, `${basename(name, ".c")}.o`) }));
    const compile = objects.map(({ source, object }) => run(command, [...flags, "-c", source, "-o", object]));
    const failures = (await Promise.allSettled(compile)).filter((result) => result.status === "rejected");
    if (failures.length > 0) throw failures[0].reason;
    const library = join(temporary, "kernels.so");
    await run(command, [...flags, "-shared", ...objects.map(({ object }) => object), "-lm", "-ldl", "-o", library]);
    return await readFile(library);
  } catch (error) {
    throw asCompileError(error, command);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** What a command writes; rejects with Node's error, whose message ends with what the command complained about. */
function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: COMPILE_LIMIT_MS, maxBuffer: 1 << 26 };
    execFile(command, args, limits, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
  });
}

function asCompileError(error: unknown, command: string): UserError {
  const { killed = false } = error as ExecFileException;
  const log = messageOf(error).trim().split("\n");
  const lines = log.length > LOG_LINES ? [...log.slice(0, LOG_LINES), `(${log.length - LOG_LINES} more lines)`] : log;
  return new UserError(
    {
      what: killed ? "the C compiler did not finish" : "the kernels could not be compiled",
      where: command,
      got: lines.join("\n    "),
      hint: `is this compiler complete, with OpenMP and the C library's headers? Otherwise ${HOW_TO_GET_ONE}`,
    },
    { cause: error },
  );
}
