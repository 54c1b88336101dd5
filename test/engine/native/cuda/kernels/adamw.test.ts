/** AdamW on the card: against the plain loops where nothing is rounded stochastically, and its rounding against bounds and the generator. */
import { expect, it } from "vitest";
import { philox } from "../../../../../src/base/random.js";
import { type AdamwStorage, adamw } from "../../../../../src/engine/native/cuda/kernels/adamw.js";
import { SCALARS } from "../../../../../src/engine/native/device.js";
import { bf16Bits, toBf16 } from "./bf16-values.js";
import { describeKernels, expectLikePlain, type KernelCase, normal, runOnCard } from "./kernel-cases.js";

const STEP: Readonly<Record<(typeof SCALARS)[number], number>> = {
  ...{ lossScale: Number.NaN, clipScale: 0.7, learningRate: 1e-2, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 },
  ...{
    weightDecay: 0.1,
    oneMinusBeta1: 1 - 0.9,
    oneMinusBeta2: 1 - 0.95,
    correction1: 1 - 0.9 ** 3,
    correction2: 1 - 0.95 ** 3,
    roundingKey1: 77,
    roundingKey2: 2 ** 24 - 1,
  },
};

function scalarsOf(changes: Partial<Record<(typeof SCALARS)[number], number>> = {}): Float32Array {
  return Float32Array.from(SCALARS, (name) => ({ ...STEP, ...changes })[name]);
}

interface Range {
  readonly count: number;
  readonly decays?: boolean;
  readonly first?: number;
  readonly master?: boolean;
}

/** A launch over w, m, v, g (and the master weights). */
function launchesOf(
  at: (name: string) => bigint,
  { count, decays = true, first = 0, master = false }: Range,
  storage: AdamwStorage,
) {
  const buffers = { weight: at("w"), moment1: at("m"), moment2: at("v"), gradient: at("g"), scalars: at("scalars") };
  return adamw({ ...buffers, master: master ? at("master") : null }, { count, first, decays }, storage);
}

const COUNTS = [1, 7, 16, 257, 5003].flatMap((count) => [true, false].map((decays) => ({ count, decays })));

describeKernels("adamw", () => {
  it.each(COUNTS)("$count of f32, decays $decays", ({ count, decays }) =>
    expectLikePlain({
      storage: "f32",
      shapes: { w: [count], m: [count], v: [count], g: [count], scalars: [SCALARS.length] },
      inputs: {
        ...{ w: normal(count), m: normal(count, 0.1), v: normal(count, 0.1).map(Math.abs), g: normal(count) },
        scalars: scalarsOf(),
      },
      exempt: ["scalars"],
      plain: [(ops, get) => ops.adamw(get("w"), get("m"), get("v"), get("g"), get("scalars"), { decays })],
      launches: (at) => launchesOf(at, { count, decays }, { weight: "f32", moment: "f32", gradient: "f32" }),
    }),
  );

  it.each(COUNTS)(
    "$count of bf16 with a master, decays $decays: the weight is the master rounded to nearest",
    async (one) => {
      const { count, decays } = one;
      const weights = normal(count);
      const shared: KernelCase = {
        storage: "bf16",
        shapes: { w: [count], g: [count] },
        f32: { master: [count], m: [count], v: [count], scalars: [SCALARS.length] },
        inputs: {
          ...{ master: weights, m: normal(count, 0.1), v: normal(count, 0.1).map(Math.abs), g: normal(count) },
          scalars: scalarsOf(),
        },
        exempt: ["scalars"],
        plain: [
          (ops, get) => ops.adamw(get("master"), get("m"), get("v"), get("g"), get("scalars"), { decays }),
          (ops, get) => ops.copy(get("w"), get("master")),
        ],
        launches: (at) => launchesOf(at, { ...one, master: true }, { weight: "bf16", moment: "f32", gradient: "bf16" }),
      };
      await expectLikePlain(shared);
      const { w, master, g } = await runOnCard(shared);
      expect([...w]).toEqual([...Float64Array.from(master, toBf16)]);
      expect(g.every((value) => value === 0)).toBe(true);
    },
  );
});

/** All of it in bf16: 8 bytes for each parameter. */
const BF16: AdamwStorage = { weight: "bf16", moment: "bf16", gradient: "bf16" };

/** A range in which every parameter is the same, so that only the random bits differ. */
function equalParameters(range: Range, values: Readonly<Record<"w" | "m" | "v" | "g", number>>, scalars = scalarsOf()) {
  const { count } = range;
  const full = (value: number): Float32Array => new Float32Array(count).fill(value);
  return runOnCard({
    storage: "bf16",
    shapes: { w: [count], m: [count], v: [count], g: [count] },
    f32: { scalars: [SCALARS.length] },
    inputs: { w: full(values.w), m: full(values.m), v: full(values.v), g: full(values.g), scalars },
    plain: [],
    launches: (at) => launchesOf(at, range, BF16),
  });
}

