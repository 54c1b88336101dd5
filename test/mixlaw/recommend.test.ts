/** The questions, asked of laws fitted to losses that a known law made: what is right is then known too. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { randomNormal } from "../../src/base/random.js";
import type { ScheduleSpec } from "../../src/config/plan.js";
import type { Curve } from "../../src/mixlaw/answer.js";
import { dynamicsCurve } from "../../src/mixlaw/dynamics-curve.js";
import { bootstrap } from "../../src/mixlaw/fit/bootstrap.js";
import { fitLaw } from "../../src/mixlaw/fit/fit.js";
import type { Law, Sample } from "../../src/mixlaw/fit/law.js";
import { areasOfSchedule } from "../../src/mixlaw/laws/areas.js";
import { criticalRatio, criticalRatios } from "../../src/mixlaw/laws/cmr.js";
import { dCpt } from "../../src/mixlaw/laws/d-cpt.js";
import { dataMixing } from "../../src/mixlaw/laws/data-mixing.js";
import { learningDynamics, PUBLISHED_DYNAMICS } from "../../src/mixlaw/laws/learning-dynamics.js";
import { twoSidedSharePower } from "../../src/mixlaw/laws/share-power.js";
import {
  largestShare,
  predictedLoss,
  shareForTokens,
  shareOfLeastLoss,
  splitBudget,
} from "../../src/mixlaw/recommend.js";
import { lastWithin, leastOf } from "../../src/mixlaw/search-line.js";

const SHARES = [0.1, 0.2, 1 / 3, 0.5, 2 / 3, 0.8, 0.9];
const NOISE = 0.002;

function table(
  law: Law,
  truth: Float64Array,
  runs: readonly (readonly (readonly number[])[])[],
  units: readonly number[],
): Sample[] {
  return runs.flatMap((points, run) =>
    points.map((inputs, i) => {
      const value = law.value(
        truth,
        inputs.map((input, f) => input / units[f]),
        null,
      );
      return { run: `run ${run}`, inputs, observed: value * Math.exp(NOISE * randomNormal(11, run, i)) };
    }),
  );
}

/** General loss by N in millions, D in millions and the share of general text; domain loss by the same law with the domain's share. */
const TRUTH = {
  general: Float64Array.of(2, 0.5, 0.3, 0.1, 0.3, 0.5, 0.1, 0.8, 0.05),
  domain: Float64Array.of(1, 0.6, 0.3, 0.5, 0.4, 0.2, 0.3, 0.7, 0.2),
};
const UNITS = [1e6, 1e6, 1];
const RUNS = [1e6, 2e6, 4e6].flatMap((N) => SHARES.map((r) => [2e6, 5e6, 10e6].map((D) => [N, D, r])));
const fits = {
  general: bootstrap(fitLaw(dCpt, table(dCpt, TRUTH.general, RUNS, UNITS), { starts: 12 }), 30),
  domain: bootstrap(fitLaw(dCpt, table(dCpt, TRUTH.domain, RUNS, UNITS), { starts: 12 }), 30),
};
const general = (N: number, D: number): Curve => ({ bootstrap: fits.general, inputsAt: (share) => [N, D, 1 - share] });
const trueGeneral = (share: number) => dCpt.value(TRUTH.general, [2, 5, 1 - share], null);
const shares = { low: 0.1, high: 0.9 };

describe("a line searched", () => {
  it("crosses where it crosses first, and is least where it is", () => {
    expect(lastWithin((x) => x * x, 0.25, { low: 0, high: 1 })).toBeCloseTo(0.5, 10);
    expect(lastWithin((x) => x, 2, { low: 0, high: 1 })).toBe(1);
    expect(lastWithin((x) => x, -1, { low: 0, high: 1 })).toBeNull();
    expect(leastOf((x) => (x - 0.36) ** 2, { low: 0, high: 1 })).toBeCloseTo(0.36, 6);
    expect(leastOf((x) => x, { low: 0.2, high: 1 })).toBe(0.2);
    expect(leastOf(() => Number.NaN, { low: 0, high: 1 })).toBeNull();
  });
});

