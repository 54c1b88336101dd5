import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.js";
import { type CompareOptions, compare, summarize } from "../../src/bench/compare.js";
import { parseShape } from "../../src/bench/shape.js";
import { type FakePrograms, fakePrograms } from "./fake-python.js";
import { reportOf, TINY } from "./reports.js";

const shape = parseShape(TINY);

function options(programs: FakePrograms, changes: Partial<CompareOptions> = {}): CompareOptions {
  return {
    engines: [],
    torch: { peer: { python: programs.python, shape, steps: 5 }, modes: ["eager", "compile"] },
    rounds: 3,
    own: programs.own([8, 4, 5].map((ms) => reportOf(ms))),
    onProgress: () => {},
    ...changes,
  };
}

describe("compare", () => {
  it("takes turns and gives our middle round with the ratios of medians", async () => {
    using programs = fakePrograms(reportOf(1).parameters);
    const said: string[] = [];
    const report = await compare(options(programs, { onProgress: (text) => said.push(text) }));
    const ran = programs.ran().map((line) => /--probe|ours|eager|compile/.exec(line)?.[0]);
    const round = ["ours", "eager", "compile"];
    expect(ran).toEqual(["--probe", ...round, ...round, ...round]);
    expect(report.stepMs.median).toBe(5);
    expect(report.torch).toMatchObject({ rounds: 3, stepMs: { median: 5, min: 4, max: 8 } });
    expect(report.torch?.modes).toEqual([
      {
        ...{ mode: "eager", peer: "pytorch 0.0", device: "cpu", threads: 3 },
        ...{ stepMs: { median: 20, min: 20, max: 20 }, peakBytes: 300 * 2 ** 20 },
        ...{ tokensPerSecond: 1600, ratio: 4, ratios: { median: 4, min: 2.5, max: 5 } },
      },
      {
        ...{ mode: "compile", peer: "pytorch 0.0", device: "cpu", threads: 3 },
        ...{ stepMs: { median: 10, min: 10, max: 10 }, peakBytes: 300 * 2 ** 20 },
        ...{ tokensPerSecond: 3200, ratio: 2, ratios: { median: 2, min: 1.25, max: 2.5 } },
      },
    ]);
    expect(said).toEqual(expect.arrayContaining(["looking for PyTorch, 0 s", "round 2 of 3, PyTorch compile, 0 s"]));
  });

  it("takes turns with other engines of ours, by their names, before PyTorch", async () => {
    using programs = fakePrograms(reportOf(1).parameters);
    const reports = [4, 80, 6, 5, 100, 8, 6, 90, 9].map((ms) => reportOf(ms));
    const report = await compare(
      options(programs, { engines: ["tfjs-wasm", "tfjs-cpu"], own: programs.own(reports), torch: null }),
    );
    expect(programs.ran()).toEqual(Array(3).fill(["ours", "ours --engine=tfjs-wasm", "ours --engine=tfjs-cpu"]).flat());
    expect(report.torch).toBeNull();
    expect(report.stepMs.median).toBe(5);
    expect(report.engines).toMatchObject({ rounds: 3, stepMs: { median: 5, min: 4, max: 6 } });
    expect(report.engines?.modes).toMatchObject([
      { mode: "tfjs-wasm", peer: null, device: "CPU of paper", threads: null, ratio: 18, ratios: { min: 15, max: 20 } },
      { mode: "tfjs-cpu", ratio: 1.6, ratios: { median: 1.5, min: 1.5, max: 1.6 } },
    ]);
  });

  it("puts engines and PyTorch apart", async () => {
    using programs = fakePrograms(reportOf(1).parameters);
    const own = programs.own([5, 50, 5, 50, 5, 50].map((ms) => reportOf(ms)));
    const report = await compare(options(programs, { engines: ["tfjs-wasm"], own }));
    expect(report.engines?.modes.map(({ mode, ratio }) => [mode, ratio])).toEqual([["tfjs-wasm", 10]]);
    expect(report.torch?.modes.map(({ mode, ratio }) => [mode, ratio])).toEqual([
      ["eager", 4],
      ["compile", 2],
    ]);
  });

  it("refuses to compare different models", async () => {
    using programs = fakePrograms(99);
    await expect(compare(options(programs))).rejects.toThrow(/trains 99 parameters, this project 7248/);
    using others = fakePrograms(7248);
    const own = others.own([5, 5, 5, 5, 5, 5].map((ms, i) => reportOf(ms, i === 1 ? { parameters: 3 } : {})));
    const engines = compare(options(others, { engines: ["tfjs-wasm"], torch: null, own }));
    await expect(engines).rejects.toThrow(/tfjs-wasm trains 3 parameters, this project 7248/);
  });

  it("says when our side fails, and whose fault it is", async () => {
    using programs = fakePrograms(7248);
    const theirs = compare(options(programs, { own: programs.ownFailing(2, "error: no such engine") }));
    await expect(theirs).rejects.toThrow(UserError);
    await expect(theirs).rejects.toThrow(/error: no such engine/);
    const ours = compare(options(programs, { own: programs.ownFailing(1, "at line 3") }));
    await expect(ours).rejects.not.toThrow(UserError);
    await expect(ours).rejects.toThrow(/process of its own: exit code 1:\n.*at line 3/);
    const silent = compare(options(programs, { own: [process.execPath, "-e", "console.log('{}')"] }));
    await expect(silent).rejects.toThrow(/not a report/);
  });
});

describe("summarize", () => {
  it("compares each round with its neighbour: a slow machine slows both", () => {
    const their = (msPerStep: number) => ({
      peer: "p",
      device: "cpu",
      threads: 2,
      peakBytes: null,
      parameters: 1,
      msPerStep,
    });
    const rounds = [1, 10, 2].map((slow) => ({ ours: reportOf(4 * slow), theirs: [their(6 * slow)] }));
    const [mode] = summarize(rounds, [{ mode: "eager", index: 0 }], 32).modes;
    expect(mode.ratio).toBe(1.5);
    expect(mode.ratios).toEqual({ median: 1.5, min: 1.5, max: 1.5 });
    expect(mode.stepMs).toEqual({ median: 12, min: 6, max: 60 });
  });
});
