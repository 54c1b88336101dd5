import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import type { Observation } from "../../../src/mixlaw/observation.js";
import { lawsFor } from "../../../src/mixlaw/study/laws.js";
import { acrossSeeds, outcomesByShare, paretoFront } from "../../../src/mixlaw/study/outcomes.js";
import { regressionsOf } from "../../../src/mixlaw/study/regressions.js";
import { type TableOptions, tableOf } from "../../../src/mixlaw/study/table.js";
import { BUDGETS, madeTable, SHARES, SIZES, trueLoss } from "./made-table.js";

const OPTIONS: TableOptions = { domain: "agent", general: null, without: [], size: null };
const small = { sizes: [1e6], budgets: [2e6, 4e6] };

function problems(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error.problems.map(({ what }) => what);
  }
  return [];
}

describe("a table", () => {
  it("says what was seen, and counts the mean of the general sets as one more", () => {
    const table = tableOf(madeTable({ benchmark: true }), OPTIONS);
    expect(table.seen).toEqual({ runs: 3 * 3 * 7 * 2, seeds: [1, 2], sizes: SIZES, budgets: BUDGETS, shares: SHARES });
    expect(table.sets.map(({ name, role }) => `${name} ${role}`)).toEqual([
      "agent domain",
      "text general",
      "code general",
      "text+code general",
      "answers benchmark",
    ]);
    expect([table.general, table.size]).toEqual(["text+code", 4e6]);
    const of = (domain: string) => table.observations.filter((one) => one.domain === domain);
    expect(of("text+code")[5].loss).toBeCloseTo(((of("text")[5].loss ?? 0) + (of("code")[5].loss ?? 0)) / 2, 12);
  });

  it("compares the ends of runs where the rate falls along them, and everything where it does not", () => {
    const falling = tableOf(madeTable(small), OPTIONS);
    expect(falling.comparable).toHaveLength(falling.observations.length / 2);
    const constant = tableOf(madeTable({ ...small, constant: true }), OPTIONS);
    expect(constant.comparable).toHaveLength(constant.observations.length);
  });

  it("takes domains in constant proportions as one dimension", () => {
    const rows = madeTable(small);
    expect(tableOf(rows, OPTIONS).groups).toEqual([["agent"], ["text", "code"]]);
    const free = rows.map((one, i) =>
      i % 2 === 0 && one.shares["agent"] < 1
        ? { ...one, shares: { ...one.shares, text: 0, code: 1 - one.shares["agent"] } }
        : one,
    );
    expect(tableOf(free, OPTIONS).groups).toEqual([["agent"], ["text"], ["code"]]);
  });

  it("refuses names that are none, all at once, and runs that diverged", () => {
    const rows = madeTable(small);
    expect(problems(() => tableOf(rows, { ...OPTIONS, domain: "agnt", general: ["poems"], size: 7 }))).toEqual([
      "no run was trained on agnt",
      "no run was evaluated on poems",
      "no run has 7 parameters",
    ]);
    expect(problems(() => tableOf(rows, { ...OPTIONS, general: [] }))[0]).toContain("nothing tells what is forgotten");
    const broken = rows.map((one, i) => (i === 3 ? { ...one, loss: null } : one));
    expect(problems(() => tableOf(broken, OPTIONS))[0]).toContain(rows[3].run);
    expect(tableOf(broken, { ...OPTIONS, without: [rows[3].run] }).seen.runs).toBe(2 * 7 * 2 - 1);
  });
});

describe("the laws of a table", () => {
  const names = (rows: Observation[], set: number) => {
    const table = tableOf(rows, OPTIONS);
    return lawsFor(table, table.sets[set]).map(({ law }) => law.name);
  };

  it("have as many factors as vary", () => {
    expect(names(madeTable(), 0)[0]).toBe("D-CPT");
    expect(names(madeTable(small), 0)[0]).toBe("D-CPT of one size");
    expect(names(madeTable({ ...small, budgets: [2e6] }), 1)[0]).toBe("D-CPT by share");
    expect(names(madeTable({ ...small, benchmark: true }), 4)[0]).toBe("two-sided power of the share");
  });

  it("say nothing of runs that they were not fitted to", () => {
    const table = tableOf(madeTable(small), OPTIONS);
    const [dCpt, dynamics, biMix, mixing] = lawsFor(table, table.sets[1]);
    const at = (tokens: number, parameters = 1e6) => ({ share: 0.4, tokens, parameters });
    expect(dCpt.inputsAt(at(3e6))).toEqual([3e6, 0.6]);
    expect(biMix.inputsAt(at(3e6))).toEqual([0.6, 3e6]);
    for (const law of [dynamics, mixing]) expect(law.inputsAt(at(3e6))).toBeNull();
    expect(mixing.inputsAt(at(4e6))).toEqual([0.4]);
    expect(dynamics.inputsAt(at(4e6))?.at(-1)).toBe(0.4);
    for (const law of [dCpt, dynamics, biMix, mixing]) expect(law.inputsAt(at(4e6, 2e6))).toBeNull();
  });
});

describe("outcomes by share", () => {
  it("are of the longest runs of one size, with the spread of the seeds", () => {
    const outcomes = outcomesByShare(tableOf(madeTable(), OPTIONS));
    expect(outcomes.map(({ share, runs }) => [share, runs])).toEqual(SHARES.map((share) => [share, 2]));
    const [first] = outcomes;
    const base = (trueLoss("text", 0.25, 4e6, 2e6) + trueLoss("code", 0.25, 4e6, 2e6)) / 2;
    const end = (trueLoss("text", 0, 4e6, 8e6) + trueLoss("code", 0, 4e6, 8e6)) / 2;
    expect(first.forgetting.mean).toBeCloseTo(end - base, 2);
    expect(first.domainLoss.mean).toBeCloseTo(trueLoss("agent", 0, 4e6, 8e6), 2);
    for (const { forgetting } of outcomes) expect(forgetting.deviation).toBeLessThan(0.01);
  });

  it("on the front are those that none beats", () => {
    const outcome = (forgetting: number, gain: number) => ({
      ...{ share: forgetting, runs: 1, domainLoss: acrossSeeds([1]) },
      forgetting: acrossSeeds([forgetting]),
      gain: acrossSeeds([gain]),
    });
    const front = paretoFront([outcome(0, 1), outcome(0.1, 0.9), outcome(0.2, 2), outcome(0.3, 2)]);
    expect(front.map(({ share }) => share)).toEqual([0, 0.2]);
    expect(acrossSeeds([1, 3])).toEqual({ mean: 2, deviation: Math.SQRT2 });
    expect(acrossSeeds([1]).deviation).toBeNull();
  });
});

describe("regressions on mixtures", () => {
  it("are skipped where mixtures vary in one direction, and rank those that vary in two", () => {
    const rows = madeTable({ sizes: [1e6], budgets: [2e6] });
    expect(regressionsOf(tableOf(rows, OPTIONS), 0).skipped).toContain("one direction");
    const free = rows.map((one, i) => {
      const rest = 1 - one.shares["agent"];
      const part = ((i >> 3) % 5) / 4;
      const shares = { agent: one.shares["agent"], text: rest * part, code: rest * (1 - part) };
      return { ...one, shares, loss: 3 - shares.agent + 0.5 * shares.text };
    });
    const { ranks, best, names } = regressionsOf(tableOf(free, { ...OPTIONS, general: ["text"] }), 0);
    expect(names).toEqual(["agent", "text", "code"]);
    for (const { ridge } of ranks) expect(ridge).toBeGreaterThan(0.95);
    expect(best[0].mixture.shares[0]).toBeGreaterThan(0.9);
  });
});
