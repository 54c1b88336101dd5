/** Every law against the numbers that its paper prints. */
import { describe, expect, it } from "vitest";
import type { ScheduleSpec } from "../../../src/config/plan.js";
import { fitLaw, predict } from "../../../src/mixlaw/fit/fit.js";
import { areasOf, areasOfSchedule, LAMBDA } from "../../../src/mixlaw/laws/areas.js";
import { criticalRatio, lossByShare } from "../../../src/mixlaw/laws/cmr.js";
import { dCptByShare } from "../../../src/mixlaw/laws/d-cpt.js";
import { learningDynamics, PUBLISHED_DYNAMICS } from "../../../src/mixlaw/laws/learning-dynamics.js";
import { IBRAHIM_STRONG, IBRAHIM_WEAK, replayByShift } from "../../../src/mixlaw/replay.js";
import { lastWithin } from "../../../src/mixlaw/search-line.js";

describe("critical mixture ratio (arXiv 2407.17467)", () => {
  it.each([
    ["460M", [0.22524761, 0.26944345, -0.48139982], 29.8],
    ["940M", [0.7520627, 0.13720245, -1.06581937], 34.9],
  ] as const)("%s: table 5's coefficients give its ratio at 20B tokens", (_, coefficients, published) => {
    const ratio = criticalRatio.value(Float64Array.from(coefficients), [100], null);
    // Printed to a tenth of a percent.
    expect(Math.abs(100 * ratio - published)).toBeLessThanOrEqual(0.05);
  });

  it.each([
    ["460M", [1.4628, 1.4844, 1.5122, 1.5387, 1.5561]],
    ["940M", [1.3723, 1.391, 1.4155, 1.4385, 1.4538]],
  ] as const)(
    "%s: the law describes table 2's domain losses, and the one ratio that it was not fitted to",
    (_, losses) => {
      const ratios = [1, 0.75, 0.5, 1 / 3, 0.25];
      const samples = losses.map((observed, i) => ({ run: String(i), inputs: [ratios[i]], observed }));
      const fit = fitLaw(lossByShare, samples);
      expect(fit.quality.r2).toBeGreaterThan(0.9999);
      expect(fit.quality.rmse).toBeLessThan(2e-4);
      const without = fitLaw(lossByShare, samples.toSpliced(2, 1));
      // As much as its own residuals, twice over: the losses are printed to 1e-4.
      expect(Math.abs(predict(without, [0.5]) - losses[2])).toBeLessThan(5e-4);
    },
  );
});

describe("D-CPT (arXiv 2406.01375), table 5: 1.8B, 10B tokens, chemistry, 3 % allowed", () => {
  const shares = [0.9, 0.91, 0.92, 0.924, 0.93, 0.94, 1];
  const general = [2.9052, 2.9193, 2.9376, 2.9445, 2.9644, 2.9848, 3.4667];
  const limit = 1.03 * 2.8602;

  it("crosses the limit at 0.924 between the published points", () => {
    const line = (share: number) => {
      const i = Math.max(
        1,
        shares.findIndex((next) => next >= share),
      );
      const part = (share - shares[i - 1]) / (shares[i] - shares[i - 1]);
      return general[i - 1] + part * (general[i] - general[i - 1]);
    };
    expect(lastWithin(line, limit, { low: 0.9, high: 1 })).toBeCloseTo(0.9244, 3);
  });

  it("crosses it within a third of a percent of that on the law fitted to them", () => {
    const samples = shares.map((share, i) => ({ run: String(i), inputs: [1 - share], observed: general[i] }));
    const fit = fitLaw(dCptByShare, samples);
    expect(fit.quality.r2).toBeGreaterThan(0.999);
    const crossing = lastWithin((share) => predict(fit, [1 - share]), limit, { low: 0.9, high: 1 });
    expect(Math.abs((crossing ?? 0) - 0.924)).toBeLessThan(0.003);
  });
});

