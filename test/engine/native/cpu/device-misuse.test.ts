/** Several CPU devices, opening one, and libraries that are not the kernels. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../../src/base/errors.js";
import { openCpuDevice } from "../../../../src/engine/native/cpu/device.js";
import { longProgram, pairOf } from "../small-buffers.js";
import { describeKernels } from "./kernel-devices.js";
import { LONG, open } from "./small-device.js";

describeKernels("two devices", () => {
  it("run their programs one after the other", async () => {
    using one = await open();
    using other = await open();
    await Promise.all([one.run(longProgram(one, LONG).program), other.run(longProgram(other, LONG).program)]);
  });
});

describe("openCpuDevice", () => {
  it.each([0, -1, 1.5, 1025, 2 ** 40, Number.NaN])("refuses %s threads", async (threads) => {
    await expect(openCpuDevice({ threads })).rejects.toThrow(UserError);
  });

  it("says that there is no compiler", async () => {
    await expect(openCpuDevice({ compilers: ["/nowhere/cc"] })).rejects.toThrow("no C compiler");
  });
});

describeKernels("a library", () => {
  it("describes itself", async () => {
    using device = await open();
    expect(device.description).toMatch(/^CPU, 2 threads, \S+/);
  });

  it.each([
    ["lacks the kernels' functions", "int nothing(void) { return 0; }", "cannot be loaded"],
    [
      "was compiled from another abi.h",
      "int op_size(void) { return 8; } void set_threads(int n) {} void touch_memory(void *m, long long n) {} long long run_program(void *o, int n, void *m) { return 0; }",
      "op_t has not 152 bytes",
    ],
  ])("that %s is refused", async (_, source, message) => {
    const folder = await mkdtemp(join(tmpdir(), "hephaestus-library-"));
    try {
      await writeFile(join(folder, "a.c"), source);
      await expect(openCpuDevice({ sources: folder, cacheFolder: join(folder, "cache") })).rejects.toThrow(message);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("that is none is refused", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hephaestus-library-"));
    try {
      const compiler = join(folder, "cc");
      const script = 'while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; shift; done; echo library > "$out"';
      await writeFile(compiler, `#!/bin/sh\n[ "$1" = --version ] && exit 0\n${script}\n`, { mode: 0o755 });
      const problem = openCpuDevice({ compilers: [compiler], cacheFolder: join(folder, "cache") });
      await expect(problem).rejects.toThrow(UserError);
      await expect(problem).rejects.toThrow(/cannot be loaded[\s\S]*noexec/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("that does not know an operation says which", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hephaestus-library-"));
    try {
      const source =
        "int op_size(void) { return 152; } void set_threads(int n) {} void touch_memory(void *m, long long n) {} long long run_program(void *o, int n, void *m) { return n; }";
      await writeFile(join(folder, "a.c"), source);
      using device = await openCpuDevice({ sources: folder, cacheFolder: join(folder, "cache") });
      const { a, b } = pairOf(device);
      using program = device.record((operations) => {
        operations.add(a, b);
        operations.copy(a, b);
      });
      await expect(device.run(program)).rejects.toThrow("do not know operation 2");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
