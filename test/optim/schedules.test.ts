import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DecayForm, ScheduleSpec } from "../../src/config/plan.js";
import { finalRate } from "../../src/config/resolve-schedule.js";
import { decayCoefficient, learningRateAt } from "../../src/optim/schedules.js";

const FORMS: readonly DecayForm[] = ["linear", "cosine", "exponential", "1-sqrt"];

/** Made by scripts/golden/schedules.py. */
interface Golden {
  readonly steps: number;
  readonly warmup: number;
  readonly decay: number;
  readonly peak: number;
  readonly min: number;
  readonly megatron: Readonly<Record<DecayForm, readonly number[]>>;
  readonly constant: readonly number[];
  readonly linearToZero: readonly number[];
  readonly cosineToZero: readonly number[];
  readonly cosineToMin: readonly number[];
  readonly wsdLinear: readonly number[];
  readonly wsdCosine: readonly number[];
  readonly wsdOneMinusSqrt: readonly number[];
  readonly torchCosine: readonly number[];
}

const golden = JSON.parse(readFileSync(new URL("../golden/schedules.json", import.meta.url), "utf8")) as Golden;
const { steps, warmup, decay, peak, min } = golden;
const warm = { warmup, start: 0, peak };

function curve(spec: ScheduleSpec, length = steps): number[] {
  return Array.from({ length }, (_, step) => learningRateAt(spec, step, length));
}

function expectCurve(found: readonly number[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  // A dozen float64 operations on values up to the peak on each side; torch's cosine is a recursion over all the steps.
  const tolerance = 24 * steps * Number.EPSILON * peak;
  for (const [step, rate] of found.entries())
    expect(Math.abs(rate - (expected[step] ?? Number.NaN)), `step ${step}`).toBeLessThanOrEqual(tolerance);
}

describe("against transformers and PyTorch", () => {
  // The warm-up of transformers' wsd starts at its minimum, those of its other schedules at zero.
  const wsd = (form: DecayForm): ScheduleSpec => ({
    ...{ kind: "wsd", warmup, start: min, peak, min },
    decay: { form, steps: decay },
  });

  it.each<[string, ScheduleSpec, readonly number[]]>([
    ["constant with warm-up", { kind: "constant", ...warm }, golden.constant],
    ["linear to zero", { kind: "linear", ...warm, min: 0 }, golden.linearToZero],
    ["cosine to zero", { kind: "cosine", ...warm, min: 0 }, golden.cosineToZero],
    ["cosine to a minimum", { kind: "cosine", ...warm, min }, golden.cosineToMin],
    ["cosine without warm-up", { kind: "cosine", warmup: 0, start: peak, peak, min }, golden.torchCosine],
    ["wsd, linear", wsd("linear"), golden.wsdLinear],
    ["wsd, cosine", wsd("cosine"), golden.wsdCosine],
    ["wsd, 1-sqrt", wsd("1-sqrt"), golden.wsdOneMinusSqrt],
  ])("%s", (_name, spec, expected) => {
    expectCurve(curve(spec), expected);
  });
});

describe("against Megatron-LM's formulas", () => {
  it.each(FORMS)("wsd from a start above zero, %s", (form) => {
    expectCurve(
      curve({ kind: "wsd", warmup, start: min / 2, peak, min, decay: { form, steps: decay } }),
      golden.megatron[form],
    );
  });

  it.each<[DecayForm, number]>([
    ["linear", 0.75],
    ["cosine", 0.5 + Math.SQRT1_2 / 2],
    ["exponential", 2 / 2 ** 0.25 - 1],
    ["1-sqrt", 0.5],
  ])("%s has %d left after a quarter", (form, left) => {
    expect(decayCoefficient(form, 0.25)).toBeCloseTo(left, 15);
    expect(decayCoefficient(form, 0)).toBe(1);
    expect(decayCoefficient(form, 1)).toBe(0);
  });
});

describe("the step convention", () => {
  it("starts one step above `start`, has the peak at the last step of the warm-up and the minimum at the last of all", () => {
    const rates = curve({ kind: "linear", warmup: 4, start: 0.2, peak: 1, min: 0.1 }, 13);
    const expected = [0.4, 0.6, 0.8, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1];
    for (const [step, rate] of rates.entries()) expect(rate).toBeCloseTo(expected[step] ?? Number.NaN, 15);
    expect(rates[3]).toBe(1);
    expect(rates[12]).toBe(0.1);
  });

  it("goes through the four phases of the infinite schedule", () => {
    const spec: ScheduleSpec = {
      ...{ kind: "infinite", warmup: 2, start: 0, peak: 1, constant: 0.4, min: 0.1 },
      cooldown: { form: "linear", steps: 3 },
      anneal: { form: "linear", steps: 3 },
    };
    const expected = [0.5, 1, 0.8, 0.6, 0.4, 0.4, 0.4, 0.3, 0.2, 0.1];
    for (const [step, rate] of curve(spec, 10).entries()) expect(rate).toBeCloseTo(expected[step] ?? Number.NaN, 15);
    const open = { ...spec, anneal: { form: "linear", steps: 0 } } as ScheduleSpec;
    expect(curve(open, 10).slice(4)).toEqual([0.4, 0.4, 0.4, 0.4, 0.4, 0.4]);
  });

  it("lets a stage that was not annealed go on: a longer stage begins with the same rates", () => {
    const spec: ScheduleSpec = {
      ...{ kind: "infinite", warmup: 5, start: 0, peak: 1, constant: 0.3, min: 0.1 },
      cooldown: { form: "cosine", steps: 10 },
      anneal: { form: "exponential", steps: 0 },
    };
    expect(curve(spec, 200).slice(0, 50)).toEqual(curve(spec, 50));
  });

  it("refuses a step outside the stage and phases that do not fit", () => {
    const spec: ScheduleSpec = { kind: "wsd", ...warm, min, decay: { form: "linear", steps: decay } };
    for (const step of [-1, steps, 0.5, Number.NaN])
      expect(() => learningRateAt(spec, step, steps)).toThrow(RangeError);
    expect(() => learningRateAt(spec, 0, warmup + decay - 1)).toThrow("longer than its stage");
    expect(learningRateAt(spec, warmup + decay - 1, warmup + decay)).toBe(min);
  });
});

/** A schedule with its stage's length; the constant rate of `infinite` lies between minimum and peak. */
const schedules: fc.Arbitrary<{ spec: ScheduleSpec; length: number }> = fc
  .record({
    warmup: fc.nat({ max: 30 }),
    rest: fc.integer({ min: 1, max: 60 }),
    parts: fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 30 })),
    forms: fc.tuple(fc.constantFrom(...FORMS), fc.constantFrom(...FORMS)),
    shares: fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    ),
    peak: fc.double({ min: 1e-6, max: 1, noNaN: true }),
    kind: fc.constantFrom("constant", "linear", "cosine", "wsd", "infinite"),
  })
  .map(({ warmup, rest, parts, forms, shares, peak, kind }) => {
    const common = { warmup, start: shares[0] * peak, peak };
    const lowest = shares[1] * peak;
    const constant = lowest + shares[2] * (peak - lowest);
    const [first, second] = [
      { form: forms[0], steps: parts[0] },
      { form: forms[1], steps: parts[1] },
    ];
    const length = warmup + rest + parts[0] + parts[1];
    switch (kind) {
      case "constant":
        return { length, spec: { kind, ...common } };
      case "linear":
      case "cosine":
        return { length, spec: { kind, ...common, min: lowest } };
      case "wsd":
        return { length, spec: { kind, ...common, min: lowest, decay: first } };
      default:
        return {
          length,
          spec: { kind: "infinite" as const, ...common, min: lowest, constant, cooldown: first, anneal: second },
        };
    }
  });

