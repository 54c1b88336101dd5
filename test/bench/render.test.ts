import { describe, expect, it } from "vitest";
import { summarize } from "../../src/bench/compare.js";
import { formatMs, formatPerSecond, renderReport } from "../../src/bench/render.js";
import { reportOf } from "./reports.js";

describe("renderReport", () => {
  it("says what an engine that tells nothing does not tell", () => {
    expect(renderReport(reportOf(4))).toEqual([
      "shape      width 16, 2 layers, 2 heads, feed-forward 32, vocabulary 64; 7.25k parameters; 2 × 16 = 32 tokens a step",
      "engine     made-up (CPU of paper), fp32; open after 12.3 ms, first step 679 ms",
      "step       median 4 ms, 2 ms to 8 ms: 5 steps after 4 untimed",
      "speed      8k tok/s at the median",
      "compute    0.319 GFLOP/s of the model (6·N_matmul + causal half of attention, per token; recomputation does not count)",
      "ceiling    not measured: made-up cannot run a product by itself",
      "memory     peak 300 MiB, 100 MiB of it before the engine; the plan's formula predicts 160 MiB: 125.0 %",
      "",
      "operations not timed: made-up does not tell",
    ]);
  });

  it("shows the ceiling, operations and bytes where the engine tells", () => {
    const base = reportOf(4);
    const lines = renderReport(
      reportOf(4, {
        shape: { ...base.shape, accumulate: 2, architecture: { ...base.shape.architecture, kvHeads: 1, tied: true } },
        engine: { ...base.engine, threads: 2 },
        ceiling: { rows: 8, columns: 64, inner: 16, flopsPerSecond: 5e11 },
        ceilingShare: 0.625,
        operations: [
          { kind: "matmul", ms: 3, calls: 12, bytes: 6e6 },
          { kind: "norm", ms: 1, calls: 5 },
        ],
        bytesPerStep: 3 * 2 ** 20,
        memory: { ...base.memory, predictedBy: "engine" },
      }),
    );
    expect(lines[0]).toContain("2 heads (1 key/value), feed-forward 32, vocabulary 64, tied; ");
    expect(lines[0]).toContain("; 2 × 2 × 16 = 32 tokens a step");
    expect(lines[1]).toContain("(CPU of paper, 2 threads)");
    expect(lines.slice(5)).toEqual([
      "ceiling    62.5 % of 500 GFLOP/s, measured now: product of 8 × 16 and 16 × 64",
      "memory     peak 300 MiB, 100 MiB of it before the engine; the engine predicts 160 MiB: 125.0 %",
      "moved      3 MiB a step",
      "",
      "operation  a step   share  calls     moved    rate",
      "matmul       3 ms  75.0 %     12  5.72 MiB  2 GB/s",
      "norm         1 ms  25.0 %      5         -       -",
      "4 ms in operations of a step of 4 ms",
    ]);
  });

  it("shows PyTorch beside us, with the ratio of the medians", () => {
    const their = (msPerStep: number) => ({ peer: "pytorch 2.0", device: "cpu", threads: 2, parameters: 1, msPerStep });
    const rounds = [4, 5, 8].map((ms) => ({ ours: reportOf(ms), theirs: [their(10), their(8)] }));
    const torch = summarize(rounds, ["eager", "compile"], 32);
    expect(renderReport(reportOf(5, { torch })).slice(-5)).toEqual([
      "side                 threads  a step   of the rounds  tok/s  ours / theirs     of the rounds",
      "made-up                    -    5 ms    4 ms to 8 ms   6.4k",
      "pytorch 2.0 eager          2   10 ms  10 ms to 10 ms   3.2k         2.00 ×  1.25 × to 2.50 ×",
      "pytorch 2.0 compile        2    8 ms    8 ms to 8 ms     4k         1.60 ×  1.00 × to 2.00 ×",
      expect.stringMatching(/^3 rounds; each round runs every side in a process of its own, in turn, with 4 untimed/),
    ]);
  });
});

describe("numbers", () => {
  it.each([
    [0.01234, "0.0123 ms"],
    [9.999, "10 ms"],
    [99.94, "99.9 ms"],
    [1234.5, "1235 ms"],
  ])("%d milliseconds", (ms, text) => {
    expect(formatMs(ms)).toBe(text);
  });

  it.each([
    [4.02e7, "0.0402 GFLOP/s"],
    [4.123e11, "412 GFLOP/s"],
    [9.89e14, "989 TFLOP/s"],
  ])("%d FLOP/s", (value, text) => {
    expect(formatPerSecond(value, "FLOP")).toBe(text);
  });
});
