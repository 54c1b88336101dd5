/** The contract of devices on the processor, and what is particular to its memory. */
import { freemem, totalmem } from "node:os";
import { expect, it } from "vitest";
import { UserError } from "../../../../src/base/errors.js";
import type { Buffer, BufferSpec } from "../../../../src/engine/native/device.js";
import { NativeEngine } from "../../../../src/engine/native/engine.js";
import { PRECISIONS } from "../../../../src/engine/native/precision.js";
import { parameterTable } from "../../../../src/model/parameters.js";
import { architectureOf } from "../../cases.js";
import { deviceContract } from "../device-contract.js";
import { PAIR } from "../small-buffers.js";
import { describeKernels } from "./kernel-devices.js";
import { LONG, open } from "./small-device.js";

deviceContract({ describe: describeKernels, open, alignment: 64, long: LONG });

describeKernels("memory of this machine", () => {
  it("refuses bf16 by its own name, before it takes memory", async () => {
    using device = await open();
    const table: BufferSpec[] = [PAIR[0], { name: "narrow", shape: [2 ** 50], dtype: "bf16" }];
    const refusal = `${device.description}: no kernels for bf16, asked for by narrow`;
    expect(device.description).toMatch(/^CPU/);
    expect(() => device.allocate(table)).toThrow(refusal);
    const architecture = architectureOf();
    const options = { name: "native-cpu", precision: PRECISIONS.bf16 };
    const engine = () => new NativeEngine(architecture, parameterTable(architecture), device, options);
    expect(engine).toThrow(/^CPU.* no kernels for bf16, asked for by weight$/);
  });

  it.each([
    ["more than this machine has", totalmem() / 4],
    ["more than any machine has", 2 ** 50],
  ])("says what is short when a table needs %s", async (_, elements) => {
    using device = await open();
    const table: BufferSpec[] = [PAIR[0], { name: "huge", shape: [elements], dtype: "f32" }];
    expect(() => device.allocate(table)).toThrow(UserError);
    expect(() => device.allocate(table)).toThrow(/not enough memory[\s\S]* free[\s\S]*largest buffer is huge/);
  });

  it.skipIf(freemem() < 6 * 2 ** 30)(
    "takes more than 4 GiB at once (skipped where less than 6 GiB are free)",
    async () => {
      using device = await open();
      const large = device.allocate([{ name: "large", shape: [5 * 2 ** 28], dtype: "f32" }]).get("large") as Buffer;
      const end = device.view(large, "end", large.size - 2, [2]);
      device.write(end, Float32Array.of(1, 2));
      expect(await device.read(end)).toEqual(Float32Array.of(1, 2));
    },
  );
});
