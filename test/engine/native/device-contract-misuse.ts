/** A device used wrongly: every mistake is refused in words, and the device goes on working. */
import { expect, it } from "vitest";
import type { Buffer } from "../../../src/engine/native/device.js";
import type { DeviceUnderTest } from "./device-contract.js";
import { plainDevice } from "./plain-device.js";
import { longProgram, ONES, PAIR, pairOf } from "./small-buffers.js";

export function misuseContract({ open, long }: DeviceUnderTest): void {
  it("of shapes and shared memory is refused when a program is recorded", async () => {
    using device = await open();
    const { a, b, table } = pairOf(device);
    expect(() => device.record((operations) => operations.add(a, table))).toThrow("add(out: a f32[2, 3]; x: table");
    const overlapping = () => [device.view(a, "head", 0, [3]), device.view(a, "mid", 1, [3])] as const;
    expect(() => device.record((operations) => operations.copy(...overlapping()))).toThrow("shares memory with mid");
    expect(() => device.record((operations) => operations.copy(a, b)).operations).not.toThrow();
  });

  it("of memory that was given back, its views, and programs over it", async () => {
    using device = await open();
    const buffers = pairOf(device);
    const { a, b } = buffers;
    const view = device.view(b, "v", 0, [3]);
    using program = device.record((operations) => operations.add(a, b));
    device.free(Object.values(buffers));
    for (const gone of [b, view]) {
      expect(() => device.write(gone, new Float32Array(gone.size))).toThrow("was given back");
      expect(() => device.view(gone, "w", 0, [1])).toThrow("was given back");
      expect(() => device.free([gone])).toThrow("was given back");
      await expect(device.read(gone)).rejects.toThrow("was given back");
    }
    expect(() => device.record((operations) => operations.add(a, b))).toThrow("a f32[2, 3] was given back");
    await expect(device.run(program)).rejects.toThrow("uses buffers that were given back");
  });

  it("of buffers and programs of another kind of device", async () => {
    using device = await open();
    using plain = plainDevice();
    const { a } = pairOf(device);
    const foreign = plain.allocate(PAIR).get("b") as Buffer;
    const refused = "b f32[2, 3] belongs to another device";
    expect(() => device.record((operations) => operations.add(a, foreign))).toThrow(refused);
    expect(() => device.write(foreign, ONES)).toThrow(refused);
    expect(() => device.view(foreign, "v", 0, [1])).toThrow(refused);
    expect(() => device.free([foreign])).toThrow(refused);
    await expect(device.read(foreign)).rejects.toThrow(refused);
    await expect(device.run(plain.record(() => {}))).rejects.toThrow("this program belongs to another device");
  });

  it("by a second run, reading, writing and freeing while a program runs", async () => {
    using device = await open();
    const { program, x } = longProgram(device, long);
    for (let round = 0; round < 2; round++) {
      const first = device.run(program);
      await expect(device.run(program)).rejects.toThrow("a program is running");
      await expect(device.read(x)).rejects.toThrow("a program is running");
      expect(() => device.write(x, new Float32Array(x.size))).toThrow("a program is running");
      expect(() => device.free([x])).toThrow("a program is running");
      await first;
    }
    await device.run(program);
  });

  it("by running, writing and freeing while a buffer is read; other reads wait", async () => {
    using device = await open();
    const { program, x } = longProgram(device, long);
    const reads = [device.read(x), device.read(x)];
    const refused = "a buffer of this device is being read";
    // Before the event loop turns: a device may have read so little at once.
    const running = device.run(program);
    expect(() => device.write(x, new Float32Array(x.size))).toThrow(refused);
    expect(() => device.free([x])).toThrow(refused);
    await expect(running).rejects.toThrow(refused);
    expect(await Promise.all(reads)).toEqual([new Float32Array(x.size), new Float32Array(x.size)]);
    await device.run(program);
  });

  it("of disposed programs", async () => {
    using device = await open();
    const { a, b } = pairOf(device);
    const program = device.record((operations) => operations.add(a, b));
    program[Symbol.dispose]();
    program[Symbol.dispose]();
    await expect(device.run(program)).rejects.toThrow("this program was disposed");
  });

  it("after disposal, which ends what runs and may happen twice", async () => {
    const device = await open();
    const { program, x } = longProgram(device, long);
    await device.run(program);
    const running = device.run(program);
    program[Symbol.dispose]();
    device[Symbol.dispose]();
    await running;
    await expect(device.read(x)).rejects.toThrow("this device was disposed");
  });

  it("after disposal, which waits for what is being read", async () => {
    const device = await open();
    const { a } = pairOf(device);
    device.write(a, ONES);
    const reading = device.read(a);
    device[Symbol.dispose]();
    expect(await reading).toEqual(ONES);
  });

  it("after disposal, whatever is asked", async () => {
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
}
