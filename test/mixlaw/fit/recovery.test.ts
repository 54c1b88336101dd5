/** Laws fitted to losses that a known law made: noiseless ones give it back, noisy ones an interval that covers it as often as it says. */
import { describe, expect, it } from "vitest";
import { randomNormal } from "../../../src/base/random.js";
import { bootstrap, curveInterval, parameterIntervals, runInterval } from "../../../src/mixlaw/fit/bootstrap.js";
import { leaveOutFactor } from "../../../src/mixlaw/fit/cross-validate.js";
import { type Fit, fitLaw, predict } from "../../../src/mixlaw/fit/fit.js";
import type { Law, Sample } from "../../../src/mixlaw/fit/law.js";
import { biMix } from "../../../src/mixlaw/laws/bimix.js";
import { dCpt, dCptOfOneSize } from "../../../src/mixlaw/laws/d-cpt.js";
import { dataMixing } from "../../../src/mixlaw/laws/data-mixing.js";
import {
  learningDynamics,
  learningDynamicsWithReplay,
  PUBLISHED_DYNAMICS,
} from "../../../src/mixlaw/laws/learning-dynamics.js";
import { twoSidedSharePower } from "../../../src/mixlaw/laws/share-power.js";

/** A law with its truth, in units of 1, and the inputs of each run. */
interface Case {
  readonly law: Law;
  readonly truth: Float64Array;
  readonly runs: readonly (readonly (readonly number[])[])[];
}

const SHARES = [0.05, 0.1, 0.2, 1 / 3, 0.5, 2 / 3, 0.8, 0.9, 0.95];
const ALONG = [0.25, 0.5, 1, 2];

const CASES = {
  dCpt: {
    law: dCpt,
    truth: Float64Array.of(1.2, 0.4, 0.3, 0.3, 0.35, 0.4, 0.25, 0.6, 0.1),
    runs: [0.5, 1.8, 4].flatMap((N) => SHARES.map((r) => ALONG.map((D) => [N, D, r]))),
  },
  biMix: {
    law: biMix,
    truth: Float64Array.of(0.08, 0.4, 0.5, 1.6),
    runs: SHARES.flatMap((r) => [0, 1].map(() => ALONG.map((s) => [r, s]))),
  },
  dataMixing: {
    law: dataMixing(["agent", "text"]),
    truth: Float64Array.of(1.7, 0.8, -3),
    runs: SHARES.flatMap((r) => [0, 1].map(() => [[r]])),
  },
  sharePower: {
    law: twoSidedSharePower,
    truth: Float64Array.of(1.5, 0.6, 6, 0.3, 3),
    runs: [0, ...SHARES].flatMap((r) => [0, 1].map(() => [[r]])),
  },
  dynamics: {
    law: learningDynamics,
    truth: PUBLISHED_DYNAMICS.general,
    runs: [0, 0.1, 0.2].flatMap((s2Before, i) =>
      [0.5, 1, 2].map((length) =>
        [0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.9, 1].map((part) => [
          2 + i,
          s2Before,
          length * part,
          part > 0.8 ? 0.8 * (part - 0.8) : 0,
        ]),
      ),
    ),
  },
  dCptOfOneSize: {
    law: dCptOfOneSize,
    truth: Float64Array.of(1.5, 0.3, 0.35, 0.4, 0.25, 0.6, 0.1),
    runs: SHARES.flatMap((r) => [0, 1].map(() => ALONG.map((D) => [D, r]))),
  },
  threeDomains: {
    law: dataMixing(["agent", "code", "text"]),
    truth: Float64Array.of(1.7, 0.8, -3, -1),
    runs: SHARES.flatMap((r) => [0.1, 0.5, 0.9].map((rest) => [[r, rest * (1 - r)]])),
  },
  replay: {
    law: learningDynamicsWithReplay("general"),
    truth: Float64Array.of(...PUBLISHED_DYNAMICS.general, 0.3, 2),
    runs: [0.5, 0.75, 0.9, 0.99, 1].flatMap((share) =>
      [0.5, 2].map((length) =>
        [0.05, 0.1, 0.2, 0.4, 0.7, 1].map((part) => [2, 0, length * part, 0.2 * part ** 4, share]),
      ),
    ),
  },
} satisfies Record<string, Case>;

/** Half of the noise is a run's own, half each loss's. */
function samplesOf({ law, truth, runs }: Case, noise: number, seed: number): Sample[] {
  return runs.flatMap((points, run) =>
    points.map((inputs, i) => {
      const drawn = (randomNormal(seed, 1, run) + randomNormal(seed, 2, run * 100 + i)) / Math.SQRT2;
      return { run: `run ${run}`, inputs, observed: law.value(truth, inputs, null) * Math.exp(noise * drawn) };
    }),
  );
}

const UNITS = { "model size": 1, tokens: 1, share: 1 };

function furthest(fit: Fit, { law, truth }: Case): number {
  return Math.max(
    ...fit.samples.map(({ inputs }) => Math.abs(Math.log(predict(fit, inputs) / law.value(truth, inputs, null)))),
  );
}

