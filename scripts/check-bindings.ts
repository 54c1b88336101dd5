/**
 * Proves the tables of src/engine/native/cuda/ffi/ against the vendor's headers: names, parameters, results, constants, struct layouts.
 *   npx tsx scripts/check-bindings.ts [--headers FOLDER]... [--require]
 * Headers are taken from the folders given, the toolkit of `nvcc`, /usr/local/cuda and the Python of HEPHAESTUS_PYTHON (default python3).
 * A library whose header is absent is skipped with a reason, or, with --require, an error. Needs a C compiler (`cc`).
 */
import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import * as cublaslt from "../src/engine/native/cuda/ffi/cublaslt.js";
import * as driver from "../src/engine/native/cuda/ffi/driver.js";
import * as nvrtc from "../src/engine/native/cuda/ffi/nvrtc.js";
import * as nvtx from "../src/engine/native/cuda/ffi/nvtx.js";
import { assertionsOf, complaintsOf, type StructLayout, type Tables } from "./check-bindings/assertions.js";
import { compareWithHeader } from "./check-bindings/compare.js";
import { folderOf, includeFolders } from "./check-bindings/headers.js";
import { type Prototype, prototypesOf } from "./check-bindings/prototypes.js";

export interface Library {
  readonly name: string;
  readonly header: string;
  /** What supplies the header. */
  readonly package: string;
  readonly tables: Tables;
}

interface Module {
  readonly PROTOTYPES: Readonly<Record<string, string>>;
  readonly CONSTANTS: Readonly<Record<string, number>>;
  readonly STRUCTS?: Readonly<Record<string, StructLayout>>;
}

function tablesOf({ PROTOTYPES, CONSTANTS, STRUCTS = {} }: Module): Tables {
  return { prototypes: PROTOTYPES, constants: CONSTANTS, structs: STRUCTS };
}

export const LIBRARIES: readonly Library[] = [
  { name: "driver", header: "cuda.h", package: "nvidia-cuda-runtime", tables: tablesOf(driver) },
  { name: "nvrtc", header: "nvrtc.h", package: "nvidia-cuda-nvrtc", tables: tablesOf(nvrtc) },
  { name: "nvtx", header: "nvtx3/nvToolsExt.h", package: "nvidia-nvtx", tables: tablesOf(nvtx) },
  { name: "cublaslt", header: "cublasLt.h", package: "nvidia-cublas", tables: tablesOf(cublaslt) },
];

/** Symbols of older versions of a function are only declared on request; both faces of a header count. */
const FACES: readonly (readonly string[])[] = [["-D__CUDA_API_VERSION_INTERNAL"], []];

/** Every difference between the tables of a library and its header. */
export function checkLibrary({ header, tables }: Library, folders: readonly string[]): string[] {
  const paths = folders.map((folder) => `-I${folder}`);
  const declared = new Map<string, Prototype>();
  for (const face of FACES) {
    const source = `#include <stddef.h>\n#include <${header}>\n`;
    const { status, stdout, stderr } = compile(["-E", "-P", ...face, ...paths], source);
    if (status !== 0) return [`${header} cannot be read: ${firstLine(stderr)}`];
    for (const [name, prototype] of prototypesOf(stdout)) declared.set(name, prototype);
  }
  const { status, stderr } = compile(["-fsyntax-only", ...paths], assertionsOf([header], tables));
  const complaints = status === 0 ? [] : complaintsOf(stderr);
  return [...compareWithHeader(tables.prototypes, declared), ...complaints];
}

function compile(
  options: readonly string[],
  source: string,
): { status: number | null; stdout: string; stderr: string } {
  const limits = { encoding: "utf8", maxBuffer: 1 << 26, input: source } as const;
  return spawnSync("cc", ["-std=gnu11", ...options, "-x", "c", "-"], limits);
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0];
}

function main(args: string[]): number {
  const options = { headers: { type: "string", multiple: true }, require: { type: "boolean" } } as const;
  const { headers = [], require = false } = parseArgs({ args, options }).values;
  if (spawnSync("cc", ["--version"]).error !== undefined) {
    console.log("skipped: there is no C compiler `cc` to read headers with (Debian: apt-get install gcc)");
    return require ? 1 : 0;
  }
  const folders = includeFolders(headers, process.env.HEPHAESTUS_PYTHON ?? "python3");
  let failed = false;
  for (const library of LIBRARIES) {
    const { name, header, tables } = library;
    const folder = folderOf(header, folders);
    if (folder === null) {
      console.log(`${name}: skipped, no ${header} (in Python: pip install ${library.package}; or --headers FOLDER)`);
      failed ||= require;
      continue;
    }
    const found = checkLibrary(library, folders);
    for (const difference of found) console.log(`${name}: ${difference}`);
    const { prototypes, constants, structs } = tables;
    const counts = `${count(prototypes)} functions, ${count(constants)} constants, ${count(structs)} structs`;
    console.log(
      `${name}: ${found.length === 0 ? "" : `${found.length} differences; `}${counts} against ${folder}/${header}`,
    );
    failed ||= found.length > 0;
  }
  return failed ? 1 : 0;
}

function count(table: object): number {
  return Object.keys(table).length;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = main(process.argv.slice(2));
