/** Compiles kernels with `nvcc` at the lowest priority and reads what ptxas says about each. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KernelRef } from "../../src/engine/native/cuda/runtime/launch.js";
import { type KernelResources, readResources } from "./resources.js";

const FOLDER = fileURLToPath(new URL("../../src/engine/native/cuda/kernels/", import.meta.url));
const LIMIT_MS = 300_000;
/** Compilers at a time. */
const AT_ONCE = 2;

export interface CompiledVariant {
  /** File and constants. */
  readonly title: string;
  readonly kernels: readonly KernelResources[];
  /** What the compiler said, if it refused. */
  readonly failure: string | null;
}

/** Where there is no `nvcc`, why; null where there is one. */
export async function missingCompiler(): Promise<string | null> {
  const { failure } = await run("nvcc", ["--version"]);
  return failure === null ? null : "no nvcc on the PATH";
}

/** Compiles each file once for each set of constants; variants of one file and one set share the result. */
export async function compileVariants(
  variants: readonly KernelRef[],
  architecture: string,
): Promise<readonly CompiledVariant[]> {
  const sources = new Map<string, KernelRef[]>();
  for (const variant of variants) {
    const title = titleOf(variant);
    sources.set(title, [...(sources.get(title) ?? []), variant]);
  }
  const waiting = [...sources];
  const results: CompiledVariant[] = [];
  const folder = await mkdtemp(join(tmpdir(), "hephaestus-nvcc-"));
  const work = async (lane: number): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      results.push(await compile(next[0], next[1], architecture, join(folder, `${lane}.cubin`)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, lane) => work(lane)));
  await rm(folder, { recursive: true, force: true });
  return results.sort((one, other) => (one.title < other.title ? -1 : 1));
}

/** Of a file only the kernels that are named with these constants count: others in it may be launched with different ones. */
async function compile(
  title: string,
  variants: readonly KernelRef[],
  architecture: string,
  output: string,
): Promise<CompiledVariant> {
  const [{ file, defines }] = variants;
  const constants = Object.entries(defines).map(([name, value]) => `-D${name}=${value}`);
  const { log, failure } = await run("nice", [
    ...["-n", "19", "nvcc", "-std=c++17", `-arch=${architecture}`, "-Xptxas", "-v", "-cubin", "-o", output],
    ...[...constants, join(FOLDER, file)],
  ]);
  if (failure !== null) return { title, kernels: [], failure };
  const found = readResources(log);
  const kernels = variants.flatMap(({ name }) => {
    const numbers = found.get(name);
    return numbers === undefined ? [] : [{ title, name, ...numbers }];
  });
  const absent = variants.filter(({ name }) => !found.has(name)).map(({ name }) => name);
  return { title, kernels, failure: absent.length === 0 ? null : `no kernel ${absent.join(", ")}` };
}

/** `rms-norm.cu ACTIVATION=bf16 COLUMNS=4096`. */
function titleOf({ file, defines }: KernelRef): string {
  return [file, ...Object.entries(defines).map(([name, value]) => `${name}=${value}`)].join(" ");
}

function run(command: string, args: readonly string[]): Promise<{ log: string; failure: string | null }> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: LIMIT_MS, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const log = `${stdout}${stderr}`;
      resolve({ log, failure: error === null ? null : log === "" ? error.message : log });
    });
  });
}
