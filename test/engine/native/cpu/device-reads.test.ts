/** Reads of the CPU device while programs run. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Buffer, BufferSpec } from "../../../../src/engine/native/device.js";
import { describeKernels } from "./kernel-devices.js";
import { open } from "./small-device.js";

/** Three pieces and a few elements. */
const SIZE = 3 * (1 << 20) + 5;

async function opened() {
  const device = await open();
  const specs = [512, 512, 512].map(
    (width, at): BufferSpec => ({ name: `m${at}`, shape: [width, width], dtype: "f32" }),
  );
  const [out, a, b] = [...device.allocate(specs).values()];
  const [x] = [...device.allocate([{ name: "x", shape: [SIZE], dtype: "f32" }]).values()];
  const values = Float32Array.from({ length: SIZE }, (_, index) => index);
  device.write(x, values);
  const long = device.record((operations) => {
    for (let time = 0; time < 50; time++) operations.matmul(out, a, b);
  });
  return { device, out: out as Buffer, a, b, x, values, long };
}

/** Faster than the test runner's equality. */
function isSame(found: Float32Array, expected: Float32Array): boolean {
  return found.length === expected.length && found.every((value, index) => Object.is(value, expected[index]));
}

describeKernels("reads", () => {
  it("go on while a program runs that does not write what they read", async () => {
    const { device, out, x, values, long } = await opened();
    using _device = device;
    const running = device.run(long);
    expect(isSame(await device.read(x), values)).toBe(true);
    await expect(device.read(out)).rejects.toThrow("a program is running");
    await running;
  });

  it("take turns with everything else, and keep others from writing what they read", async () => {
    const { device, x, values, long } = await opened();
    using _device = device;
    using writer = device.record((operations) => operations.zero(x));
    let done = false;
    const reading = device.read(x).finally(() => {
      done = true;
    });
    await expect(device.run(writer)).rejects.toThrow("being read");
    expect(() => device.write(x, values)).toThrow("being read");
    expect(() => device.free([x])).toThrow("being read");
    let turns = 0;
    for (; !done; turns++) await nextTurn();
    expect(turns).toBeGreaterThanOrEqual(3);
    expect(isSame(await reading, values)).toBe(true);
    await device.run(long);
    await device.run(writer);
    expect(isSame(await device.read(x), new Float32Array(SIZE))).toBe(true);
  });

  it("are ended before the memory goes", async () => {
    const { device, x, values } = await opened();
    const reading = device.read(x);
    device[Symbol.dispose]();
    expect(isSame(await reading, values)).toBe(true);
    await expect(device.read(x)).rejects.toThrow("this device was disposed");
  });
});
