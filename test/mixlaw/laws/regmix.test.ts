import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/base/errors.js";
import { randomNormal } from "../../../src/base/random.js";
import { drawAround, drawShares } from "../../../src/mixlaw/dirichlet.js";
import { boostTrees, predictTrees } from "../../../src/mixlaw/laws/boosted-trees.js";
import { bestMixture, fitRegression, foldedRankCorrelation } from "../../../src/mixlaw/laws/regmix.js";
import { fitRidge, predictRidge } from "../../../src/mixlaw/laws/ridge.js";

const DOMAINS = ["agent", "code", "text"];
const AROUND = [0.3, 0.3, 0.4];

/** Least (2) at 36 % agent, 30 % code, 34 % text; agent and code help each other. */
function interacting([agent, code]: readonly number[]): number {
  return 2 + 3 * (agent - 0.36) ** 2 + 2 * (code - 0.3) ** 2 + 2 * (agent - 0.36) * (code - 0.3);
}

function runsOf(truth: (shares: readonly number[]) => number, count: number, noise = 0.002) {
  return Array.from({ length: count }, (_, i) => {
    const shares = drawAround(AROUND, 5, 77, i);
    return { run: `run ${i}`, shares, loss: truth(shares) + noise * randomNormal(5, 78, i) };
  });
}

describe("random mixtures", () => {
  it("sum to 1 and scatter as a Dirichlet distribution does", () => {
    const concentrations = [0.5, 1.5, 3];
    const draws = Array.from({ length: 4000 }, (_, i) => drawShares(concentrations, 1, 1, i));
    for (const shares of draws) expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    for (const [domain, shape] of concentrations.entries()) {
      const values = draws.map((shares) => shares[domain]);
      const mean = values.reduce((a, b) => a + b) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      const expected = ((shape / 5) * (1 - shape / 5)) / 6;
      // Four standard errors of a mean; a variance's relative error is √(2/n) for a normal variable, and less for one in a bounded range.
      expect(Math.abs(mean - shape / 5)).toBeLessThan(4 * Math.sqrt(expected / draws.length));
      expect(Math.abs(variance / expected - 1)).toBeLessThan(4 * Math.sqrt(2 / draws.length));
    }
  });

  it("survive concentrations so small that every variate vanishes", () => {
    const shares = drawShares([1e-4, 1e-4, 1e-4], 1, 1, 3);
    expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  });
});

describe("ridge", () => {
  it("finds the plane that made the losses, and shrinks it by the penalty", () => {
    const rows = Array.from({ length: 40 }, (_, i) => [randomNormal(1, 1, i), randomNormal(1, 2, i)]);
    const targets = rows.map(([a, b]) => 5 + 2 * a - 3 * b);
    const ridge = fitRidge(rows, targets, 1e-9);
    expect(ridge.slopes[0]).toBeCloseTo(2, 8);
    expect(ridge.slopes[1]).toBeCloseTo(-3, 8);
    expect(predictRidge(ridge, [1, 1])).toBeCloseTo(4, 8);
    expect(Math.abs(fitRidge(rows, targets, 100).slopes[1])).toBeLessThan(2);
  });
});

describe("boosted trees", () => {
  it("learn a step that no line has", () => {
    const rows = Array.from({ length: 200 }, (_, i) => [i / 200, (i * 37) % 11]);
    const trees = boostTrees(
      rows,
      rows.map(([x]) => (x < 0.3 || x > 0.7 ? 1 : 0)),
      { trees: 200 },
    );
    expect(predictTrees(trees, [0.1, 5])).toBeCloseTo(1, 2);
    expect(predictTrees(trees, [0.5, 5])).toBeCloseTo(0, 2);
    expect(predictTrees(trees, [0.9, 0])).toBeCloseTo(1, 2);
  });

  it("say the mean where there is nothing to split", () => {
    expect(predictTrees(boostTrees([[1], [1], [1]], [1, 2, 6]), [9])).toBeCloseTo(3, 12);
  });
});

describe("RegMix", () => {
  it("ranks unseen mixtures better by trees than by a plane where shares interact, as in the paper's table", () => {
    const runs = runsOf(interacting, 120);
    const ridge = foldedRankCorrelation("ridge", runs, DOMAINS);
    const trees = foldedRankCorrelation("trees", runs, DOMAINS);
    expect(trees).toBeGreaterThan(0.9);
    expect(trees).toBeGreaterThan(ridge + 0.1);
  });

  it("ranks by a plane nearly perfectly where they do not", () => {
    const runs = runsOf(([agent, code]) => 3 - agent - 0.5 * code, 60);
    expect(foldedRankCorrelation("ridge", runs, DOMAINS)).toBeGreaterThan(0.99);
  });

  it("averages its best mixtures to one near the true best", () => {
    const regression = fitRegression("trees", runsOf(interacting, 200), DOMAINS);
    const { shares, spread } = bestMixture(regression, AROUND, { mixtures: 4000 });
    expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 10);
    // The truth there is within a hundredth of a nat of the least loss: a twentieth of what the mixtures differ by.
    expect(interacting(shares) - 2).toBeLessThan(0.01);
    for (const [i, { low, high }] of spread.entries()) {
      expect(shares[i]).toBeGreaterThanOrEqual(low);
      expect(shares[i]).toBeLessThanOrEqual(high);
    }
  });

  it("refuses too few runs, shares that never vary and losses that are not finite", () => {
    const same = Array.from({ length: 4 }, (_, i) => ({
      run: `r${i}`,
      shares: [0.5, i / 10, 0.5 - i / 10],
      loss: Number.NaN,
    }));
    try {
      fitRegression("ridge", same, DOMAINS);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      expect(String(error)).toContain("too few runs: 4");
      expect(String(error)).toContain("share of agent");
      expect(String(error)).toContain("loss of run r2 is NaN");
    }
  });
});