describe("learning dynamics (arXiv 2505.07796)", () => {
  const peak = 2e-4;
  const flat: ScheduleSpec = { kind: "constant", warmup: 0, start: peak, peak };
  const decayed: ScheduleSpec = {
    kind: "wsd",
    warmup: 0,
    start: peak,
    peak,
    min: 0,
    decay: { form: "linear", steps: 2000 },
  };
  const base = areasOfSchedule(flat, 20_000)[19_999];

  const curve = (loss: "general" | "domain", spec: ScheduleSpec, steps: number, before = base, rateBefore = peak) =>
    areasOfSchedule(spec, steps, rateBefore).map(({ s1, s2 }) =>
      learningDynamics.value(PUBLISHED_DYNAMICS[loss], [before.s1, before.s2, s1, s2], null),
    );

  it("computes S1 and S2 as the double sum is written", () => {
    const rates = [1, 1, 0.9, 0.7, 0.75, 0.2];
    const s2 = rates.map((_, end) => {
      let sum = 0;
      for (let i = 1; i <= end; i++) for (let k = 1; k <= i; k++) sum += (rates[k - 1] - rates[k]) * LAMBDA ** (i - k);
      return sum;
    });
    for (const [i, areas] of areasOf(rates).entries()) {
      expect(areas.s1).toBeCloseTo(
        rates.slice(0, i + 1).reduce((a, b) => a + b),
        12,
      );
      expect(areas.s2).toBeCloseTo(s2[i], 12);
    }
  });

  it("lets the general loss rise at once, peak where both slopes by S1 meet, and fall slowly, at a constant rate", () => {
    const general = curve("general", flat, 20_000);
    const start = learningDynamics.value(PUBLISHED_DYNAMICS.general, [base.s1, base.s2, 0, 0], null);
    const top = general.indexOf(Math.max(...general));
    expect(general[99] - start).toBeGreaterThan(0.02);
    expect(general[999] - start).toBeGreaterThan(0.5 * (general[top] - start));
    expect(general[19_999]).toBeLessThan(general[top]);
    const [, A, alpha, B, E, beta] = PUBLISHED_DYNAMICS.general;
    const slope = (s1: number) =>
      B * beta * E * (1 + E * s1) ** (-beta - 1) - alpha * A * (base.s1 + s1) ** (-alpha - 1);
    // The step of the peak is the last before the slope turns.
    expect(slope(top * peak)).toBeGreaterThan(0);
    expect(slope((top + 2) * peak)).toBeLessThan(0);
  });

  it("lets the domain loss fall all the way, most of it at once", () => {
    const domain = curve("domain", flat, 20_000);
    expect(domain.every((loss, step) => step === 0 || loss < domain[step - 1])).toBe(true);
    expect(domain[0] - domain[1000]).toBeGreaterThan(domain[1000] - domain[19_999]);
  });

  it("recovers general loss through the decay, by what C₂ says", () => {
    const general = curve("general", decayed, 20_000);
    for (let step = 18_100; step < 20_000; step++) expect(general[step]).toBeLessThan(general[step - 1]);
    const { s2 } = areasOfSchedule(decayed, 20_000)[19_999];
    expect(general[17_999] - general[19_999]).toBeGreaterThan(PUBLISHED_DYNAMICS.general[7] * s2);
  });

  it("ends lower in domain loss from a less annealed base: its loss potential", () => {
    const annealed = areasOfSchedule(decayed, 20_000)[19_999];
    const end = (before: typeof base, rateBefore: number) => curve("domain", decayed, 5000, before, rateBefore)[4999];
    const half = areasOfSchedule({ ...decayed, min: peak / 2 }, 20_000)[19_999];
    expect(end(base, peak)).toBeLessThan(end(half, peak / 2));
    expect(end(half, peak / 2)).toBeLessThan(end(annealed, 0));
  });
});

describe("replay (arXiv 2403.08763)", () => {
  it.each([IBRAHIM_STRONG, IBRAHIM_WEAK])("$setting: more replay forgets less and learns no better", ({ rows }) => {
    for (const [i, row] of rows.entries()) {
      if (i === 0) continue;
      expect(row.replay).toBeGreaterThan(rows[i - 1].replay);
      expect(row.oldLoss).toBeLessThan(rows[i - 1].oldLoss);
      expect(row.newLoss).toBeGreaterThanOrEqual(rows[i - 1].newLoss);
    }
  });

  it("recommends 25 % for a strong shift and 5 % for a weak one, with what they brought", () => {
    expect(replayByShift("strong")).toMatchObject({ replay: 0.25, cost: expect.closeTo(0.05, 6) });
    expect(replayByShift("strong").prevented).toBeCloseTo((3.56 - 2.33) / (3.56 - 2.17), 10);
    expect(replayByShift("weak")).toMatchObject({ replay: 0.05, cost: expect.closeTo(0.01, 6) });
  });
});