/** What a parameter becomes in exact arithmetic on the values as stored. */
function exactUpdate(values: Readonly<Record<"w" | "m" | "v" | "g", number>>, scalars = scalarsOf()) {
  const of = (name: (typeof SCALARS)[number]): number => scalars[SCALARS.indexOf(name)];
  const [w, m0, v0, g0] = [values.w, values.m, values.v, values.g].map(toBf16);
  const g = of("clipScale") * g0;
  const m = of("beta1") * m0 + of("oneMinusBeta1") * g;
  const v = of("beta2") * v0 + of("oneMinusBeta2") * g * g;
  const change = m / of("correction1") / (Math.sqrt(v / of("correction2")) + of("epsilon")) + of("weightDecay") * w;
  return { w: w - of("learningRate") * change, m, v };
}

describeKernels("stochastic rounding", () => {
  const VALUES = { w: 1.374, m: 0.021, v: 0.0043, g: 0.31 };

  it("gives one of the two neighbours, with a mean that is right within five deviations", async () => {
    const count = 40_000;
    const results = await equalParameters({ count }, VALUES);
    for (const [name, exact] of Object.entries(exactUpdate(VALUES))) {
      const values = results[name];
      const [low, high] = [Math.min(...values), Math.max(...values)];
      expect(bf16Bits(high) - bf16Bits(low), name).toBe(1);
      expect(low <= exact && exact <= high, name).toBe(true);
      // A two-valued mean deviates by gap · √(p(1−p)/count); 16 random bits add at most gap/2^16, float32 arithmetic less.
      const [gap, p] = [high - low, (exact - low) / (high - low)];
      const allowed = 5 * gap * Math.sqrt((p * (1 - p)) / count) + gap / 2 ** 15;
      const mean = values.reduce((total, value) => total + value, 0) / count;
      expect(Math.abs(mean - exact), name).toBeLessThanOrEqual(allowed);
    }
  });

  it("lets changes through that rounding to nearest would swallow", async () => {
    const count = 20_000;
    // Each step takes 1/40 of bf16's gap at 1, which is 2^-7.
    const scalars = scalarsOf({
      learningRate: 2 ** -7 / 40,
      weightDecay: 0,
      correction1: 1,
      correction2: 1,
      epsilon: 0,
    });
    const values = { w: 1.5, m: 1, v: 1, g: 1 / 0.7 };
    const { w } = await equalParameters({ count }, values, scalars);
    const moved = w.filter((value) => value !== 1.5).length / count;
    const expected = (1.5 - exactUpdate(values, scalars).w) / 2 ** -7;
    expect(Math.abs(moved - expected)).toBeLessThan(5 * Math.sqrt(expected / count) + 2 ** -15);
    expect(moved).toBeGreaterThan(0);
  });

  it("takes its bits from Philox at (index, use) under the step's key", async () => {
    const [count, first] = [19, 16];
    const { w, m, v } = await equalParameters({ count, first }, VALUES);
    const exact = exactUpdate(VALUES);
    const words = new Uint32Array(4);
    const rounded = (value: number, index: number, use: number): number => {
      philox([Math.floor((first + index) / 8), 0, use, 0], [77, 2 ** 24 - 1], words);
      const within = index % 8;
      const bits16 = (words[within >> 1] >>> (16 * (within & 1))) & 0xffff;
      const whole = new Uint32Array(Float32Array.of(value).buffer)[0] + bits16;
      return new Float32Array(Uint32Array.of(whole - (whole % 0x10000)).buffer)[0];
    };
    for (const [use, [values, value]] of [
      [m, exact.m] as const,
      [v, exact.v] as const,
      [w, exact.w] as const,
    ].entries())
      expect([...values]).toEqual(Array.from({ length: count }, (_, index) => rounded(value, index, use)));
  });

  it("depends on the key and the place in the arena, and on nothing else", async () => {
    const [range, other] = [{ count: 4000 }, scalarsOf({ roundingKey1: 78 })];
    const once = await equalParameters(range, VALUES);
    expect([...(await equalParameters(range, VALUES)).w]).toEqual([...once["w"]]);
    expect([...(await equalParameters(range, VALUES, other)).w]).not.toEqual([...once["w"]]);
    const later = await equalParameters({ count: 3200, first: 800 }, VALUES);
    expect([...later["w"]]).toEqual([...once["w"].subarray(800)]);
  });

  it("keeps values that bf16 can hold, zeros and NaN", async () => {
    const still = scalarsOf({ learningRate: 0, beta1: 1, beta2: 1, oneMinusBeta1: 0, oneMinusBeta2: 0 });
    const { w, m, v } = await equalParameters({ count: 9 }, { w: -2.5, m: 0, v: 0, g: 3 }, still);
    expect([...w, ...m, ...v]).toEqual([...Array(9).fill(-2.5), ...Array(18).fill(0)]);
    const broken = await equalParameters({ count: 9 }, { w: 1, m: 0, v: 0, g: Number.NaN });
    expect([...broken["w"]].every(Number.isNaN)).toBe(true);
  });
});
