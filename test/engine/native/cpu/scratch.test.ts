/** Kernels without the memory that they borrow while they run: in C, where memory can be refused, and what becomes of it above. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { UserError } from "../../../../src/base/errors.js";
import { KERNEL_FOLDER } from "../../../../src/engine/native/cpu/compiler.js";
import { openCpuDevice } from "../../../../src/engine/native/cpu/device.js";
import { pairOf } from "../small-buffers.js";
import { describeKernels } from "./kernel-devices.js";

const run = promisify(execFile);

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hephaestus-scratch-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describeKernels("scratch memory", () => {
  it("that cannot be had ends the program with what was wanted, and not the process", {
    timeout: 180_000,
  }, async () => {
    const kernels = (await readdir(KERNEL_FOLDER)).filter((name) => name.endsWith(".c"));
    const sources = [
      ...kernels.map((name) => join(KERNEL_FOLDER, name)),
      join(import.meta.dirname, "scratch-driver.c"),
    ];
    const program = join(folder, "scratch");
    const flags = ["-O1", "-march=native", "-fopenmp", "-std=gnu11", "-Daligned_alloc=failing_aligned_alloc"];
    await run("cc", [...flags, `-I${KERNEL_FOLDER}`, ...sources, "-lm", "-ldl", "-o", program]);
    const { stdout, stderr } = await run(program);
    expect(stderr).toBe("");
    // Each of the six operations without any, and with all; most also with some.
    expect(Number.parseInt(stdout, 10)).toBeGreaterThan(12);
  });

  it("is asked for in a plain message", async () => {
    const text =
      "#include <stdint.h>\nint op_size(void) { return 152; } void set_threads(int n) {} void touch_memory(void *m, int64_t n) {}\n" +
      "int64_t run_program(void *o, int n, void *m) { return -(5ll << 40); }";
    await writeFile(join(folder, "short.c"), text);
    using device = await openCpuDevice({ sources: folder, cacheFolder: join(folder, "cache") });
    const { a, b } = pairOf(device);
    using program = device.record((operations) => operations.add(a, b));
    const problem = await device.run(program).catch((error: unknown) => error);
    expect(problem).toBeInstanceOf(UserError);
    expect(String(problem)).toMatch(/not enough memory[\s\S]*5 TiB[\s\S]*fewer rows/);
    device.write(a, new Float32Array(6));
  });
});
