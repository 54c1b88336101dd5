import { describe, expect, it } from "vitest";
import { defaultSides, differences, lossCurves, sideOf } from "../../src/bench/curve.js";
import { curveBatch, curveRows } from "../../src/bench/curve-data.js";
import { renderCurves } from "../../src/bench/render-curve.js";
import { parseShape } from "../../src/bench/shape.js";
import { fakePrograms } from "./fake-python.js";
import { TINY } from "./reports.js";

const shape = parseShape(TINY);
const memory = { recomputation: "auto", memory: null } as const;

describe("curve data", () => {
  const size = { rows: 4, length: 500 };

  it("is the same for the same step, in the vocabulary, and other for another", () => {
    expect(curveRows(size, 50, 3)).toEqual(curveRows(size, 50, 3));
    expect(curveRows(size, 50, 3)).not.toEqual(curveRows(size, 50, 4));
    expect(curveRows(size, 50, 3).every((token) => token >= 0 && token < 50)).toBe(true);
  });

  it("has successors that can be learned: most pairs are of the few that each token has", () => {
    const tokens = curveRows({ rows: 1, length: 20_000 }, 50, 0);
    const follow = new Map<number, Map<number, number>>();
    for (let i = 1; i < tokens.length; i++) {
      const counts = follow.get(tokens[i - 1]) ?? new Map<number, number>();
      follow.set(tokens[i - 1], counts.set(tokens[i], (counts.get(tokens[i]) ?? 0) + 1));
    }
    const best = [...follow.values()].map((counts) => [...counts.values()].sort((a, b) => b - a).slice(0, 4));
    const covered = best.flat().reduce((sum, count) => sum + count, 0) / (tokens.length - 1);
    // Four pairs in five by construction; less than three deviations of a share of 20 000 below.
    expect(covered).toBeGreaterThan(0.8 - 3 * Math.sqrt((0.8 * 0.2) / 20_000));
  });

  it("gives batches whose targets are the inputs, one further", () => {
    const { inputs_BT, targets_BT } = curveBatch(size, 50, 1);
    for (let row = 0; row < 4; row++)
      expect(targets_BT.subarray(row * 500, row * 500 + 499)).toEqual(
        inputs_BT.subarray(row * 500 + 1, row * 500 + 500),
      );
  });
});

describe("loss curves", () => {
  it("go down, and are equal for equal sides", async () => {
    const options = {
      steps: 12,
      sides: ["tfjs-cpu", "tfjs-cpu:fp32"],
      memory,
      python: "/nowhere",
      onProgress: () => {},
    };
    const [one, other] = await lossCurves(shape, options);
    expect(one.against).toBeNull();
    expect(one.losses[11]).toBeLessThan(one.losses[0]);
    expect(other.losses).toEqual(one.losses);
    expect(other.against).toEqual({ largest: 0, at: 1, mean: 0 });
    expect(renderCurves([one, other])[2]).toMatch(/^tfjs-cpu:fp32 +4\.\d{5} +\d\.\d{5} +0\.00 % +1 +0\.00 %$/);
  });

  it("refuse what is no side, and a PyTorch that gives none", async () => {
    expect(() => sideOf("native-cuda:fp16")).toThrow(/no side "native-cuda:fp16"/);
    expect(() => sideOf("torch:int8")).toThrow(/--curve-sides/);
    expect(sideOf("torch:amp")).toEqual({ kind: "torch", dtype: "amp" });
    expect(sideOf("native-cuda:bf16-lean")).toMatchObject({ precision: "bf16", optimizerMemory: "bf16" });
    for (const kind of ["native-cuda", "auto", "tfjs-cpu"])
      expect(defaultSides(kind).map(sideOf)).toHaveLength(defaultSides(kind).length);
    using programs = fakePrograms(1);
    const options = { steps: 1, sides: ["torch:fp32"], memory, python: programs.python, onProgress: () => {} };
    await expect(lossCurves(shape, options)).rejects.toThrow(/with losses/);
  });

  it("differ by as much as they do, and infinitely where there is no number", () => {
    expect(differences([1, 2.2, 3], [1, 2, 4])).toEqual({ largest: 0.25, at: 3, mean: expect.closeTo(0.35 / 3, 12) });
    expect(differences([1, Number.NaN], [1, 1]).largest).toBe(Number.POSITIVE_INFINITY);
    expect(differences([1], [1, 1])).toMatchObject({ largest: Number.POSITIVE_INFINITY, at: 2 });
  });
});
