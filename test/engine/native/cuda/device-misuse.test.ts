/** What the contract of devices does not ask for: several cards, and that nothing stays behind on them whatever was refused. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BufferSpec } from "../../../../src/engine/native/device.js";
import { longProgram, ONES, pairOf } from "../small-buffers.js";
import { emulator, imbalances, missing, open } from "./small-card.js";

beforeEach(() => emulator.reset());
afterEach(() => {
  const report = emulator.report();
  expect([report.device.live, report.pinned.live, report.errors, imbalances(report)]).toEqual([0, 0, [], []]);
});

/** Some turns of the event loop. */
const LONG = { width: 32, times: 20 };

describe.skipIf(missing !== null)(missing === null ? "misuse of memory" : `misuse (skipped: ${missing})`, () => {
  it("buffers of another card", async () => {
    using device = await open();
    using second = await open();
    const { a } = pairOf(device);
    const foreign = pairOf(second).b;
    const refused = "b f32[2, 3] belongs to another device";
    expect(() => device.record((operations) => operations.add(a, foreign))).toThrow(refused);
    expect(() => device.write(foreign, ONES)).toThrow(refused);
    expect(() => device.view(foreign, "v", 0, [1])).toThrow(refused);
    expect(() => device.free([foreign])).toThrow(refused);
    await expect(device.read(foreign)).rejects.toThrow(refused);
  });
});

describe.skipIf(missing !== null)("misuse of programs", () => {
  it("writing indices on the card: the host knows what they are, and would no longer", async () => {
    using device = await open();
    const { ids } = pairOf(device);
    expect(() => device.record((operations) => operations.zero(ids))).toThrow(
      "zero: ids i32[2] can only be written by",
    );
  });

  it("takes nothing for a recording that fails after its scratch was taken", async () => {
    using device = await open();
    const spec = (name: string, shape: readonly number[]): BufferSpec => ({ name, shape, dtype: "bf16" });
    const X = 3 * 264;
    const table = [spec("qkv", [2, X]), spec("out", [2, 264]), spec("dOut", [2, 264]), spec("x", [8])];
    const [qkv, out, , x] = [...device.allocate(table).values()];
    const numbers: BufferSpec[] = [
      { name: "lse", shape: [2], dtype: "f32" },
      { name: "sum", shape: [1], dtype: "f32" },
      { name: "starts", shape: [2], dtype: "i32" },
    ];
    const [lse, sum, starts] = [...device.allocate(numbers).values()];
    const before = emulator.report().device.live;
    // No kernel of attention is that wide.
    const shape = { B: 1, T: 2, H: 1, K: 1, D: 264, window: null };
    expect(() =>
      device.record((operations) => {
        operations.squaredNorm(sum, x);
        operations.attention(out, lse, qkv, starts, shape);
      }),
    ).toThrow(/264/);
    expect(emulator.report().device.live).toBe(before);
  });

  it("programs of another card", async () => {
    using device = await open();
    using second = await open();
    const refused = "this program belongs to another device";
    await expect(device.run(second.record(() => {}))).rejects.toThrow(refused);
  });
});

describe.skipIf(missing !== null)("disposal", () => {
  it("waits for a running program, then gives the memory back", async () => {
    const device = await open();
    const { program, x } = longProgram(device, LONG);
    await device.run(program);
    const running = device.run(program);
    program[Symbol.dispose]();
    device[Symbol.dispose]();
    expect(emulator.report().device.live).toBeGreaterThan(0);
    await running;
    expect(emulator.report().device.live).toBe(0);
    await expect(device.read(x)).rejects.toThrow("this device was disposed");
  });

  it("waits for a buffer that is being read", async () => {
    const device = await open();
    const { a } = pairOf(device);
    device.write(a, ONES);
    const reading = device.read(a);
    device[Symbol.dispose]();
    expect(await reading).toEqual(ONES);
    expect(emulator.report().device.live).toBe(0);
  });

  it("of one device leaves another one on the same card alone", async () => {
    using stays = await open();
    const { a, b } = pairOf(stays);
    const goes = await open();
    pairOf(goes);
    goes[Symbol.dispose]();
    stays.write(b, ONES);
    using program = stays.record((operations) => operations.add(a, b));
    await stays.run(program);
    expect(await stays.read(a)).toEqual(ONES);
  });
});
