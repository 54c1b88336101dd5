/** What a device may do at once. */
import { describe, expect, it } from "vitest";
import type { Operation } from "../../../src/engine/native/call.js";
import type { Buffer } from "../../../src/engine/native/device.js";
import { Usage, writtenBy } from "../../../src/engine/native/usage.js";

const memory = {};
const place = (start: number, size: number, of: unknown = memory) => ({ memory: of, start, size });
const RUNNING = "a program is running on this device";
const READ = "a buffer of this device is being read";

/** Work that lasts until `end` is called. */
function held() {
  let end = (): void => {};
  const lasting = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { work: () => lasting, end };
}

describe("the use of a device", () => {
  it("is a program and reads of what it does not write", async () => {
    const usage = new Usage();
    const { work, end } = held();
    const running = usage.run([place(0, 4)], work);
    expect([usage.running, usage.idle]).toEqual([true, false]);
    expect(await usage.read(place(4, 4), async () => "after")).toBe("after");
    expect(await usage.read(place(0, 4, {}), async () => "elsewhere")).toBe("elsewhere");
    await expect(usage.read(place(3, 4), work)).rejects.toThrow(RUNNING);
    await expect(usage.run([], work)).rejects.toThrow(RUNNING);
    expect(() => usage.checkFree(place(100, 1))).toThrow(RUNNING);
    end();
    await running;
    expect(usage.idle).toBe(true);
  });

  it("is reads, and whatever does not touch what they read", async () => {
    const usage = new Usage();
    const [one, other] = [held(), held()];
    const first = usage.read(place(4, 4), one.work);
    const second = usage.read(place(4, 4), other.work);
    expect(() => usage.checkFree(place(7, 1))).toThrow(READ);
    expect(() => usage.checkFree(place(0, 4))).not.toThrow();
    await expect(usage.run([place(0, 2), place(2, 3)], async () => {})).rejects.toThrow(READ);
    await usage.run([place(0, 4), place(8, 4)], async () => {});
    one.end();
    await first;
    expect(() => usage.checkFree(place(4, 1))).toThrow(READ);
    other.end();
    await second;
    expect(() => usage.checkFree(place(4, 1))).not.toThrow();
    expect(usage.idle).toBe(true);
  });

  it("ends with an error as well", async () => {
    const usage = new Usage();
    const fail = () => Promise.reject(new Error("torn"));
    await expect(usage.read(place(0, 1), fail)).rejects.toThrow("torn");
    await expect(usage.run([place(0, 1)], fail)).rejects.toThrow("torn");
    expect(usage.idle).toBe(true);
  });
});

describe("what operations write", () => {
  it("is their outputs, where there are any", () => {
    const buffer = (name: string): Buffer => ({ name, shape: [1], dtype: "f32", size: 1 });
    const operation: Operation = {
      ...{ name: "rmsNorm", flags: 0, sizes: [], reals: [], inPlace: null, indices: [] },
      buffers: [buffer("a"), null, buffer("b"), buffer("read")],
      outputs: 3,
    };
    const found = writtenBy([operation, operation], ({ name }) => place(0, 1, name));
    expect(found.map((one) => one.memory)).toEqual(["a", "b", "a", "b"]);
  });
});