describe.each(Object.entries(CASES))("%s", (_, one: Case) => {
  it("is given back by losses without noise", () => {
    const fit = fitLaw(one.law, samplesOf(one, 0, 0), { units: UNITS, starts: 24 });
    // The robust loss is flat within δ = 1e-3 of every loss, and nothing pulls a residual much below that.
    expect(furthest(fit, one)).toBeLessThan(1e-3);
    expect(fit.quality.r2).toBeGreaterThan(0.999);
  });

  it("is found through noise of 0.5 %, nearer than a single loss is", () => {
    const fit = fitLaw(one.law, samplesOf(one, 0.005, 3), { starts: 24 });
    const errors = fit.samples.map(({ inputs }) =>
      Math.log(predict(fit, inputs) / one.law.value(one.truth, inputs, null)),
    );
    const spread = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length);
    expect(spread).toBeLessThan(0.005);
  });

  it("is the same fit twice", () => {
    const samples = samplesOf(one, 0.005, 3).slice(0, 40);
    const [a, b] = [0, 1].map(() => fitLaw(one.law, samples, { starts: 4 }));
    expect([...a.parameters]).toEqual([...b.parameters]);
  });
});

describe("intervals of 95 %", () => {
  /** How many of `seeds` noisy tables give intervals that hold the truth, for the curve and for one more run. */
  function coverage(one: Case, inputs: readonly number[], seeds: number) {
    let [curve, run, parameter, width] = [0, 0, 0, 0];
    const truth = one.law.value(one.truth, inputs, null);
    for (let seed = 0; seed < seeds; seed++) {
      const fit = fitLaw(one.law, samplesOf(one, 0.005, seed), { units: UNITS, starts: 6 });
      const drawn = bootstrap(fit, 60, seed);
      const within = curveInterval(drawn, inputs);
      const next = runInterval(drawn, inputs);
      const [first] = parameterIntervals(drawn);
      if (within === null || next === null || first === null) throw new Error("no interval");
      const other = truth * Math.exp(0.005 * randomNormal(seed, 9, 0));
      if (truth >= within.low && truth <= within.high) curve++;
      if (other >= next.low && other <= next.high) run++;
      if (one.truth[0] >= first.low && one.truth[0] <= first.high) parameter++;
      width += (next.high - next.low) / seeds;
    }
    return { curve, run, parameter, width };
  }

  /**
   * Seen with 40 tables each: 37, 36 and 36 intervals held the curve, 35, 37 and 39 the loss of one more run, 39, 40 and 36 the first
   * parameter: 88 to 100 %. D-CPT with 27 runs: 19 of 20, each. Learning dynamics with 9 runs: 16, 18 and 15 of 20, which is why few runs
   * come with a warning. The bound here is four standard deviations of a binomial of 90 % below it.
   */
  const least = (tables: number) => tables * 0.9 - 4 * Math.sqrt(tables * 0.9 * 0.1);
  it.each([
    ["data mixing", CASES.dataMixing, [0.4], 40],
    ["two-sided power", CASES.sharePower, [0.4], 24],
    ["BiMix", CASES.biMix, [0.4, 1.5], 12],
  ] as const)("%s: hold the truth", (_, one, inputs, tables) => {
    const found = coverage(one, inputs, tables);
    expect(found.curve).toBeGreaterThan(least(tables));
    expect(found.parameter).toBeGreaterThan(least(tables));
    expect(found.run).toBeGreaterThan(least(tables));
    // Nor are they so wide that they say nothing: a normal interval for one run is 3.92 deviations wide.
    expect(found.width).toBeLessThan(2 * 3.92 * 0.005 * one.law.value(one.truth, inputs, null));
  });

  it("are absent where there are too few runs to draw from", () => {
    const samples = samplesOf(CASES.dataMixing, 0.005, 0).map((sample, i) => ({ ...sample, run: `run ${i % 3}` }));
    expect(bootstrap(fitLaw(CASES.dataMixing.law, samples), 60).draws).toEqual([]);
  });
});

describe("what was left out", () => {
  it("is predicted by D-CPT for unseen shares and sizes, and says what could not be left out", () => {
    const fit = fitLaw(dCpt, samplesOf(CASES.dCpt, 0.002, 5), { starts: 4 });
    const shares = leaveOutFactor(fit, "share");
    expect(shares).toMatchObject({ by: "share", groups: 9, impossible: [] });
    expect(shares.quality?.relative).toBeLessThan(0.01);
    expect(shares.worst?.relative).toBeGreaterThanOrEqual(shares.quality?.relative ?? 1);
    const sizes = leaveOutFactor(fit, "model size");
    expect(sizes).toMatchObject({ groups: 3, impossible: [] });
    expect(() => leaveOutFactor(fit, "phase of the moon")).toThrow(RangeError);
  });

  it("cannot be left out where too little would stay", () => {
    const { law } = CASES.dataMixing;
    const samples = [0.1, 0.5, 0.9].flatMap((r) =>
      [0, 1].map((run) => ({ run: `${r} ${run}`, inputs: [r], observed: 2 - r / 2 })),
    );
    const { quality, impossible } = leaveOutFactor(fitLaw(law, samples), "share of agent");
    expect(quality).toBeNull();
    expect(impossible).toHaveLength(3);
    expect(impossible[0]).toContain("without variation in share of agent");
  });
});
