/**
 * Builds the emulator's library with g++ at first use and opens it: it exports the functions of libcuda, libnvrtc and libcublasLt that the
 * engine calls, so its path goes to `openDriver`, `openNvrtc` and `openCublasLt` alike.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { fingerprintOf } from "../../../src/base/fingerprint.js";
import { processorIdentity } from "../../../src/engine/native/cpu/host.js";

const FOLDER = fileURLToPath(new URL("./", import.meta.url));
const COMPILER = "g++";
const FLAGS: readonly string[] = [
  ...[
    "-std=c++17",
    "-O3",
    "-g1",
    "-march=native",
    "-fPIC",
    "-fno-semantic-interposition",
    "-Wall",
    "-Wextra",
    "-I",
    FOLDER,
  ],
];
const run = promisify(execFile);

let built: Promise<string> | null = null;

/** Builds the library; gives the reason why there is none on this machine, or null. @throws Error when the sources do not compile. */
export async function emulatorMissing(): Promise<string | null> {
  if (process.platform !== "linux") return "the emulator needs Linux";
  const found = await run(COMPILER, ["--version"]).then(
    () => true,
    () => false,
  );
  if (!found) return "the emulator needs g++";
  await buildEmulator();
  return null;
}

/** Path of the library, from `~/.cache/hephaestus/emulator` where these sources were compiled before. */
export function buildEmulator(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const { stdout: version } = await run(COMPILER, ["--version"]);
  const sources = await readSources();
  const key = fingerprintOf({ version, sources, flags: FLAGS.slice(0, -1), processor: processorIdentity() }).slice(
    0,
    32,
  );
  const cache = join(homedir(), ".cache", "hephaestus", "emulator");
  const path = join(cache, `libemulator-${key}.so`);
  if (existsSync(path)) return path;
  await mkdir(cache, { recursive: true });
  const turn = `${path}.building`;
  if (!(await takeTurn(turn, path))) return path;
  const aside = await mkdtemp(join(cache, "building-"));
  try {
    await compile(aside, basename(path));
    await rename(join(aside, basename(path)), path);
  } finally {
    await Promise.all([aside, turn].map((one) => rm(one, { recursive: true, force: true })));
  }
  return path;
}

/** True when this process is the one to build; false when another has built it meanwhile. */
async function takeTurn(turn: string, path: string): Promise<boolean> {
  for (;;) {
    const mine = await writeFile(turn, String(process.pid), { flag: "wx" }).then(
      () => true,
      () => false,
    );
    if (mine) return true;
    await setTimeout(200);
    if (existsSync(path)) return false;
    if (await isAbandoned(turn)) await rm(turn, { force: true });
  }
}

/** Whether the process that was to build has ended. A file without a number yet, or no longer there, is nobody's. */
async function isAbandoned(turn: string): Promise<boolean> {
  const owner = Number(await readFile(turn, "utf8").catch(() => ""));
  if (!(owner > 0)) return false;
  try {
    process.kill(owner, 0);
    return false;
  } catch {
    return true;
  }
}

async function readSources(): Promise<readonly (readonly [string, string])[]> {
  const names = await readdir(FOLDER, { recursive: true });
  const relevant = names.filter((name) => /\.(cpp|h)$/.test(name)).sort();
  return Promise.all(relevant.map(async (name) => [name, await readFile(join(FOLDER, name), "utf8")] as const));
}

async function compile(aside: string, name: string): Promise<void> {
  const sources = (await readdir(join(FOLDER, "library"))).filter((source) => source.endsWith(".cpp"));
  const objects = sources.map((source) => join(aside, `${basename(source, ".cpp")}.o`));
  await Promise.all(
    sources.map((source, index) =>
      run(COMPILER, [
        ...FLAGS,
        `-DEMULATOR_COMPILER="${COMPILER}"`,
        "-c",
        join(FOLDER, "library", source),
        "-o",
        objects[index],
      ]),
    ),
  );
  await run(COMPILER, ["-shared", `-Wl,-soname,${name}`, ...objects, "-ldl", "-lpthread", "-o", join(aside, name)]);
}
