/** What a compiled kernel depends on, the cache, the choice of a compiler, and `nvcc` as a script. */
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../../../../src/base/errors.js";
import { architectureFor, CompileFailure } from "../../../../../src/engine/native/cuda/runtime/backend.js";
import type { Card } from "../../../../../src/engine/native/cuda/runtime/card.js";
import { Compiler, type CompilerOptions, findBackend } from "../../../../../src/engine/native/cuda/runtime/compiler.js";
import { readKernelSource } from "../../../../../src/engine/native/cuda/runtime/kernel-source.js";
import { fakeBackend } from "./fake-backend.js";

const cardOf = (major: number, minor: number): Card => ({
  name: "Some card",
  computeCapability: [major, minor],
  multiprocessors: 1,
  memoryBytes: 1,
  sharedBytesPerBlock: 1,
  l2Bytes: 1,
});
const NOWHERE = { explicit: {}, toolkits: [], programs: [], conda: [], home: "/nowhere" };

let folder = "";
let options: CompilerOptions & { readonly cacheFolder: string; readonly sources: string };
let lines: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hephaestus-cuda-"));
  lines = [];
  options = { sources: join(folder, "k"), cacheFolder: join(folder, "cache"), report: (line) => void lines.push(line) };
  await mkdir(options.sources);
  await source("a.cu", '#include "b.cuh"\n  #  include "d.cuh"\nextern "C" __global__ void a() {}\n');
  await source("b.cuh", '#pragma once\n#include "c.cuh"\n');
  await source("c.cuh", '#pragma once\n#include "b.cuh"\n');
  await source("d.cuh", "");
  await source("unrelated.cuh", "");
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function source(name: string, text: string): Promise<void> {
  return writeFile(join(options.sources, name), text);
}

function compilerOf(backend = fakeBackend(), card = cardOf(9, 0)): Compiler {
  return new Compiler(backend, card, options);
}

describe("readKernelSource", () => {
  it("follows includes, once each, in rings too", async () => {
    const { text, headers } = await readKernelSource("a.cu", options.sources);
    expect(text).toContain("__global__");
    expect([...headers.keys()]).toEqual(["b.cuh", "c.cuh", "d.cuh"]);
  });

  it("names what is missing and who wants it", async () => {
    await source("c.cuh", '#include "gone.cuh"\n');
    await expect(readKernelSource("a.cu", options.sources)).rejects.toThrow(
      `source gone.cuh is missing in ${options.sources}, which c.cuh includes`,
    );
    await expect(readKernelSource("z.cu", options.sources)).rejects.toThrow("source z.cu is missing");
  });
});

describe("Compiler", () => {
  const ref = { file: "a.cu", defines: { WIDTH: 64, ACTIVATION: "bf16" } };

  it("compiles once, says so, and finds the result again in another process", async () => {
    const first = fakeBackend();
    const { cubin } = await compilerOf(first).compile(ref);
    expect(lines).toEqual(["compiling a.cu with fake 1.0 (once for this card)"]);
    expect(first.units[0]).toMatchObject({ defines: ref.defines, architecture: "90a" });
    const second = fakeBackend();
    expect((await compilerOf(second).compile(ref)).cubin).toEqual(Buffer.from(cubin));
    expect(second.units).toEqual([]);
  });

  it("does not compile the same thing twice at once, nor more things at once than it may", async () => {
    const backend = fakeBackend();
    const compiler = new Compiler(backend, cardOf(9, 0), { ...options, jobs: 2 });
    const widths = [1, 2, 3, 4, 5, 1, 2].map((WIDTH) => compiler.compile({ file: "a.cu", defines: { WIDTH } }));
    const compiled = await Promise.all(widths);
    expect(backend.units).toHaveLength(5);
    expect(backend.busiest()).toBe(2);
    expect(compiled[5].cubin).toEqual(compiled[0].cubin);
    expect(await readdir(options.cacheFolder)).toHaveLength(5);
  });

  it.each<[string, () => Promise<unknown>, Partial<Parameters<typeof fakeBackend>[0]>, object, Card]>([
    ["a changed kernel", () => source("a.cu", '#include "b.cuh"\n'), {}, {}, cardOf(9, 0)],
    ["a changed header of a header", () => source("c.cuh", "// new\n"), {}, {}, cardOf(9, 0)],
    ["another constant", async () => {}, {}, { defines: { WIDTH: 65 } }, cardOf(9, 0)],
    ["another compiler", async () => {}, { identity: "fake 1.1" }, {}, cardOf(9, 0)],
    ["another card", async () => {}, {}, {}, cardOf(8, 0)],
  ])("compiles again for %s", async (_, change, backendChange, refChange, card) => {
    await compilerOf().compile(ref);
    await change();
    const backend = fakeBackend(backendChange);
    await compilerOf(backend, card).compile({ ...ref, ...refChange });
    expect(backend.units).toHaveLength(1);
  });

  it("does not compile again for constants in another order or a file that is not included", async () => {
    await compilerOf().compile(ref);
    await source("unrelated.cuh", "// new\n");
    const backend = fakeBackend();
    await compilerOf(backend).compile({ ...ref, defines: { ACTIVATION: "bf16", WIDTH: 64 } });
    expect(backend.units).toEqual([]);
  });

  it.each([
    ["cut", ""],
    ["changed", "something else"],
  ])("rebuilds a cached kernel that is %s", async (_, damage) => {
    const { cubin } = await compilerOf().compile(ref);
    const [name] = await readdir(options.cacheFolder);
    await writeFile(join(options.cacheFolder, name), damage);
    const backend = fakeBackend();
    expect((await compilerOf(backend).compile(ref)).cubin).toEqual(cubin);
    expect(backend.units).toHaveLength(1);
    expect(lines.some((line) => line.includes("damaged"))).toBe(true);
  });

  it("passes a failure on, remembers nothing of it, and lets others compile", async () => {
    let broken = true;
    const works = fakeBackend();
    const compile: typeof works.compile = async (unit) => {
      if (broken) throw new CompileFailure("fake 1.0", unit, "a.cu(3): error: no");
      return works.compile(unit);
    };
    const compiler = new Compiler(fakeBackend({ compile }), cardOf(9, 0), { ...options, jobs: 1 });
    const failing = await Promise.allSettled([ref, { ...ref, defines: {} }].map((one) => compiler.compile(one)));
    for (const one of failing)
      expect(one.status === "rejected" ? one.reason.message : "compiled").toMatch(
        /^fake 1.0 cannot compile a.cu \(sm_90a.*\):\n {4}a.cu\(3\): error: no$/,
      );
    broken = false;
    await compiler.compile(ref);
    expect(works.units).toHaveLength(1);
  });
});

