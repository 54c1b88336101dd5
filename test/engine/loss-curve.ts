/**
 * 200 steps of two small Llamas beside PyTorch's (`scripts/golden/loss_curve.py`). Weights and tokens come from an integer hash, the same as
 * the script's, so the golden file holds losses only.
 */
import { readFileSync } from "node:fs";
import { sizeOf } from "../../src/base/dims.js";
import { streamOf } from "../../src/base/random.js";
import type { ScheduleSpec } from "../../src/config/plan.js";
import type { Batch } from "../../src/data/batch.js";
import type { AdamWStep, Engine, EngineTensor } from "../../src/engine/engine.js";
import type { Architecture } from "../../src/model/architecture.js";
import { type Parameter, parameterTable } from "../../src/model/parameters.js";
import { clipScale } from "../../src/optim/clipping.js";
import { learningRateAt } from "../../src/optim/schedules.js";
import { architectureOf } from "./cases.js";

export type CurveName = "untied" | "tied";

interface GoldenCurve {
  readonly float64: readonly number[];
  readonly float32: readonly number[];
  /** Relative, to float64. */
  readonly largestDifference: {
    readonly float32: readonly number[];
    readonly huggingFace: number;
    /** Of float64 runs with one part in float32. */
    readonly parts: Readonly<Record<"losses" | "weights" | "gradients", number>>;
  };
}

interface Golden extends Readonly<Record<CurveName, GoldenCurve>> {
  readonly rows: number;
  readonly length: number;
  readonly steps: number;
  readonly schedule: ScheduleSpec;
  readonly clip: number;
  readonly adamw: Pick<AdamWStep, "beta1" | "beta2" | "epsilon" | "weightDecay">;
  readonly architecture: Partial<Architecture>;
}

const golden = JSON.parse(readFileSync(new URL("../golden/loss-curve.json", import.meta.url), "utf8")) as Golden;

/** The golden file's model. */
export function curveArchitecture(name: CurveName): Architecture {
  return architectureOf({ ...golden.architecture, tied: name === "tied" });
}

/** The finaliser of MurmurHash3 over stream + index · golden ratio, 32 bits. */
function hashed(stream: number, index: number): number {
  let x = (stream + Math.imul(index, 0x9e3779b9)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Norms 1; matrices uniform in ±0.1. */
function weightsOf(table: readonly Parameter[]): EngineTensor[] {
  return table.map(({ name, shape }) => {
    const value = (index: number): number => ((hashed(streamOf(name), index) >>> 8) / 2 ** 23 - 1) * 0.1;
    const data = Float32Array.from({ length: sizeOf(shape) }, (_, index) => (shape.length === 1 ? 1 : value(index)));
    return { name, kind: "weight", shape, data };
  });
}

/** Each token is one of four successors of the one before it, 5·token + 0 … 3. */
function batchOf(step: number, vocabulary: number): Batch {
  const { rows, length } = golden;
  const stream = streamOf(`step ${step}`);
  const inputs_BT = new Int32Array(rows * length);
  const targets_BT = new Int32Array(rows * length);
  for (let row = 0; row < rows; row++) {
    let token = hashed(stream, row * (length + 1)) % vocabulary;
    for (let at = 0; at < length; at++) {
      inputs_BT[row * length + at] = token;
      token = (5 * token + (hashed(stream, row * (length + 1) + at + 1) % 4)) % vocabulary;
      targets_BT[row * length + at] = token;
    }
  }
  const lossMask_BT = new Uint8Array(rows * length).fill(1);
  const documentStart_BT = new Int32Array(rows * length);
  return { rows, length, inputs_BT, targets_BT, lossMask_BT, documentStart_BT, domains_B: new Int32Array(rows) };
}

/** Mean loss of every step, before its update. `changes`: to the optimizer's settings. */
export async function lossCurve(engine: Engine, name: CurveName, changes: Partial<AdamWStep> = {}): Promise<number[]> {
  const { rows, length, steps, schedule, clip, adamw } = golden;
  const architecture = curveArchitecture(name);
  await engine.load(weightsOf(parameterTable(architecture)));
  const curve: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { lossSum_B } = await engine.accumulate(batchOf(step, architecture.vocabulary), 1 / (rows * length));
    curve.push(lossSum_B.reduce((sum, loss) => sum + loss, 0) / (rows * length));
    const scale = clipScale(await engine.gradientNorm(), clip);
    const learningRate = learningRateAt(schedule, step, steps);
    await engine.update({ ...adamw, learningRate, clipScale: scale, update: step + 1, ...changes });
  }
  return curve;
}

export interface Agreement {
  /** Largest relative difference to PyTorch in float64, and the step where it is. */
  readonly difference: number;
  readonly step: number;
  /** What is allowed. */
  readonly limit: number;
  readonly line: string;
}

/**
 * How far a curve is from PyTorch's, by the rule of `tolerance.ts`: its largest relative difference to PyTorch in float64 is at most twice
 * the worst of PyTorch's own float32 runs, which differ in the order of the model's channels.
 *
 * These differences are near 1e-7, a unit in the last place of a float32 loss. Most of it is rounding inside the forward pass that measures
 * the loss; weights kept in float32 add about half as much, rounded gradients a hundredth (the golden file has each part alone). They do
 * not grow with the steps: this training is no chaotic system, and so one wrong digit in AdamW's settings shows.
 */
export function agreementOf(name: CurveName, engine: string, curve: readonly number[]): Agreement {
  const { float64, largestDifference } = golden[name];
  const differences = float64.map((exact, step) => Math.abs((curve[step] ?? Number.NaN) - exact) / exact);
  const difference = Math.max(...differences);
  const { float32, huggingFace, parts } = largestDifference;
  const figure = (value: number): string => value.toExponential(1);
  const line =
    `${name}, largest relative difference to PyTorch in float64 over ${curve.length} steps: ${engine} ${figure(difference)}; PyTorch in ` +
    `float32 ${figure(Math.min(...float32))} to ${figure(Math.max(...float32))} (its forward pass alone ${figure(parts.losses)}, its ` +
    `weights ${figure(parts.weights)}, its gradients ${figure(parts.gradients)}), Hugging Face ${figure(huggingFace)}`;
  return { difference, step: differences.indexOf(difference), limit: 2 * Math.max(...float32), line };
}
