/** Reads of the CUDA device while programs run, on the emulator. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BufferSpec } from "../../../../src/engine/native/device.js";
import { emulator, imbalances, missing, open } from "./small-card.js";

beforeEach(() => emulator.reset());
afterEach(() => {
  const report = emulator.report();
  expect([report.device.live, report.pinned.live, report.errors, imbalances(report)]).toEqual([0, 0, [], []]);
});

/** Larger than a slot of the lane for large downloads, of both types. */
const SIZE = (2 << 20) / 4 + 3;

async function opened() {
  const device = await open();
  const specs: BufferSpec[] = [
    ...["x", "y"].map((name): BufferSpec => ({ name, shape: [SIZE], dtype: "f32" })),
    ...["z", "out"].map((name): BufferSpec => ({ name, shape: [64], dtype: "bf16" })),
  ];
  const [x, y, z, out] = [...device.allocate(specs).values()];
  device.write(x, new Float32Array(SIZE).fill(3));
  device.write(z, new Float32Array(64).fill(2));
  return { device, x, y, z, out };
}

describe.skipIf(missing !== null)(missing === null ? "reads" : `reads (skipped: ${missing})`, () => {
  it("go on while a program runs, be it the first run or a replay", async () => {
    const { device, x, y, z, out } = await opened();
    using _device = device;
    using program = device.record((operations) => {
      for (let time = 0; time < 20; time++) operations.copy(y, x);
      operations.add(out, z);
    });
    for (let run = 1; run <= 3; run++) {
      const running = device.run(program);
      const [values, few] = await Promise.all([device.read(x), device.read(z)]);
      expect(values.every((value) => value === 3)).toBe(true);
      expect(few).toEqual(new Float32Array(64).fill(2));
      await running;
      expect(await device.read(out)).toEqual(new Float32Array(64).fill(2 * run));
    }
  });

  it("begun before a program go on beside it, and keep it from writing what they read", async () => {
    const { device, x, y } = await opened();
    using _device = device;
    using reader = device.record((operations) => operations.copy(y, x));
    using writer = device.record((operations) => operations.zero(x));
    const reading = device.read(x);
    await expect(device.run(writer)).rejects.toThrow("a buffer of this device is being read");
    await device.run(reader);
    device.write(y, new Float32Array(SIZE).fill(9));
    expect((await reading).every((value) => value === 3)).toBe(true);
    await device.run(writer);
    expect((await device.read(x)).every((value) => value === 0)).toBe(true);
  });

  it("are refused of what the running program writes", async () => {
    const { device, x, y } = await opened();
    using _device = device;
    using program = device.record((operations) => operations.copy(y, x));
    const running = device.run(program);
    await expect(device.read(device.view(y, "part", 1, [2]))).rejects.toThrow("a program is running");
    await running;
    expect(await device.read(device.view(y, "part", 1, [2]))).toEqual(Float32Array.of(3, 3));
  });

  it("let other memory be given back and taken meanwhile", async () => {
    const { device, x } = await opened();
    using _device = device;
    const other = [...device.allocate([{ name: "other", shape: [8], dtype: "f32" }]).values()];
    const reading = device.read(x);
    device.free(other);
    expect(() => device.free([x])).toThrow("a buffer of this device is being read");
    device.allocate([{ name: "third", shape: [8], dtype: "f32" }]);
    expect((await reading).every((value) => value === 3)).toBe(true);
  });
});