describe("the largest share", () => {
  const baseLoss = trueGeneral(0.3);
  const question = { curves: [general(2e6, 5e6)], baseLoss, rise: { absolute: 0.1 }, shares };

  it("is the one at which the true law meets the limit, within its interval", () => {
    const truth = lastWithin(trueGeneral, baseLoss + 0.1, shares) ?? 0;
    const answer = largestShare(question);
    expect(Math.abs(answer.value - truth)).toBeLessThan(0.03);
    expect(answer.interval?.low).toBeLessThanOrEqual(truth);
    expect(answer.interval?.high).toBeGreaterThanOrEqual(truth);
    expect(answer).toMatchObject({ law: "D-CPT", runnersUp: [], warnings: [] });
    const [tighter, looser] = answer.sensitivity;
    expect(tighter).toMatchObject({ change: "a rise of 0.05 nats allowed" });
    expect(tighter.value).toBeLessThan(answer.value);
    expect(looser.value).toBeGreaterThan(answer.value);
  });

  it("is the same for percents of the same size", () => {
    const percent = (100 * 0.1) / baseLoss;
    expect(largestShare({ ...question, rise: { percent } }).value).toBeCloseTo(largestShare(question).value, 9);
  });

  it("names another law's answer beside, and whether it disagrees or has none", () => {
    const law = dataMixing(["agent", "text"]);
    const other = (offset: number): Curve => {
      const losses = SHARES.flatMap((r) =>
        [0, 1, 2].map((i) => ({ r, i, loss: baseLoss + offset + 0.5 * r + 1e-3 * i })),
      );
      const samples = losses.map(({ r, i, loss }) => ({ run: `${r} ${i}`, inputs: [r], observed: loss }));
      return { bootstrap: bootstrap(fitLaw(law, samples, { starts: 6 }), 30), inputsAt: (share) => [share] };
    };
    // Half the share is added: 0.1 above the base is reached where the offset is made up for.
    const answer = largestShare({ ...question, curves: [question.curves[0], other(-0.1), other(0.2)] });
    expect(answer.runnersUp).toMatchObject([
      { law: "data mixing", value: expect.closeTo(0.4, 1) },
      { law: "data mixing", value: null, interval: null, answered: 0 },
    ]);
    expect(answer.warnings).toHaveLength(2);
    expect(answer.warnings[0]).toMatch(/^the data mixing law disagrees: 0\.(39|40)\d+ is outside this interval$/);
    expect(answer.warnings[1]).toBe("the data mixing law has no answer");
  });

  it("warns where no share reaches the limit, and where it extrapolates", () => {
    expect(largestShare({ ...question, rise: { absolute: 5 } }).warnings).toContain(
      "the limit is not reached by any share up to 90 %",
    );
    const far = largestShare({ ...question, curves: [general(64e6, 5e6)], baseLoss: 3 });
    expect(far.warnings[1]).toContain("model size 64000000 is above the largest that was seen");
  });

  it("refuses limits that nothing meets, with what contradicts what", () => {
    expect(() => largestShare({ ...question, baseLoss: 1 })).toThrow(
      /a share of at least 10 % and a rise of at most 0.1 nats contradict each other/,
    );
    expect(() => largestShare({ ...question, atLeast: 0.85 })).toThrow(/the largest share within the limit is/);
    expect(() => largestShare({ ...question, shares: { low: 0.9, high: 0.1 } })).toThrow(UserError);
  });
});

