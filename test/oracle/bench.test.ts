/**
 * Against PyTorch: its side of `bench --compare-torch` trains a model of the same size, counts FLOPs alike, and the comparison runs end to end.
 * Needs torch in the interpreter that HEPHAESTUS_PYTHON names (default: python3).
 */
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { compare } from "../../src/bench/compare.js";
import { lossCurves } from "../../src/bench/curve.js";
import { type BenchShape, parseShape, tokensPerStep } from "../../src/bench/shape.js";
import { peerArguments, runPeer } from "../../src/bench/torch.js";
import type { Architecture } from "../../src/model/architecture.js";
import { flopsPerToken } from "../../src/model/costs.js";
import { countParameters, parameterTable } from "../../src/model/parameters.js";

const python = process.env["HEPHAESTUS_PYTHON"] ?? "python3";
const probe = spawnSync(python, ["scripts/torch-peer.py", "--probe"], { encoding: "utf8" });
const missing = probe.status === 0 ? null : `${python} cannot import torch (set HEPHAESTUS_PYTHON)`;

const SHAPE = "width=32,layers=2,heads=4,ff=48,vocab=64,batch=2,length=16";

function variant(line: string, changes: Partial<Architecture> = {}): BenchShape {
  const shape = parseShape(line);
  return { ...shape, architecture: { ...shape.architecture, ...changes } };
}

describe.skipIf(missing !== null)(missing ?? "the PyTorch peer", () => {
  it("says which PyTorch it is", () => {
    expect(JSON.parse(probe.stdout)).toMatchObject({ peer: expect.stringMatching(/^pytorch \d/), device: "cpu" });
  });

  it.each([
    ["plain", variant(SHAPE)],
    ["tied, grouped heads, accumulating", variant(`${SHAPE},kv=2,tied=1,accumulate=3`)],
    ["biases, wide heads", variant(SHAPE, { qkvBias: true, headWidth: 16 })],
    ["normalised heads", variant(SHAPE, { qkNorm: true })],
  ])("trains the same model: %s", async (_, shape) => {
    const result = await runPeer({ python, shape, steps: 2 }, "eager", () => {});
    expect(result.parameters).toBe(countParameters(parameterTable(shape.architecture)));
    expect(result.msPerStep).toBeGreaterThan(0);
  });

  it("counts FLOPs by our convention", () => {
    const shape = variant("width=128,layers=2,heads=4,ff=344,vocab=512,batch=4,length=64,kv=2,accumulate=2");
    const args = ["scripts/torch-peer.py", ...peerArguments({ python, shape, steps: 3 }, "eager")];
    const { stdout, stderr } = spawnSync(python, args, { encoding: "utf8" });
    expect(stdout, stderr).toMatch(/^\{/);
    const { gflops, ms_per_step, tokens_per_second } = JSON.parse(stdout);
    const tokens = tokensPerStep(shape);
    const exact = (flopsPerToken(shape.architecture, shape.length) * tokens) / (ms_per_step * 1e6);
    // gflops is rounded to tenths, ms_per_step to 1e-4.
    expect(Math.abs(gflops - exact)).toBeLessThanOrEqual(0.05 + (exact * 5e-5) / ms_per_step + 1e-9);
    expect(Math.abs(tokens_per_second - (1000 * tokens) / ms_per_step)).toBeLessThanOrEqual(
      0.5 + (1000 * tokens * 5e-5) / ms_per_step ** 2,
    );
  });

  it("compares end to end, eager and compiled", async () => {
    const bench = ["bench", "--json", "--shape", SHAPE, "--engine", "tfjs-cpu", "--steps", "2"];
    const report = await compare({
      engines: [],
      torch: { peer: { python, shape: variant(SHAPE), steps: 2 }, modes: ["eager", "compile"] },
      rounds: 3,
      own: [process.execPath, "--import", "tsx", "src/cli.ts", ...bench],
      onProgress: () => {},
    });
    expect(report.engine.name).toBe("tfjs-cpu");
    expect(report.torch?.modes.map(({ mode }) => mode)).toEqual(["eager", "compile"]);
    for (const { ratio, ratios } of report.torch?.modes ?? []) {
      expect(ratio).toBeGreaterThan(0);
      expect(ratios.min).toBeLessThanOrEqual(ratios.max);
    }
  });
});

describe.skipIf(missing !== null)(missing ?? "loss curves beside PyTorch", () => {
  it.each([
    ["grouped heads, tied", variant(`${SHAPE},kv=2,tied=1`)],
    [
      "biases and normalised heads",
      variant(SHAPE, { qkvBias: true, qkNorm: true, ropeTheta: 500_000, normEpsilon: 1e-6 }),
    ],
  ])("are the same in float32 from the same weights and data: %s", async (_, shape) => {
    const sides = ["tfjs-cpu", "torch:fp32", "torch:master"];
    const memory = { recomputation: "auto", memory: null } as const;
    const curves = await lossCurves(shape, { steps: 20, sides, memory, python, onProgress: () => {} });
    const [ours, fp32, master] = curves;
    expect(ours.losses[19]).toBeLessThan(ours.losses[0]);
    // Sums of 32 losses of float32 that differ in their last bits, through 20 updates of 3e-4 and less.
    expect(fp32.against?.largest).toBeLessThan(1e-5);
    expect(master.against?.largest).toBeGreaterThan(0);
    expect(master.against?.largest).toBeLessThan(2 ** -8);
  });
});
