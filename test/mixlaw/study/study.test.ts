/** Studies of tables that known laws made: what is found, what is predicted of what was left out, and what the answers are. */
import { beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { lineOf } from "../../../src/mixlaw/answer.js";
import { lastWithin, leastOf } from "../../../src/mixlaw/search-line.js";
import {
  answerBudget,
  answerLargestShare,
  answerLeastLoss,
  answerShareForTokens,
  expectedLosses,
  seenTarget,
} from "../../../src/mixlaw/study/answers.js";
import { answerPlannedRun } from "../../../src/mixlaw/study/planned-run.js";
import { plotsOf } from "../../../src/mixlaw/study/plots.js";
import { studyRecord } from "../../../src/mixlaw/study/record.js";
import { sectionsOf } from "../../../src/mixlaw/study/report.js";
import { errorBetweenShares, lawsByTrust, type Study, shareCurve, study } from "../../../src/mixlaw/study/study.js";
import { benchmarkLoss, madeTable, QUICK, trueLoss } from "./made-table.js";

const NONE = { names: [], ranks: [], best: [], skipped: null };

let whole: Study;
const told: string[] = [];
beforeAll(() => {
  whole = study(
    madeTable({ sizes: [1e6, 4e6], benchmark: true }),
    { ...QUICK, only: ["agent", "text+code", "answers"] },
    (doing) => told.push(doing),
  );
});

const general = (share: number, N = 4e6, D = 8e6) =>
  (trueLoss("text", share, N, D) + trueLoss("code", share, N, D)) / 2;
const base = general(0.25, 4e6, 2e6);

describe("a study", () => {
  it("fits every law to every set, tells which it is at, and says what cannot be fitted", () => {
    expect(whole.fits.map(({ set, bootstrap: { fit } }) => `${set.name}: ${fit.law.name}`)).toEqual([
      "agent: D-CPT",
      "agent: learning dynamics with replay, domain loss",
      "agent: BiMix",
      "agent: data mixing",
      "text+code: D-CPT",
      "text+code: learning dynamics with replay, general loss",
      "text+code: BiMix",
      "text+code: data mixing",
      "answers: two-sided power of the share",
      "answers: D-CPT",
      "answers: learning dynamics with replay, domain loss",
      "answers: power of the share",
    ]);
    expect(told[0]).toBe("the D-CPT law on agent");
    expect(whole.refused).toEqual([
      { set: "text+code", law: "CMR", why: expect.stringContaining("at least 3 different values") },
    ]);
  });

  it("describes the losses that its law made", () => {
    const at = { parameters: 4e6, tokens: 8e6 };
    for (const [set, truth] of [
      ["agent", (share: number) => trueLoss("agent", share, 4e6, 8e6)] as const,
      ["text+code", general] as const,
    ]) {
      const fit = whole.fits.find((one) => one.set.name === set);
      const curve = fit === undefined ? null : shareCurve(fit, at);
      expect(fit?.bootstrap.fit.quality.r2).toBeGreaterThan(0.999);
      if (curve === null) throw new Error("the law says nothing of runs that were made");
      for (const share of [0.05, 0.3, 0.6, 0.95]) expect(lineOf(curve)(share)).toBeCloseTo(truth(share), 2);
    }
  });

  it("is refused where nothing can be fitted, with every reason", () => {
    const poor = madeTable({ sizes: [1e6], budgets: [2e6] }).filter(({ shares }) => shares["agent"] < 0.2);
    const refused = () => study(poor, { ...QUICK, only: ["agent"] });
    expect(refused).toThrow(UserError);
    expect(refused).toThrow(/D-CPT by share[\s\S]*learning dynamics[\s\S]*data mixing/);
  });
});

describe("what was left out", () => {
  it("is predicted with a small error, and orders the laws by trust", () => {
    const left = study(madeTable({ sizes: [1e6], budgets: [2e6, 8e6] }), {
      ...{ ...QUICK, draws: 0, only: ["text"], general: ["text"], leaveOut: "all factors" },
    });
    const laws = lawsByTrust(left, "text");
    const errors = laws.map(errorBetweenShares);
    expect(errors).toEqual(errors.toSorted((a, b) => a - b));
    expect(laws[0].bootstrap.fit.law.name).toBe("D-CPT of one size");
    expect(errors[0]).toBeLessThan(0.02);
    const [byShare, byTokens] = laws[0].leftOut;
    expect([byShare.groups, byShare.impossible]).toEqual([7, []]);
    // Of two budgets none can be left out.
    expect(byTokens.impossible).toHaveLength(2);
    const [section] = sectionsOf(left, NONE).filter(({ title }) => title === "Loss on text");
    expect(section.tables[0].rows[0]).toEqual(expect.arrayContaining(["D-CPT of one size", "not possible"]));
    expect(section.lines[0]).toContain("cannot be fitted without variation in tokens");
  });
});

describe("answers", () => {
  it("find the largest share, and say what it would be for each general set alone", () => {
    const answer = answerLargestShare(whole, seenTarget(whole), { absolute: 0.03 });
    const truth = lastWithin(general, base + 0.03, { low: 0, high: 1 }) ?? 0;
    expect(truth).toBeGreaterThan(0.5);
    expect(truth).toBeLessThan(1);
    expect(Math.abs(answer.value - truth)).toBeLessThan(0.02);
    expect(answer.law).toBe("D-CPT");
    expect(answer.sensitivity.map(({ change }) => change)).toEqual([
      "a rise of 0.015 nats allowed",
      "a rise of 0.06 nats allowed",
      "only text is general",
      "only code is general",
    ]);
    // Neither set was fitted alone.
    expect(answer.sensitivity.at(-1)?.value).toBeNull();
    expect(answer.runnersUp.map(({ law }) => law)).toContain("data mixing");
  });

  it("are refused for sizes whose base is not known and for limits that no share meets", () => {
    const rise = { absolute: 0.03 };
    expect(() => answerLargestShare(whole, { parameters: 3e6, tokens: 8e6 }, rise)).toThrow("is not known for 3M");
    expect(() => answerLargestShare(whole, seenTarget(whole), { percent: 1e-9 }, 0.9)).toThrow("contradict");
  });

  it("find the share for limited tokens, the split of compute and the least loss of a benchmark", () => {
    const limited = answerShareForTokens(whole, 4e6, 1e6, 10e6);
    const best = leastOf((share) => trueLoss("agent", share, 4e6, 1e6 / share), { low: 0.1, high: 1 });
    expect(Math.abs(limited.value - (best ?? 0))).toBeLessThan(0.05);
    const flops = 6 * 2e6 * 4e6;
    const split = answerBudget(whole, "agent", 0.5, flops, { low: 1e6, high: 4e6 });
    expect(split.value * split.tokens * 6).toBeCloseTo(flops, -3);
    const least = answerLeastLoss(whole, "answers", seenTarget(whole));
    const benchmark = leastOf(benchmarkLoss, { low: 0, high: 1 }) ?? 0;
    expect(Math.abs(least.value - benchmark)).toBeLessThan(0.06);
    expect(() => answerBudget(whole, "code", 0.5, flops, { low: 1e6, high: 4e6 })).toThrow("no law of model size");
  });

  it("predict what a run would end with, and the losses along a schedule", () => {
    const expected = expectedLosses(whole, seenTarget(whole), 0.4);
    const agent = expected.find(({ set }) => set === "agent");
    expect(agent?.loss).toBeCloseTo(trueLoss("agent", 0.4, 4e6, 8e6), 2);
    expect(agent?.interval?.low).toBeLessThan(agent?.loss ?? 0);
    const schedule = { kind: "cosine", warmup: 1, start: 0, peak: 2e-3, min: 2e-4 } as const;
    const mixture = [{ domain: "agent", share: { numerator: 1, denominator: 2 } }];
    const answers = answerPlannedRun(whole, { schedule, steps: 80, mixture });
    expect(answers.map(({ question }) => question)[0]).toBe("the loss on agent after 80 steps");
    const measured = trueLoss("agent", 0.5, 4e6, 8e6);
    expect(Math.abs(answers[0].value - measured)).toBeLessThan(0.1 * measured);
    expect(answers[0].sensitivity).toHaveLength(3);
  });
});

describe("the report", () => {
  it("has a section for each set, with plots that it names", () => {
    const sections = sectionsOf(whole, NONE);
    expect(sections.map(({ title }) => title)).toEqual([
      "What was seen",
      "Loss on agent",
      "Loss on text+code",
      "Loss on answers",
      "Gain, forgetting, replay",
      "Laws that were not fitted",
    ]);
    const named = sections.flatMap(({ plots }) => plots);
    expect(
      plotsOf(whole)
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(named.toSorted());
    const replay = sections[4].tables[0];
    expect(replay.rows.map(([first]) => first)).toEqual(["0 %", "10 %", "25 %", "50 %", "75 %", "90 %", "100 %"]);
    expect(sections[4].tables[1].title).toContain("Ibrahim");
  });

  it("draws the runs, the most trusted law and its band", () => {
    const loss = plotsOf(whole).find(({ name }) => name === "loss-agent");
    expect(loss?.plot.layers.map(({ kind, name }) => `${kind} ${name}`).slice(0, 3)).toEqual([
      "points runs",
      "band D-CPT",
      "line D-CPT",
    ]);
    expect(loss?.plot.layers[0].x).toHaveLength(14);
  });

  it("is a plain value too", () => {
    const record = JSON.parse(JSON.stringify(studyRecord(whole, NONE)));
    expect(record.fits[0]).toMatchObject({ set: "agent", law: "D-CPT", losses: 84 });
    expect(record.fits[0].parameters[0]).toMatchObject({ symbol: "E", value: expect.any(Number) });
    expect(record.refused).toHaveLength(1);
  });
});
