/** The CPU device used wrongly, and libraries that are not the kernels. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../../src/base/errors.js";
import { type CpuDevice, openCpuDevice } from "../../../../src/engine/native/cpu/device.js";
import type { Buffer, BufferSpec } from "../../../../src/engine/native/device.js";
import { plainDevice } from "../plain-device.js";
import { describeKernels } from "./kernel-devices.js";
import { ONES, open, PAIR, pairOf } from "./small-device.js";

describeKernels("misuse", () => {
  /** A program that runs for some milliseconds. */
  function longProgram(device: CpuDevice) {
    const specs = ["x", "y", "z"].map((name): BufferSpec => ({ name, shape: [256, 256], dtype: "f32" }));
    const [x, y, z] = [...device.allocate(specs).values()];
    const program = device.record((operations) => {
      for (let time = 0; time < 50; time++) operations.matmul(x, y, z);
    });
    return { program, x };
  }

  it("refuses a second run, reading, writing and freeing while a program runs", async () => {
    using device = await open();
    const { program, x } = longProgram(device);
    const first = device.run(program);
    await expect(device.run(program)).rejects.toThrow("a program is running");
    await expect(device.read(x)).rejects.toThrow("a program is running");
    expect(() => device.write(x, new Float32Array(x.size))).toThrow("a program is running");
    expect(() => device.free([x])).toThrow("a program is running");
    await first;
    await device.run(program);
  });

  it("runs programs of two devices one after the other", async () => {
    using one = await open();
    using other = await open();
    await Promise.all([one.run(longProgram(one).program), other.run(longProgram(other).program)]);
  });

  it("ends a running program before the memory goes", async () => {
    const device = await open();
    const { program, x } = longProgram(device);
    const running = device.run(program);
    program[Symbol.dispose]();
    device[Symbol.dispose]();
    await running;
    await expect(device.read(x)).rejects.toThrow("this device was disposed");
  });

  it("refuses everything after disposal, which may happen twice", async () => {
    const device = await open();
    const { a, b } = pairOf(device);
    const program = device.record((operations) => operations.add(a, b));
    device[Symbol.dispose]();
    device[Symbol.dispose]();
    const refused = "this device was disposed";
    expect(() => device.allocate(PAIR)).toThrow(refused);
    expect(() => device.write(a, ONES)).toThrow(refused);
    expect(() => device.view(a, "v", 0, [1])).toThrow(refused);
    expect(() => device.record(() => {})).toThrow(refused);
    expect(() => device.free([a])).toThrow(refused);
    await expect(device.read(a)).rejects.toThrow(refused);
    await expect(device.run(program)).rejects.toThrow(refused);
  });

  it("refuses a disposed program", async () => {
    using device = await open();
    const { a, b } = pairOf(device);
    const program = device.record((operations) => operations.add(a, b));
    program[Symbol.dispose]();
    program[Symbol.dispose]();
    await expect(device.run(program)).rejects.toThrow("this program was disposed");
  });

  it("refuses buffers and programs of another kind of device", async () => {
    using device = await open();
    using plain = plainDevice();
    const { a } = pairOf(device);
    const foreign = plain.allocate(PAIR).get("b") as Buffer;
    expect(() => device.record((operations) => operations.add(a, foreign))).toThrow(
      "b f32[2, 3] belongs to another device",
    );
    await expect(device.run(plain.record(() => {}))).rejects.toThrow("belongs to another device");
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
