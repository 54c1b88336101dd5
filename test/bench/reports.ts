/** A made-up report with round numbers, for those who print or compare reports. */
import { type BenchReport, FLOPS_CONVENTION } from "../../src/bench/report.js";
import { parseShape } from "../../src/bench/shape.js";

export const TINY = "width=16,layers=2,heads=2,ff=32,vocab=64,batch=2,length=16";

/** A report whose median step took this long. */
export function reportOf(median: number, changes: Partial<BenchReport> = {}): BenchReport {
  return {
    shape: parseShape(TINY),
    engine: {
      name: "made-up",
      device: "CPU of paper",
      precision: "fp32",
      deterministic: true,
      threads: null,
      why: "made-up: as asked for",
    },
    mode: null,
    parameters: 7248,
    tokensPerStep: 32,
    flopsPerToken: 39_936,
    flopsConvention: FLOPS_CONVENTION,
    steps: 5,
    warmUp: 4,
    openMs: 12.345,
    firstStepMs: 678.9,
    cold: null,
    saving: null,
    loss: { first: 4.2, expected: Math.log(64) + 0.0032, sane: true },
    stepMs: { median, min: median / 2, max: 2 * median },
    tokensPerSecond: 32_000 / median,
    flopsPerSecond: (32_000 / median) * 39_936,
    ceiling: null,
    ceilingShare: null,
    copyCeiling: null,
    peak: null,
    operations: null,
    bytesPerStep: null,
    memory: {
      engine: "made-up",
      predictedBy: "formula",
      parts: [
        { name: "process without a model", bytes: 100 * 2 ** 20 },
        { name: "activations", bytes: 139 * 2 ** 20 },
        { name: "crumbs", bytes: 2 ** 20 },
      ],
      total: 240 * 2 ** 20,
      choice: null,
      checkpoint: null,
      peakBytes: 300 * 2 ** 20,
      ratio: 1.25,
      device: null,
    },
    torch: null,
    engines: null,
    ...changes,
  };
}