describe("architectureFor", () => {
  const backend = fakeBackend({ capabilities: [75, 80, 86, 89, 90, 100, 120] });

  it.each([
    [8, 0, "80"],
    [8, 9, "89"],
    [8, 7, "86"],
    [9, 0, "90a"],
    [10, 0, "100a"],
    [10, 3, "100"],
    [12, 1, "120"],
  ])("compiles for %i.%i as %s", (major, minor, expected) => {
    expect(architectureFor(cardOf(major, minor), backend)).toBe(expected);
  });

  it("says that a compiler is too old for a card", () => {
    const old = (): string => architectureFor(cardOf(10, 0), fakeBackend({ capabilities: [80, 90] }));
    expect(old).toThrow(UserError);
    expect(old).toThrow(/does not know Some card[\s\S]*compute capability 10.0[\s\S]*fake 1.0, for 8.0, 9.0/);
  });
});

describe("CompileFailure", () => {
  it("shows the constants and the beginning of a long log", () => {
    const unit = {
      source: { file: "a.cu", text: "", headers: new Map() },
      defines: { B: 2, A: "x" },
      architecture: "80",
    };
    const log = Array.from({ length: 40 }, (_, line) => `error ${line}`).join("\n");
    const { message } = new CompileFailure("nvcc 1", unit, `${log}\0`);
    expect(message).toContain("nvcc 1 cannot compile a.cu (sm_80 -DA=x -DB=2)");
    expect(message).toContain("error 29\n    (10 more lines)");
  });
});

describe("findBackend", () => {
  const load = (): never => {
    throw new Error("no such library");
  };
  const missing = { places: NOWHERE, load };

  async function script(body: string): Promise<string> {
    const path = join(folder, "nvcc");
    await writeFile(path, `#!/bin/sh\n${body}\n`);
    await chmod(path, 0o755);
    return path;
  }

  const ANSWERS =
    'if [ "$1" = --version ]; then echo "Cuda compilation tools, release 12.4, V12.4.131"; exit 0; fi\n' +
    'if [ "$1" = --list-gpu-code ]; then printf "sm_80\\nsm_90\\n"; exit 0; fi\n';

  it("takes nvcc where NVRTC is missing, and gives it the sources and the constants", async () => {
    const out = 'all="$*"; while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; shift; done';
    const nvcc = await script(`${ANSWERS}${out}; { echo "$all"; ls "$(dirname "$1")"; } > "$out"`);
    const backend = await findBackend({ ...missing, nvcc: [join(folder, "none"), nvcc] });
    expect([backend.identity, backend.capabilities]).toEqual(["nvcc 12.4.131", [80, 90]]);
    const unit = { source: await readKernelSource("a.cu", options.sources), defines: { A: 1 }, architecture: "90a" };
    const written = new TextDecoder().decode(await backend.compile(unit));
    expect(written).toContain("-cubin -gencode=arch=compute_90a,code=sm_90a -std=c++17 -lineinfo -DA=1 -o");
    for (const name of ["a.cu", "b.cuh", "c.cuh", "d.cuh"]) expect(written).toContain(`\n${name}\n`);
  });

  it("passes nvcc's complaint on", async () => {
    const nvcc = await script(`${ANSWERS}echo "a.cu(3): error: broken" >&2; exit 2`);
    const backend = await findBackend({ ...missing, nvcc: [nvcc] });
    const unit = { source: await readKernelSource("a.cu", options.sources), defines: {}, architecture: "80" };
    await expect(backend.compile(unit)).rejects.toThrow(
      /nvcc 12.4.131 cannot compile a.cu \(sm_80\)[\s\S]*error: broken/,
    );
  });

  it("lists everything that was tried where there is neither", async () => {
    const odd = await script('echo "what?"');
    const error = await findBackend({ ...missing, nvcc: [join(folder, "none"), odd] }).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(UserError);
    const text = String(error);
    expect(text).toContain("NVRTC, the CUDA compiler was not found");
    for (const part of [
      "libnvrtc.so.13: no such library",
      "none: not found",
      "says nothing of its version",
      "pip install",
    ])
      expect(text).toContain(part);
  });
});
