/**
 * Stochastic rounding in AdamW without master weights: by the bits that device.ts names, unbiased, and independent wherever it matters.
 *
 * The bits are fixed by the keys of an update, so nothing here fails by chance. Bounds are of SIGMAS standard deviations of what independent
 * fair bits would do: a sound generator stays within all of the few thousand that are looked at, but for one set of keys in 10⁵.
 */
import { describe, expect, it } from "vitest";
import { randomNormal, streamOf } from "../../../src/base/random.js";
import { type Buffer, type Device, SCALARS } from "../../../src/engine/native/device.js";
import { updateScalars } from "../../../src/engine/native/update.js";
import { FLOAT32 } from "../../reference/arithmetic.js";
import { expectBounded, type OpenDevice, type Subject } from "./bf16-measure.js";
import { roundBf16 } from "./plain-adamw.js";
import { plainDevice } from "./plain-device.js";

/** Two-sided: 2·10⁻⁹ each. */
export const SIGMAS = 6;
/** Values of each tensor: whole groups of 8, as in an engine's arenas. */
const COUNT = 1008;
const USES = ["moment1", "moment2", "weight"] as const;
type Ranges = Readonly<Record<(typeof USES)[number] | "gradient", Float32Array>>;
type Scalar = (typeof SCALARS)[number];

const STEP = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, clipScale: 0.7 };

export function chanceContract(subject: Subject): void {
  const { open } = subject;
  describe("stochastic rounding", () => {
    it.each([0, 8, 4096, 2 ** 35 - 504, 2 ** 40])("draws the bits that device.ts names, from element %d", (first) =>
      checkBits(subject, first),
    );
    it("is unbiased, and rounds to a neighbour", () => checkUnbiased(subject));
    it("lets steps of a sixteenth of the last place add up", () => checkDrift(subject));
    it("is independent between elements, tensors and updates", () => checkIndependence(subject));
    it("counts elements from the arena's beginning, so that ranges share no bits", () => checkRanges(open));
  });
}

/** Weights, moments and gradients as in training: sizes differ, and v is near the square of g. */
function training(): Ranges {
  const normal = (name: string, deviation: number): Float32Array =>
    Float32Array.from({ length: COUNT }, (_, index) => roundBf16(deviation * randomNormal(5, streamOf(name), index)));
  const squares = normal("v", 0.02).map((x) => roundBf16(x * x));
  return { weight: normal("w", 0.1), moment1: normal("m", 0.01), moment2: squares, gradient: normal("g", 0.02) };
}

/** The scalars of an update, some of them replaced. */
function scalarsOf(update: number, changes: Partial<Record<Scalar, number>> = {}): Float32Array {
  const scalars = updateScalars({ ...STEP, update });
  return scalars.map((value, at) => changes[SCALARS[at]] ?? value);
}

/** AdamW on ranges of a device, as often as wanted. */
class Updates implements Disposable {
  private readonly buffers: ReadonlyMap<string, Buffer>;
  private constructor(private readonly device: Device) {
    const specs = [...USES, "gradient"].map((name) => ({ name, shape: [COUNT], dtype: "bf16" as const }));
    this.buffers = device.allocate([...specs, { name: "scalars", shape: [SCALARS.length], dtype: "f32" }]);
  }

  static async on(open: OpenDevice): Promise<Updates> {
    return new Updates(await open());
  }

  /** Ranges after one update; they begin at element `first` of their arenas. */
  async take(ranges: Ranges, scalars: Float32Array, first = 0): Promise<Ranges> {
    for (const [name, values] of Object.entries(ranges)) this.device.write(this.buffer(name), values);
    this.device.write(this.buffer("scalars"), scalars);
    const [w, m, v, g, s] = ["weight", "moment1", "moment2", "gradient", "scalars"].map((name) => this.buffer(name));
    using program = this.device.record((ops) => ops.adamw(w, m, v, g, s, { decays: true, first }));
    await this.device.run(program);
    const read = (one: Buffer): Promise<Float32Array> => this.device.read(one);
    return { weight: await read(w), moment1: await read(m), moment2: await read(v), gradient: await read(g) };
  }

  private buffer(name: string): Buffer {
    const buffer = this.buffers.get(name);
    if (buffer === undefined) throw new Error(`no buffer ${name}`);
    return buffer;
  }

