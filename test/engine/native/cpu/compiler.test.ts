/** Finding a compiler, compiling once, the cache and everything that can be wrong with each. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../../../src/base/errors.js";
import { type CompileOptions, compiledKernels } from "../../../../src/engine/native/cpu/compiler.js";

let folder = "";
let options: CompileOptions & { readonly cacheFolder: string; readonly sources: string };
let lines: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hephaestus-compiler-"));
  lines = [];
  const report = (line: string): void => void lines.push(line);
  options = { sources: join(folder, "sources"), cacheFolder: join(folder, "cache"), flags: ["-fPIC"], report };
  await mkdir(options.sources);
  await writeFile(join(options.sources, "a.c"), '#include "b.h"\nint answer(void) { return ANSWER; }\n');
  await writeFile(join(options.sources, "b.h"), "#define ANSWER 42\n");
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** A command that answers `--version`, which it counts, and otherwise does what the script says. */
async function fakeCompiler(name: string, script: string, version = "1.0"): Promise<string> {
  const path = join(folder, name);
  const answer = `echo asked >> ${join(folder, `${name}.asked`)}; echo "${name} ${version}"; exit 0`;
  await writeFile(path, `#!/bin/sh\nif [ "$1" = --version ]; then ${answer}; fi\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

/** A compiler that writes what it was asked into its output and counts its calls. */
function writingCompiler(name = "writing", version?: string): Promise<string> {
  const log = join(folder, `${name}.log`);
  return fakeCompiler(
    name,
    `echo "$@" >> ${log}; while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; shift; done; echo library > "$out"`,
    version,
  );
}

async function linesOf(name: string): Promise<string[]> {
  const text = await readFile(join(folder, name), "utf8").catch(() => "");
  return text.trim().split("\n").filter(Boolean);
}

/** What a compiler was called with, and how often it was asked for its version. */
const callsOf = (name: string): Promise<string[]> => linesOf(`${name}.log`);
const timesAsked = async (name: string): Promise<number> => (await linesOf(`${name}.asked`)).length;

async function problemOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return error instanceof Error ? error.message : "";
}

describe("compiledKernels", () => {
  it("compiles each file, links once and says so, then finds the result without calling anybody", async () => {
    const compilers = [await writingCompiler()];
    const path = await compiledKernels({ ...options, compilers });
    expect(await readFile(path, "utf8")).toBe("library\n");
    expect((await callsOf("writing")).map((call) => call.includes("-shared"))).toEqual([false, true]);
    expect(lines).toEqual(["compiling the kernels with writing 1.0 (once for this processor)"]);
    expect(await compiledKernels({ ...options, compilers })).toBe(path);
    expect(await callsOf("writing")).toHaveLength(2);
    expect(lines).toHaveLength(1);
    expect(await timesAsked("writing")).toBe(1);
  });

  it("asks a compiler again when it is another file, and compiles when it says something else", async () => {
    const compilers = [await writingCompiler()];
    const path = await compiledKernels({ ...options, compilers });
    const later = new Date(Date.now() + 5000);
    await utimes(compilers[0], later, later);
    expect(await compiledKernels({ ...options, compilers })).toBe(path);
    expect(await timesAsked("writing")).toBe(2);
    expect(await callsOf("writing")).toHaveLength(2);
    await writingCompiler("writing", "2.0");
    expect(await compiledKernels({ ...options, compilers })).not.toBe(path);
    expect(await timesAsked("writing")).toBe(3);
  });

  it("notices that a link leads to another compiler", async () => {
    const link = join(folder, "cc");
    await symlink(await writingCompiler("old"), link);
    const path = await compiledKernels({ ...options, compilers: [link] });
    await rm(link);
    await symlink(await writingCompiler("new"), link);
    expect(await compiledKernels({ ...options, compilers: [link] })).not.toBe(path);
  });

  it.each([
    ["nothing", ""],
    ["no JSON", "[{"],
    ["no list", '{"command": "cc"}'],
    ["entries of something else", '[null, 1, {"command": "cc"}, {"command": 1, "version": 2, "path": 3, "file": 4}]'],
  ])("asks the compiler when the memory of compilers holds %s", async (_, text) => {
    const compilers = [await writingCompiler()];
    const path = await compiledKernels({ ...options, compilers });
    await writeFile(join(options.cacheFolder, "compilers.json"), text);
    expect(await compiledKernels({ ...options, compilers })).toBe(path);
    expect(await timesAsked("writing")).toBe(2);
    expect(await compiledKernels({ ...options, compilers })).toBe(path);
    expect(await timesAsked("writing")).toBe(2);
  });

  it("finds the kernels when it cannot remember the compiler", async () => {
    const compilers = [await writingCompiler()];
    const path = await compiledKernels({ ...options, compilers });
    await rm(join(options.cacheFolder, "compilers.json"));
    // A folder in its place cannot be replaced by a file, not even by the superuser.
    await mkdir(join(options.cacheFolder, "compilers.json", "full"), { recursive: true });
    expect(await compiledKernels({ ...options, compilers })).toBe(path);
    expect(await callsOf("writing")).toHaveLength(2);
  });

  it("keeps one library of two compilations at once", async () => {
    const compilers = [await writingCompiler()];
    const paths = await Promise.all([1, 2, 3].map(() => compiledKernels({ ...options, compilers })));
    expect(new Set(paths).size).toBe(1);
    expect((await readdir(options.cacheFolder)).filter((name) => name.includes(".so"))).toHaveLength(1);
  });

  it.each([
    ["a changed source", () => writeFile(join(options.sources, "a.c"), "int answer(void) { return 1; }\n"), {}],
    ["a changed header", () => writeFile(join(options.sources, "b.h"), "#define ANSWER 43\n"), {}],
    ["a new file", () => writeFile(join(options.sources, "c.h"), ""), {}],
    ["other flags", async () => {}, { flags: ["-fPIC", "-O1"] }],
  ])("compiles again for %s", async (_, change, changed: CompileOptions) => {
    const compilers = [await writingCompiler()];
    const before = await compiledKernels({ ...options, compilers });
    await change();
    expect(await compiledKernels({ ...options, compilers, ...changed })).not.toBe(before);
  });

  it("compiles again for another version of the compiler", async () => {
    const before = await compiledKernels({ ...options, compilers: [await writingCompiler("old")] });
    expect(await compiledKernels({ ...options, compilers: [await writingCompiler("new")] })).not.toBe(before);
  });

  it.each([
    ["cut", async (path: string) => writeFile(path, "lib")],
    ["empty", async (path: string) => writeFile(path, "")],
    ["one byte changed", async (path: string) => writeFile(path, "librarx\n")],
    [
      "a folder",
      async (path: string) => {
        await rm(path);
        await mkdir(path);
      },
    ],
    [
      "a link to nothing",
      async (path: string) => {
        await rm(path);
        await symlink(join(folder, "nothing"), path);
      },
    ],
  ])("rebuilds a cached library that is damaged: %s", async (_, damage) => {
    const compilers = [await writingCompiler()];
    const path = await compiledKernels({ ...options, compilers });
    await damage(path);
    expect(await compiledKernels({ ...options, compilers })).toBe(path);
    expect(await readFile(path, "utf8")).toBe("library\n");
    expect(lines.some((line) => line.includes("damaged") && line.includes(path))).toBe(true);
  });

  it("takes the first compiler that works", async () => {
    const broken = join(folder, "broken");
    await writeFile(broken, "#!/bin/sh\nexit 3\n");
    await chmod(broken, 0o755);
    await compiledKernels({ ...options, compilers: [join(folder, "none"), broken, await writingCompiler()] });
    expect(lines).toEqual(["compiling the kernels with writing 1.0 (once for this processor)"]);
  });

  it("says how to get a compiler where there is none", async () => {
    const problem = await problemOf(compiledKernels({ ...options, compilers: [join(folder, "none"), "/dev/null"] }));
    expect(problem).toContain("no C compiler");
    expect(problem).toContain("none: not found");
    expect(problem).toContain("apt-get install gcc");
    await expect(stat(options.cacheFolder)).rejects.toThrow("ENOENT");
  });

  it("shows the beginning of a broken compiler's log and leaves nothing behind", async () => {
    const script = 'i=0; while [ $i -lt 50 ]; do echo "a.c:$i: error: broken" >&2; i=$((i+1)); done; exit 1';
    const problem = await problemOf(compiledKernels({ ...options, compilers: [await fakeCompiler("cc", script)] }));
    expect(problem).toContain("could not be compiled");
    expect(problem).toContain("a.c:18: error: broken");
    expect(problem).not.toContain("a.c:19:");
    expect(problem).toContain("(31 more lines)");
    await expect(stat(options.cacheFolder)).rejects.toThrow("ENOENT");
  });

  it("waits for no compiler for ever", async () => {
    const hanging = await fakeCompiler("hanging", "exec sleep 60");
    const silent = join(folder, "silent");
    await writeFile(silent, "#!/bin/sh\nexec sleep 60\n", { mode: 0o755 });
    const limits = { ...options, limitMs: 3000 };
    const [first, second] = await Promise.all(
      [hanging, silent].map((one) => problemOf(compiledKernels({ ...limits, compilers: [one] }))),
    );
    expect(first).toContain(`${hanging}: the C compiler did not finish`);
    expect(second).toContain(`${silent}: does not answer`);
  });

  it("names a place for temporary files that cannot be used", async () => {
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = join(folder, "nowhere");
    try {
      const problem = await problemOf(compiledKernels({ ...options, compilers: [await writingCompiler()] }));
      expect(problem).toContain(`${join(folder, "nowhere")}: there is no place for compiling the kernels`);
      expect(problem).toContain("TMPDIR");
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
    }
  });

  it("refuses a compiler that succeeds without a result", async () => {
    const problem = await problemOf(compiledKernels({ ...options, compilers: [await fakeCompiler("cc", "exit 0")] }));
    expect(problem).toContain("ENOENT");
  });

  it("names a cache that cannot be written", async () => {
    await writeFile(join(folder, "file"), "");
    const cacheFolder = join(folder, "file", "cache");
    const problem = await problemOf(compiledKernels({ ...options, cacheFolder, compilers: [await writingCompiler()] }));
    expect(problem).toContain(`${cacheFolder}: the compiled kernels cannot be stored`);
    expect(problem).toContain("make this folder writable");
  });

  it("says which folder lacks the sources", async () => {
    const sources = join(folder, "nowhere");
    await expect(compiledKernels({ ...options, sources, compilers: [await writingCompiler()] })).rejects.toThrow(
      `sources are missing: ${sources}`,
    );
  });
});
