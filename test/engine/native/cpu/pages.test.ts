/** Which pages of an arena are still to be touched, and that touching changes nothing. */
import { Buffer as Bytes } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HUGE_PAGE, Pages, type Span } from "../../../../src/engine/native/cpu/pages.js";
import type { Buffer } from "../../../../src/engine/native/device.js";
import { describeKernels } from "./kernel-devices.js";
import { open } from "./small-device.js";

describe("pages", () => {
  it("are taken in whole pieces, once, the last cut to size", () => {
    const pages = new Pages(3 * HUGE_PAGE + 100);
    expect(pages.take([{ from: HUGE_PAGE + 5, end: HUGE_PAGE + 6 }])).toEqual([
      { from: HUGE_PAGE, end: 2 * HUGE_PAGE },
    ]);
    const all = [{ from: 0, end: 3 * HUGE_PAGE + 100 }];
    expect(pages.take(all)).toEqual([
      { from: 0, end: HUGE_PAGE },
      { from: 2 * HUGE_PAGE, end: 3 * HUGE_PAGE + 100 },
    ]);
    expect(pages.take(all)).toEqual([]);
  });

  it("come joined and in order, however the spans lie", () => {
    const pages = new Pages(8 * HUGE_PAGE);
    const spans = [5, 1, 2, 0, 5].map((piece) => ({ from: piece * HUGE_PAGE + 3, end: piece * HUGE_PAGE + 7 }));
    expect(pages.take(spans)).toEqual([
      { from: 0, end: 3 * HUGE_PAGE },
      { from: 5 * HUGE_PAGE, end: 6 * HUGE_PAGE },
    ]);
  });

  it("cover every span and overlap nothing taken before, whatever is asked for", () => {
    const size = 6 * HUGE_PAGE - 4;
    const span = fc
      .tuple(fc.nat(size - 1), fc.nat(size - 1))
      .map(([one, other]): Span => ({ from: Math.min(one, other), end: Math.max(one, other) + 1 }));
    fc.assert(
      fc.property(fc.array(fc.array(span, { maxLength: 4 }), { maxLength: 4 }), (requests) => {
        const pages = new Pages(size);
        const taken: Span[] = [];
        for (const spans of requests) {
          taken.push(...pages.take(spans));
          for (const { from, end } of spans)
            for (let piece = Math.floor(from / HUGE_PAGE); piece * HUGE_PAGE < end; piece++)
              expect(taken.filter((one) => one.from <= piece * HUGE_PAGE && one.end > piece * HUGE_PAGE)).toHaveLength(
                1,
              );
        }
        for (const { end } of taken) expect(end).toBeLessThanOrEqual(size);
      }),
    );
  });
});

describeKernels("large memory", () => {
  /** Elements of 5 MiB and a bit. */
  const SIZE = 5 * 2 ** 18 + 3;

  /** Element by element in a test's words takes seconds. */
  const same = (one: Float32Array, other: Float32Array): boolean =>
    Bytes.from(one.buffer).equals(Bytes.from(other.buffer));

  it("is aligned to huge pages and zero, and a program's first run finds what was written before", async () => {
    using device = await open();
    const [a, b] = [
      ...device.allocate(["a", "b"].map((name) => ({ name, shape: [SIZE], dtype: "f32" as const }))).values(),
    ];
    const address = (buffer: Buffer): bigint => ("address" in buffer ? (buffer.address as bigint) : 1n);
    expect(address(a) % BigInt(HUGE_PAGE)).toBe(0n);
    // Also where a page begins; thirds have no byte that is zero.
    const values = Float32Array.from({ length: SIZE }, (_, index) => (index % 1024 < 3 ? index + 1 / 3 : 0));
    device.write(a, values);
    using program = device.record((operations) => operations.add(b, a));
    await device.run(program);
    expect(same(await device.read(a), values)).toBe(true);
    expect(same(await device.read(b), values)).toBe(true);
    await device.run(program);
    const twice = values.map((value) => 2 * value);
    expect(same(await device.read(b), twice)).toBe(true);
  });

  it("is touched where a program uses it, before its first run only", async () => {
    using device = await open();
    const [large] = [...device.allocate([{ name: "large", shape: [4 * SIZE], dtype: "f32" }]).values()];
    const tail = device.view(large, "tail", 3 * SIZE, [4]);
    const program = device.record((operations) => operations.zero(tail));
    const [{ address, bytes }, ...others] = program.untouched();
    expect(others).toEqual([]);
    expect(bytes).toBe(HUGE_PAGE);
    const at = "address" in tail ? (tail.address as bigint) : 0n;
    expect(at >= address && at < address + BigInt(bytes)).toBe(true);
    expect(program.untouched()).toEqual([]);
    const whole = device.record((operations) => operations.zero(large));
    expect(whole.untouched().reduce((sum, stretch) => sum + stretch.bytes, bytes)).toBe(4 * 4 * SIZE + 16);
  });
});