  [Symbol.dispose](): void {
    this.device[Symbol.dispose]();
  }
}

/**
 * Nearly every value is the plain device's, which draws its bits as device.ts says. Float32 results that are off by u units of their last place
 * round otherwise with a chance of u/2¹⁶; a hundredth would take 655 units. Wrong bits would change a third of the values.
 */
export async function checkBits(subject: Subject, first: number): Promise<void> {
  using tested = await Updates.on(subject.open);
  using plain = await Updates.on(() => plainDevice({ arithmetic: FLOAT32 }));
  const found = await tested.take(training(), scalarsOf(3), first);
  const right = await plain.take(training(), scalarsOf(3), first);
  for (const use of USES) {
    const others = found[use].filter((value, index) => value !== right[use][index]).length;
    expectBounded(subject, "other bits", others, COUNT / 100);
    for (const [index, value] of found[use].entries()) expect(neighbours(right[use][index])).toContain(value);
  }
  expect(found.gradient.every((value) => value === 0)).toBe(true);
}

/** The sum of all (stored − exact)/unit is that of variables with variance f(1 − f), f being the part that is cut or filled up. */
export async function checkUnbiased(subject: Subject): Promise<void> {
  using tested = await Updates.on(subject.open);
  using exact = await Updates.on(() => plainDevice({ storage: "f64" }));
  const values = await exact.take(training(), scalarsOf(1));
  const sums = { moment1: 0, moment2: 0, weight: 0 };
  const variances = { moment1: 0, moment2: 0, weight: 0 };
  // Only the keys differ: the correction of the moments is part of the scalars.
  for (let update = 1; update <= 8; update++) {
    const keys = keysOf(update);
    const found = await tested.take(training(), scalarsOf(1, keys));
    for (const use of USES)
      found[use].forEach((stored, index) => {
        const value = values[use][index];
        const [below, unit] = gridOf(value);
        const part = (value - below) / unit;
        // Float32's own rounding can move a value that lies on the grid to either side of it.
        expect(Math.abs(stored - value), `${use} ${index}`).toBeLessThanOrEqual(Math.abs(unit) * (1 + 2 ** -12));
        sums[use] += (stored - value) / unit;
        variances[use] += part * (1 - part);
      });
  }
  for (const use of USES)
    expectBounded(subject, "bias of rounding", Math.abs(sums[use]), SIGMAS * Math.sqrt(variances[use]));
}

/**
 * Weights between 1.25 and 1.75, whose last place is 2⁻⁷, take 64 steps of 2⁻¹¹, a third of them upwards: 4 units on average with a variance of
 * 64 · 1/16 · 15/16. Rounding to nearest would never move them; bits that do not change with the update would move each always or never.
 */
export async function checkDrift(subject: Subject): Promise<void> {
  const [steps, part, unit] = [64, 1 / 16, 2 ** -7];
  using updates = await Updates.on(subject.open);
  const start = Float32Array.from({ length: COUNT }, (_, index) => 1.25 + (index % 65) * unit);
  const direction = start.map((_, index) => (index % 3 === 0 ? -1 : 1));
  let weight: Float32Array = start;
  for (let update = 1; update <= steps; update++) {
    // Without memory and correction every step is the learning rate against the gradient's sign.
    const zero = new Float32Array(COUNT);
    const ranges = { weight, moment1: zero, moment2: zero, gradient: direction.map((sign) => sign / 2) };
    const same = { learningRate: part * unit, weightDecay: 0, clipScale: 1, correction1: 1, correction2: 1 };
    const forgetting = { beta1: 0, oneMinusBeta1: 1, beta2: 0, oneMinusBeta2: 1, epsilon: 0 };
    ({ weight } = await updates.take(ranges, scalarsOf(update, { ...same, ...forgetting })));
  }
  const moved = [...weight].map((value, index) => ((start[index] - value) * direction[index]) / unit);
  const [mean, variance] = [steps * part, steps * part * (1 - part)];
  const found = moved.reduce((sum, units) => sum + units, 0) / COUNT;
  const spread = moved.reduce((sum, units) => sum + (units - mean) ** 2, 0) / COUNT;
  expectBounded(subject, "drift", Math.abs(found - mean), SIGMAS * Math.sqrt(variance / COUNT));
  // The mean square of COUNT nearly normal numbers has a relative deviation of √(2/COUNT); binomial ones have a little more.
  const excess = 1 + 1 / (2 * variance);
  expectBounded(subject, "spread", Math.abs(spread / variance - 1), SIGMAS * Math.sqrt((2 * excess) / COUNT));
}

