/** Every kernel at odd sizes under the address and undefined-behaviour sanitizers, in a C program of its own. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { messageOf } from "../../../../src/base/errors.js";
import { KERNEL_FLAGS, KERNEL_FOLDER } from "../../../../src/engine/native/cpu/compiler.js";

const run = promisify(execFile);
const SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"];
/** Less optimisation than the real thing: it takes a third of the time to compile and hides no access. */
const FLAGS = [...KERNEL_FLAGS.filter((flag) => flag !== "-fPIC" && flag !== "-O3"), "-O1", ...SANITIZERS];
/** OpenMP's threads and the kernels' scratch memory live as long as the process. */
const ENVIRONMENT = { ...process.env, ASAN_OPTIONS: "detect_leaks=0", UBSAN_OPTIONS: "print_stacktrace=1" };

const folder = await mkdtemp(join(tmpdir(), "hephaestus-sanitizers-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function build(name: string, sources: readonly string[]): Promise<string> {
  const program = join(folder, name);
  await run("cc", [...FLAGS, `-I${KERNEL_FOLDER}`, ...sources, "-lm", "-ldl", "-o", program]);
  return program;
}

async function buildText(name: string, text: string): Promise<string> {
  await writeFile(join(folder, `${name}.c`), text);
  return build(name, [join(folder, `${name}.c`)]);
}

/** Why there are no sanitizers here, or null. */
async function obstacle(): Promise<string | null> {
  try {
    await run(await buildText("sound", "int main(void) { return 0; }"), [], { env: ENVIRONMENT });
    return null;
  } catch (error) {
    return messageOf(error).split("\n", 2).join(" ");
  }
}

const reason = await obstacle();

describe.skipIf(reason !== null)(`sanitizers${reason === null ? "" : ` (skipped, none here: ${reason})`}`, () => {
  it("would see a write beyond a buffer", async () => {
    const text =
      "#include <stdlib.h>\nint main(int n, char **a) { float *x = malloc(4 * n); x[n] = n; return x[0] > 9; }";
    await expect(run(await buildText("broken", text), [], { env: ENVIRONMENT })).rejects.toThrow(
      "heap-buffer-overflow",
    );
  });

  it("find nothing in any kernel, with one thread and three", { timeout: 300_000 }, async () => {
    const kernels = (await readdir(KERNEL_FOLDER)).filter((name) => name.endsWith(".c"));
    const sources = kernels.map((name) => join(KERNEL_FOLDER, name));
    const driver = await build("driver", [...sources, join(import.meta.dirname, "sanitizer-driver.c")]);
    const { stdout, stderr } = await run(driver, [], { env: ENVIRONMENT });
    expect(stderr).toBe("");
    expect(Number.parseInt(stdout, 10)).toBeGreaterThan(500);
  });
});
