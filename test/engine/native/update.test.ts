/** The update's two launches and the keys of its roundings. */
import { describe, expect, it } from "vitest";
import { type AdamwOptions, type Buffer, type Operations, SCALARS } from "../../../src/engine/native/device.js";
import type { ArenaLayout } from "../../../src/engine/native/layout.js";
import { passScalars, update, updateScalars } from "../../../src/engine/native/update.js";
import { plainDevice } from "./plain-device.js";

const STEP = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipScale: 1 };

interface Launch {
  readonly ranges: readonly Buffer[];
  readonly options: AdamwOptions;
}

function launches({ decaying, size }: Omit<ArenaLayout, "places">, withMaster: boolean): Launch[] {
  const device = plainDevice();
  const names = ["weight", "master", "gradient", "moment1", "moment2"] as const;
  const made = device.allocate(names.map((name) => ({ name, shape: [size], dtype: "f32" })));
  const [weights, master, gradient, moment1, moment2] = [...made.values()];
  const seen: Launch[] = [];
  const adamw: Operations["adamw"] = (w, m, v, g, _scalars, options) => seen.push({ ranges: [w, m, v, g], options });
  device.record((ops) =>
    update(
      { ...ops, adamw },
      device,
      { places: new Map(), decaying, size },
      { weights, master: withMaster ? master : null },
      { gradient, moment1, moment2 },
      gradient,
    ),
  );
  return seen;
}

describe("an update", () => {
  it.each([true, false])("is two launches that know where they begin; with a master: %s", (withMaster) => {
    const [first, second, ...more] = launches({ decaying: 32, size: 48 }, withMaster);
    expect(more).toEqual([]);
    expect(first.options).toMatchObject({ decays: true, first: 0 });
    expect(second.options).toMatchObject({ decays: false, first: 32 });
    for (const { ranges, options } of [first, second]) {
      const all = withMaster ? [...ranges, options.master] : ranges;
      expect(all.map((range) => range?.size)).toEqual(all.map(() => (options.decays ? 32 : 16)));
      expect(options.master === null).toBe(!withMaster);
    }
  });

  it("leaves out a range without parameters", () => {
    expect(launches({ decaying: 16, size: 16 }, false).map(({ options }) => options.decays)).toEqual([true]);
    expect(launches({ decaying: 0, size: 16 }, true).map(({ options }) => options.decays)).toEqual([false]);
  });
});

describe("rounding keys", () => {
  const keys = (scalars: Float32Array): readonly [number, number] => {
    const at = SCALARS.indexOf("roundingKey1");
    return [scalars[at], scalars[at + 1]];
  };

  it("are whole numbers that float32 holds, others for every update and alike for the same", () => {
    const pairs = Array.from({ length: 5000 }, (_, index) => keys(updateScalars({ ...STEP, update: index + 1 })));
    for (const key of pairs.flat()) expect(Number.isInteger(key) && key >= 0 && key < 2 ** 24).toBe(true);
    expect(new Set(pairs.map(String)).size).toBe(pairs.length);
    // A constant would do for neither: of 24 bits, 5000 draws leave out few.
    for (const which of [0, 1]) expect(new Set(pairs.map((pair) => pair[which])).size).toBeGreaterThan(4980);
    expect(keys(updateScalars({ ...STEP, learningRate: 7, update: 3 }))).toEqual(pairs[2]);
  });

  it("are not needed by a pass", () => {
    expect(keys(passScalars(0.5))).toEqual([0, 0]);
    expect(passScalars(0.5)[SCALARS.indexOf("lossScale")]).toBe(0.5);
  });
});