/** For every use of an update: 1 where the value was rounded up, from about half way between two bf16 numbers. */
async function halfwayBits(updates: Updates, update: number, first = 0): Promise<Uint8Array[]> {
  const all = (value: number): Float32Array => new Float32Array(COUNT).fill(value);
  const unit = 2 ** -7;
  // m = (1 + 1 + unit)/2; v = (1 + unit + (1 + unit)²)/2, a 256th of a unit above the middle; the weight falls by half a unit.
  const ranges = { weight: all(1.5), moment1: all(1), moment2: all(1 + unit), gradient: all(1 + unit) };
  const [m, v] = [1 + unit / 2, (1 + unit + (1 + unit) ** 2) / 2];
  const learningRate = ((unit / 2) * Math.sqrt(v)) / m;
  const plain = { learningRate, weightDecay: 0, clipScale: 1, correction1: 1, correction2: 1, epsilon: 0 };
  const means = { beta1: 0.5, oneMinusBeta1: 0.5, beta2: 0.5, oneMinusBeta2: 0.5 };
  const found = await updates.take(ranges, scalarsOf(update, { ...plain, ...means }), first);
  const middles = { moment1: m, moment2: v, weight: 1.5 - unit / 2 };
  return USES.map((use) => Uint8Array.from(found[use], (value) => (value > middles[use] ? 1 : 0)));
}

/** Any two that should have nothing to do with each other agree in about half of the places. */
export async function checkIndependence(subject: Subject): Promise<void> {
  using updates = await Updates.on(subject.open);
  const all: Uint8Array[][] = [];
  for (let update = 1; update <= 12; update++) all.push(await halfwayBits(updates, update));
  const agree = (what: string, one: Uint8Array, other: Uint8Array): void => {
    const count = Math.min(one.length, other.length);
    let equal = 0;
    for (let index = 0; index < count; index++) if (one[index] === other[index]) equal++;
    expectBounded(subject, what, Math.abs(equal - count / 2), (SIGMAS * Math.sqrt(count)) / 2);
  };
  all.forEach((uses, update) => {
    uses.forEach((bits, use) => {
      agree(`ups of ${USES[use]}`, bits, new Uint8Array(COUNT).fill(1));
      for (let lag = 1; lag <= 16; lag++) agree("elements", bits.subarray(lag), bits);
      for (const other of uses.slice(use + 1)) agree("tensors", bits, other);
      for (const later of all.slice(update + 1)) for (const other of later) agree("updates", bits, other);
    });
  });
}

/** A range that begins 8 · k elements on has the bits of those elements. */
export async function checkRanges(open: OpenDevice): Promise<void> {
  using updates = await Updates.on(open);
  const whole = await halfwayBits(updates, 1);
  for (const first of [8, 96]) {
    const later = await halfwayBits(updates, 1, first);
    for (const [use, bits] of later.entries())
      expect(bits.subarray(0, COUNT - first)).toEqual(whole[use].subarray(first));
  }
}

function keysOf(update: number): Pick<Record<Scalar, number>, "roundingKey1" | "roundingKey2"> {
  const scalars = updateScalars({ ...STEP, update });
  const [roundingKey1, roundingKey2] = (["roundingKey1", "roundingKey2"] as const).map(
    (name) => scalars[SCALARS.indexOf(name)],
  );
  return { roundingKey1, roundingKey2 };
}

/** The bf16 number towards zero from a value, and the signed distance from there to the next. */
function gridOf(value: number): readonly [number, number] {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] &= 0xffff0000;
  const [below] = new Float32Array(bits.buffer);
  bits[0] += 0x10000;
  return [below, new Float32Array(bits.buffer)[0] - below];
}

/** A bf16 number and the two beside it. */
function neighbours(value: number): readonly number[] {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0];
  return [-0x10000, 0, 0x10000].map((by) => new Float32Array(Uint32Array.of(bits + by).buffer)[0]);
}