describe("every schedule", () => {
  it("stays between its lowest rate and its peak", () => {
    fc.assert(
      fc.property(schedules, ({ spec, length }) => {
        const lowest = Math.min(spec.start, "min" in spec ? spec.min : spec.peak);
        for (const rate of curve(spec, length)) {
          expect(rate).toBeGreaterThanOrEqual(lowest * (1 - 4 * Number.EPSILON));
          expect(rate).toBeLessThanOrEqual(spec.peak * (1 + 4 * Number.EPSILON));
        }
      }),
    );
  });

  it("rises in the warm-up and never after", () => {
    fc.assert(
      fc.property(schedules, ({ spec, length }) => {
        const rates = curve(spec, length);
        const rounding = 4 * Number.EPSILON * spec.peak;
        for (let step = 1; step < length; step++) {
          const change = (rates[step] as number) - (rates[step - 1] as number);
          if (step < spec.warmup) expect(change).toBeGreaterThanOrEqual(-rounding);
          else expect(change).toBeLessThanOrEqual(rounding);
        }
      }),
    );
  });

  it("does not jump: no step moves further than the steepest first step of a phase that it could be in", () => {
    fc.assert(
      fc.property(schedules, ({ spec, length }) => {
        const rates = curve(spec, length);
        const shortest = Math.min(...phaseLengths(spec, length).filter((phase) => phase > 0));
        // Over n steps the first step of 1-sqrt is the steepest of all forms: √(1/n) of the fall. An absent cooldown is a jump by plan.
        const steepest =
          spec.kind === "infinite" && spec.cooldown.steps === 0
            ? spec.peak
            : spec.peak * Math.max(Math.sqrt(1 / shortest), 2 / shortest);
        for (let step = 1; step < length; step++)
          expect(Math.abs((rates[step] as number) - (rates[step - 1] as number))).toBeLessThanOrEqual(
            steepest * (1 + 4 * Number.EPSILON),
          );
      }),
    );
  });

  it("ends at its final rate exactly", () => {
    fc.assert(
      fc.property(schedules, ({ spec, length }) => {
        expect(learningRateAt(spec, length - 1, length)).toBe(finalRate(spec));
      }),
    );
  });
});

function phaseLengths(spec: ScheduleSpec, length: number): number[] {
  switch (spec.kind) {
    case "wsd":
      return [spec.warmup, spec.decay.steps];
    case "infinite":
      return [spec.warmup, spec.cooldown.steps, spec.anneal.steps];
    default:
      return [spec.warmup, length - spec.warmup];
  }
}
