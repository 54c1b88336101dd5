/** Downloads beside the stream's work, on the emulator, whose streams do nothing before somebody waits for them. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { openDriver } from "../../../../../src/engine/native/cuda/ffi/driver.js";
import { type Context, openContext } from "../../../../../src/engine/native/cuda/runtime/context.js";
import { Arena, type DeviceBuffer } from "../../../../../src/engine/native/cuda/runtime/memory.js";
import { STAGING_BYTES, Staging } from "../../../../../src/engine/native/cuda/runtime/staging.js";
import { emulatorMissing } from "../../../../cuda/emulator/build.js";
import { type Emulator, openEmulator } from "../../../../cuda/emulator/emulator.js";

const reason = await emulatorMissing();

describe.skipIf(reason !== null)(reason ?? "downloads", () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await openEmulator();
  });
  afterEach(() => emulator.reset());

  /** Two buffers of which the first holds 1, 2, 3 …, as soon as the stream has come so far; large enough for several pieces. */
  async function filled(
    body: (of: { context: Context; staging: Staging; x: DeviceBuffer; y: DeviceBuffer }) => Promise<void>,
  ) {
    emulator.set("log", 1);
    {
      using context = openContext(openDriver(emulator.path));
      using arena = new Arena(
        context,
        ["x", "y"].map((name) => ({ name, shape: [SIZE], dtype: "f32" })),
      );
      using staging = new Staging(context, 4096);
      const [x, y] = arena.buffers.values();
      staging.upload(x, VALUES);
      await body({ context, staging, x, y });
      await context.stream.wait();
    }
    const { errors, pinned, device } = emulator.report();
    expect([errors, pinned.live, device.live]).toEqual([[], 0, 0]);
  }
  const SIZE = 5000;
  const VALUES = Float32Array.from({ length: SIZE }, (_, index) => index + 1);
  const FILL_Y = `fill ${4 * SIZE - 4}`;

  it("beside it see all that was before the mark, and do not wait for what is after it", () =>
    filled(async ({ context, staging, x, y }) => {
      staging.mark();
      context.stream.fill(y.address, 4 * SIZE - 4);
      const values = new Float32Array(SIZE);
      await staging.download(x, values, { beside: true });
      expect(values).toEqual(VALUES);
      expect(emulator.report().log).not.toContain(FILL_Y);
    }));

  it("see otherwise all that the stream was given before", () =>
    filled(async ({ context, staging, x, y }) => {
      staging.mark();
      context.stream.copy(y.address, x.address, 4 * SIZE);
      const values = new Float32Array(SIZE);
      await staging.download(y, values);
      expect(values).toEqual(VALUES);
    }));

  it("of little do not queue with those of much", () =>
    filled(async ({ context, staging, x, y }) => {
      context.stream.fill(y.address, 4 * SIZE - 4);
      const large = new Float32Array(SIZE);
      const small = new Float32Array(2);
      let done = false;
      const downloading = staging.download(x, large).then(() => {
        done = true;
      });
      await staging.download(y.view("last", SIZE - 2, [2]), small);
      expect(done).toBe(false);
      await downloading;
      expect(large).toEqual(VALUES);
      expect([...small]).toEqual([0, 0]);
    }));

  it("let the event loop turn after every piece, also when the card is faster than this", () =>
    filled(async ({ context, staging, x }) => {
      emulator.set("deferred", 0);
      await context.stream.wait();
      let done = false;
      const downloading = staging.download(x, new Float32Array(SIZE)).then(() => {
        done = true;
      });
      let turns = 0;
      for (; !done; turns++) await nextTurn();
      await downloading;
      // 20 000 bytes in pieces of 4096: five.
      expect(turns).toBeGreaterThanOrEqual(4);
    }));

  it("and uploads pin what is said", () => {
    using context = openContext(openDriver(emulator.path));
    using _staging = new Staging(context);
    expect(emulator.report().pinned.bytes).toBe(STAGING_BYTES);
  });
});
