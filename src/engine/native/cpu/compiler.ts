/** The compiled kernels: from the cache where it holds them, which starts no process; else compiled with the system's compiler. */
import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fingerprintOf } from "../../../base/fingerprint.js";
import { KernelCache } from "./cache.js";
import { processorIdentity } from "./host.js";
import { build, COMPILE_LIMIT_MS, type Compiler, findCompiler } from "./toolchain.js";

export interface CompileOptions {
  /** Folder of the `.c` and `.h` files; by default the kernels beside this file. */
  readonly sources?: string;
  /** Commands to try, in order. */
  readonly compilers?: readonly string[];
  /** Folder of compiled kernels; by default `~/.cache/hephaestus/kernels`. */
  readonly cacheFolder?: string;
  readonly flags?: readonly string[];
  /** Longest that a call of the compiler may take; by default two minutes. */
  readonly limitMs?: number;
  /** Gets a line when something takes a while or was repaired. */
  readonly report?: (line: string) => void;
}

/** Contraction into fused multiply-adds is exact enough and the same on every run; nothing here may reorder sums or assume no NaN. */
export const KERNEL_FLAGS: readonly string[] = [
  ...["-O3", "-march=native", "-fopenmp", "-fPIC", "-std=gnu11", "-fno-math-errno", "-ffp-contract=fast"],
];
const COMPILERS: readonly string[] = ["cc", "gcc", "clang"];

export const KERNEL_FOLDER = fileURLToPath(new URL("./kernels/", import.meta.url));

/**
 * Path of the kernels, compiled for this processor.
 * @throws UserError when they are not cached and there is no compiler, it fails, or the cache cannot be written.
 */
export async function compiledKernels(options: CompileOptions = {}): Promise<string> {
  const {
    sources: folder = KERNEL_FOLDER,
    compilers: commands = COMPILERS,
    cacheFolder = join(homedir(), ".cache", "hephaestus", "kernels"),
    flags = KERNEL_FLAGS,
    limitMs = COMPILE_LIMIT_MS,
    report = () => {},
  } = options;
  const cache = new KernelCache(cacheFolder, report);
  const [known, sources] = await Promise.all([cache.knownCompiler(commands), readSources(folder)]);
  const keyOf = (compiler: Compiler): string =>
    fingerprintOf({ compiler, sources: [...sources], flags, processor: processorIdentity() }).slice(0, 32);
  const cached = known === null ? null : await cache.find(keyOf(known));
  if (cached !== null) return cached;
  const compiler = await findCompiler(commands, limitMs);
  const key = keyOf(compiler);
  let path = await cache.find(key);
  if (path === null) {
    report(`compiling the kernels with ${compiler.version} (once for this processor)`);
    path = await cache.store(key, await build(compiler, { folder, names: [...sources.keys()], flags, limitMs }));
  }
  await cache.remember(compiler);
  return path;
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