describe("the other questions", () => {
  it("finds the best share for a given number of domain tokens, in the run that they stretch over", () => {
    const curvesFor = (total: (share: number) => number): Curve[] => [
      { bootstrap: fits.domain, inputsAt: (share) => [2e6, total(share), share] },
    ];
    const answer = shareForTokens({ curvesFor, domainTokens: 2e6, shares: { low: 0.2, high: 0.9 } });
    const truth = leastOf((r) => dCpt.value(TRUTH.domain, [2, 2 / r, r], null), { low: 0.2, high: 0.9 }) ?? 0;
    const lossAt = (r: number) => dCpt.value(TRUTH.domain, [2, 2 / r, r], null);
    // The minimum is flat: what matters is what the share that was found costs by the true law.
    expect(lossAt(answer.value) - lossAt(truth)).toBeLessThan(NOISE * lossAt(truth));
    expect(() =>
      shareForTokens({ curvesFor, domainTokens: 9e6, shares: { low: 0.2, high: 0.5 }, maxTokens: 10e6 }),
    ).toThrow(/contradict each other/);
  });

  it("splits a compute budget", () => {
    const curvesFor = (tokensOf: (logSize: number) => number): Curve[] => [
      { bootstrap: fits.domain, inputsAt: (logSize) => [Math.exp(logSize), tokensOf(logSize), 0.5] },
    ];
    const flops = 6 * 2e6 * 5e6;
    const answer = splitBudget({ curvesFor, flops, sizes: { low: 0.5e6, high: 8e6 } });
    expect(6 * answer.value * answer.tokens).toBeCloseTo(flops, -3);
    const lossAt = (N: number) => dCpt.value(TRUTH.domain, [N, 10 / N, 0.5], null);
    const truth = leastOf(lossAt, { low: 0.5, high: 8 }) ?? 0;
    expect(lossAt(answer.value / 1e6) - lossAt(truth)).toBeLessThan(NOISE * lossAt(truth));
    expect(answer.interval?.low).toBeGreaterThan(0.4e6);
    expect(answer.sensitivity[1].value).toBeGreaterThan(answer.sensitivity[0].value ?? Number.NaN);
  });

  it("finds the share of least benchmark loss, and how flat it is there", () => {
    const truth = Float64Array.of(1.5, 0.6, 6, 0.3, 3);
    const lossAt = (share: number) => twoSidedSharePower.value(truth, [share], null);
    const runs = [0, 0.05, ...SHARES, 1].flatMap((share) => [0, 1].map(() => [[share]]));
    const fit = fitLaw(twoSidedSharePower, table(twoSidedSharePower, truth, runs, [1]), { starts: 12 });
    const curve: Curve = { bootstrap: bootstrap(fit, 40), inputsAt: (share) => [share] };
    const answer = shareOfLeastLoss([curve], { low: 0, high: 1 });
    const best = leastOf(lossAt, { low: 0, high: 1 }) ?? 0;
    expect(answer.interval?.low).toBeLessThanOrEqual(best);
    expect(answer.interval?.high).toBeGreaterThanOrEqual(best);
    expect(answer.sensitivity[0].value).toBeLessThan(answer.value);
    expect(answer.sensitivity[1].value).toBeGreaterThan(answer.value);
    expect(shareOfLeastLoss([curve], { low: 0.8, high: 1 }).warnings[0]).toContain("no minimum between them");
  });

  it("predicts the loss at a step of a schedule that was never run", () => {
    const peak = 2e-4;
    const truth = PUBLISHED_DYNAMICS.general;
    const spec = (steps: number): ScheduleSpec => ({
      ...{ kind: "wsd", warmup: 0, start: peak, peak, min: 0 },
      decay: { form: "linear", steps },
    });
    const samples = [4000, 8000, 12_000].flatMap((steps, run) => {
      const areas = areasOfSchedule(spec(steps / 4), steps, peak);
      return areas.flatMap(({ s1, s2 }, step) => {
        if (step % (steps / 20) !== steps / 20 - 1) return [];
        return [0, 1].map((seed) => {
          const inputs = [4, 0, s1, s2];
          const observed =
            learningDynamics.value(truth, inputs, null) * Math.exp(5e-4 * randomNormal(12, run * 2 + seed, step));
          return { run: `${steps} ${seed}`, inputs, observed };
        });
      });
    });
    const fit = fitLaw(learningDynamics, samples, { starts: 12 });
    const planned = { schedule: spec(1000), steps: 10_000, before: { s1: 4, s2: 0 }, rateBefore: peak, last: null };
    const curve = dynamicsCurve(bootstrap(fit, 30), planned);
    const answer = predictedLoss("the general loss at the end", [curve], 10_000, [9000]);
    const end = areasOfSchedule(spec(1000), 10_000, peak)[9999];
    const expected = learningDynamics.value(truth, [4, 0, end.s1, end.s2], null);
    expect(Math.abs(answer.value - expected)).toBeLessThan(0.005 * expected);
    expect(answer.interval?.low).toBeLessThan(answer.value);
    expect(answer.sensitivity[0].value).toBeGreaterThan(answer.value);
    expect(answer.warnings).toContain("only 6 runs were resampled: the interval is likely too narrow");
    expect(() => curve.inputsAt(10_001)).toThrow(RangeError);
  });
});

describe("critical ratios from runs", () => {
  it("are where the rise meets ε at each number of tokens, and follow their own law", () => {
    // Rise = 0.2·R^2·T^−0.25, so that R_CMR = (0.05·T^0.25/0.2)^½ = 0.5·T^0.125.
    const rises = [1, 2, 4, 8, 16, 32].flatMap((tokens) =>
      [0, ...SHARES, 1].map((share) => ({
        run: `${share}`,
        tokens,
        share: Math.max(share, 0.02),
        rise: 0.2 * share ** 2 * tokens ** -0.25,
      })),
    );
    const { samples, skipped } = criticalRatios(rises);
    expect(skipped).toEqual([]);
    for (const { inputs, observed } of samples) expect(observed).toBeCloseTo(0.5 * inputs[0] ** 0.125, 2);
    const fit = fitLaw(criticalRatio, samples);
    expect(fit.quality.r2).toBeGreaterThan(0.99);
  });

  it("leave out, by name, numbers of tokens at which no share meets ε", () => {
    const rises = [0.2, 0.5, 0.8, 1].map((share) => ({ run: `${share}`, tokens: 3, share, rise: 0.01 * share }));
    expect(criticalRatios(rises)).toEqual({
      samples: [],
      skipped: ["3 tokens: the general loss rises by less than 0.05 at every share"],
    });
    expect(criticalRatios(rises.map((rise) => ({ ...rise, rise: 1 + rise.share }))).skipped[0]).toContain(
      "more than 0.05",
    );
    expect(criticalRatios(rises.slice(0, 2)).skipped[0]).toContain("fewer than three shares");
  });
});
