import { describe, expect, it } from "vitest";
import { summarize } from "../../src/bench/compare.js";
import { formatMs, formatPerSecond, renderReport } from "../../src/bench/render.js";
import { chooseRecomputation } from "../../src/engine/native/recomputation.js";
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
      "loss       4.200 in the first step, as of new weights (4.162)",
      "memory     peak 300 MiB, 240 MiB predicted by the formula for all engines: 125.0 %",
      "           predicted: process without a model 100 MiB, activations 139 MiB",
      "",
      "operations not timed: made-up does not tell",
    ]);
  });

  it("shows the ceiling, operations and bytes where the engine tells", () => {
    const base = reportOf(4);
    const choice = chooseRecomputation((mode) => (mode === "none" ? 9 : 1) * 2 ** 20, {
      ...{ asked: "auto", limit: 2 ** 22, limitedBy: "engine.memory" },
    });
    const lines = renderReport(
      reportOf(4, {
        shape: { ...base.shape, accumulate: 2, architecture: { ...base.shape.architecture, kvHeads: 1, tied: true } },
        engine: { ...base.engine, threads: 2 },
        ceiling: { rows: 8, columns: 64, inner: 16, flopsPerSecond: 5e11 },
        ceilingShare: 0.625,
        operations: [
          { kind: "matmul", ms: 3, calls: 12, bytes: 6e6, flops: 1.5e9, floorMs: 2.4 },
          { kind: "norm", ms: 1, calls: 5, bytes: 1e6, flops: 0, floorMs: 0.1 },
          { kind: "other", ms: 1, calls: 5, floorMs: null },
        ],
        bytesPerStep: 3 * 2 ** 20,
        memory: { ...base.memory, predictedBy: "engine", choice },
      }),
    );
    expect(lines[0]).toContain("2 heads (1 key/value), feed-forward 32, vocabulary 64, tied; ");
    expect(lines[0]).toContain("; 2 × 2 × 16 = 32 tokens a step");
    expect(lines[1]).toContain("(CPU of paper, 2 threads)");
    expect(lines.slice(5)).toEqual([
      "ceiling    62.5 % of 500 GFLOP/s, measured now: product of 8 × 16 and 16 × 64",
      "loss       4.200 in the first step, as of new weights (4.162)",
      "memory     peak 300 MiB, 240 MiB predicted: 125.0 %",
      "           predicted: process without a model 100 MiB, activations 139 MiB",
      "           recomputation block-parts: none would need 9 MiB of 4 MiB (engine.memory); norms, projections and the gate are computed twice",
      "moved      3 MiB a step",
      "",
      "operation  a step   share  calls     moved    rate     products   floor  of floor",
      "matmul       3 ms  60.0 %     12  5.72 MiB  2 GB/s  500 GFLOP/s  2.4 ms    1.25 ×",
      "norm         1 ms  20.0 %      5   977 KiB  1 GB/s            -  0.1 ms   10.00 ×",
      "other        1 ms  20.0 %      5         -       -            -       -         -",
      "5 ms in operations of a step of 4 ms; moved: what is read and written at the least",
    ]);
  });

  it("shows other engines and PyTorch beside us in one table, with the ratio of the medians", () => {
    const about = { device: "cpu", parameters: 1 };
    const their = (msPerStep: number) => ({
      ...{ ...about, peer: "pytorch 2.0", threads: 2, msPerStep, peakBytes: 2 ** 21 },
    });
    const wasm = { ...about, peer: null, threads: null, msPerStep: 100, peakBytes: null };
    const rounds = [4, 5, 8].map((ms) => ({ ours: reportOf(ms), theirs: [wasm, their(10), their(8)] }));
    const sides = ["tfjs-wasm", "eager", "compile"].map((mode, index) => ({ mode, index }));
    const engines = summarize(rounds, sides.slice(0, 1), 32);
    const torch = summarize(rounds, sides.slice(1), 32);
    const ours = { ...reportOf(5).engine, threads: 2 };
    const table = [
      "side                 threads  a step     of the rounds  tok/s   memory  ours / theirs       of the rounds",
      "made-up                    2    5 ms      4 ms to 8 ms   6.4k  300 MiB",
      "tfjs-wasm                  -  100 ms  100 ms to 100 ms    320        -        20.00 ×  12.50 × to 25.00 ×",
      "pytorch 2.0 eager          2   10 ms    10 ms to 10 ms   3.2k    2 MiB         2.00 ×    1.25 × to 2.50 ×",
      "pytorch 2.0 compile        2    8 ms      8 ms to 8 ms     4k    2 MiB         1.60 ×    1.00 × to 2.00 ×",
      expect.stringMatching(
        /^3 rounds; each round runs every side in a process of its own, in turn, with up to 4 untimed/,
      ),
    ];
    expect(renderReport(reportOf(5, { torch, engines, engine: ours })).slice(-6)).toEqual(table);
    expect(renderReport(reportOf(5, { torch, engine: ours })).slice(-5, -1)).toHaveLength(4);
    expect(renderReport(reportOf(5, { engines })).at(-3)).toMatch(/^made-up +- +5 ms/);
  });
});

describe("renderReport on a card", () => {
  it("shows the data sheet's peak, floors, a first start, saving and a loss that is off", () => {
    const base = reportOf(4);
    const lines = renderReport(
      reportOf(4, {
        mode: "bf16-lean",
        cold: { openMs: 2000, firstStepMs: 9000 },
        saving: { copyMs: 50, stallMs: -1 },
        peak: { card: "a card", flopsPerSecond: 9.89e14, share: 0.5 },
        copyCeiling: { bytes: 2 ** 28, bytesPerSecond: 3e12 },
        operations: [{ kind: "matmul", ms: 3, calls: 12, bytes: 6e6, flops: 1.5e9, floorMs: 2 }],
        loss: { first: 41, expected: 4.162, sane: false },
        memory: { ...base.memory, device: { usedBytes: 2 ** 30, totalBytes: 2 ** 31 } },
      }),
    );
    expect(lines[1]).toContain(", bf16 throughout; open after");
    expect(lines).toEqual(
      expect.arrayContaining([
        "cold       with nothing compiled before: open after 2000 ms, first step 9000 ms",
        "saving     weights and moments are copied out in 50 ms; the step beside it took no longer",
        "peak       50.0 % of 989 TFLOP/s, dense bf16 of a card by its data sheet",
        "loss       41.000 in the first step, NOT as of new weights, whose is about (4.162)",
        "           1 GiB of the device's 2 GiB in use",
        "floor: 2 ms in all; of each the longer of what it moves at the 3 TB/s of a copy, measured now, and its products at the ceiling",
      ]),
    );
    const broken = reportOf(4, { loss: { first: null, expected: 4.162, sane: false } });
    expect(renderReport(broken)).toContain("loss       the first step's is not a number");
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
