/** Kernels compiled by the toolkit's `nvcc`, for machines without NVRTC. It wants a C++ compiler beside it. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, systemCode } from "../../../../base/errors.js";
import { CompileFailure, type CompilerBackend, type CompileUnit, definitions } from "./backend.js";

const LIMIT_MS = 300_000;

/** The first command that works, or why each does not. */
export async function findNvcc(
  commands: readonly string[],
): Promise<{ readonly backend: CompilerBackend } | { readonly refusals: readonly string[] }> {
  const refusals: string[] = [];
  for (const command of commands) {
    try {
      return { backend: await nvccBackend(command) };
    } catch (error) {
      refusals.push(`${command}: ${systemCode(error) === "ENOENT" ? "not found" : messageOf(error).split("\n", 1)[0]}`);
    }
  }
  return { refusals };
}

async function nvccBackend(command: string): Promise<CompilerBackend> {
  const [version, codes] = await Promise.all([run(command, ["--version"]), run(command, ["--list-gpu-code"])]);
  const number = /\bV(\d+\.\d+\.\d+)/.exec(version)?.[1];
  if (number === undefined) throw new Error(`says nothing of its version: ${version.trim().split("\n").at(-1)}`);
  const identity = `nvcc ${number}`;
  return {
    identity,
    capabilities: [...codes.matchAll(/^sm_(\d+)$/gm)].map(([, code]) => Number(code)),
    compile: (unit) => compile(command, identity, unit),
  };
}

async function compile(command: string, identity: string, unit: CompileUnit): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), "hephaestus-nvcc-"));
  try {
    const { file, text, headers } = unit.source;
    await Promise.all(
      [...headers, [file, text] as const].map(([name, content]) => writeFile(join(folder, name), content)),
    );
    const target = `-gencode=arch=compute_${unit.architecture},code=sm_${unit.architecture}`;
    const out = join(folder, "kernel.cubin");
    const options = ["-cubin", target, "-std=c++17", "-lineinfo", ...definitions(unit.defines)];
    await run(command, [...options, "-o", out, join(folder, file)]).catch((error: unknown) => {
      throw new CompileFailure(identity, unit, messageOf(error).replaceAll(`${folder}/`, ""));
    });
    return await readFile(out);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a command writes; rejects with Node's error, whose message ends with what the command complained about. */
function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: LIMIT_MS, maxBuffer: 1 << 26 };
    execFile(command, args, limits, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
  });
}
