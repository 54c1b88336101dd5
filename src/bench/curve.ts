/**
 * Loss curves of several engines, precisions and PyTorch from the same weights on the same made-up text, each against the first.
 * One update a step, with warm-up of the learning rate, clipping and AdamW, as in a run.
 */
import { UserError } from "../base/errors.js";
import { ENGINE_NAMES, type EngineName } from "../engine/select.js";
import { initialWeights } from "../model/initialise.js";
import { parameterTable } from "../model/parameters.js";
import { clipScale } from "../optim/clipping.js";
import { curveBatch } from "./curve-data.js";
import { torchLosses } from "./curve-torch.js";
import { type OpenOptions, openFitting } from "./open.js";
import type { MemoryRequest } from "./prediction.js";
import type { BenchShape } from "./shape.js";
import { TORCH_DTYPES, type TorchDtype } from "./torch.js";

const LEARNING_RATE = 3e-4;
/** Share of the steps in which the learning rate rises. */
const RISE = 0.1;
const OPTIMIZER = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
const CLIP = 1;

export type CurveSide =
  | {
      readonly kind: EngineName;
      readonly precision: "auto" | "fp32" | "bf16";
      readonly optimizerMemory: "auto" | "fp32" | "bf16";
    }
  | { readonly kind: "torch"; readonly dtype: TorchDtype };

export interface CurveOptions extends Pick<OpenOptions, "open" | "onProgress"> {
  readonly steps: number;
  /** The first is what the others are held against. */
  readonly sides: readonly string[];
  readonly memory: MemoryRequest;
  readonly python: string;
}

export interface Curve {
  readonly side: string;
  /** In nats per token, of each step before its update. */
  readonly losses: readonly number[];
  /** Relative differences to the first side, step by step; null for that itself. */
  readonly against: Differences | null;
}

export interface Differences {
  readonly largest: number;
  /** Step of the largest, from 1. */
  readonly at: number;
  readonly mean: number;
}

/** @throws UserError when a side is not known or cannot run. */
export async function lossCurves(shape: BenchShape, options: CurveOptions): Promise<readonly Curve[]> {
  const { sides: names, steps, python, onProgress } = options;
  const sides = names.map(sideOf);
  const device = sides.some(({ kind }) => kind === "native-cuda") ? "cuda" : "cpu";
  const curves: Curve[] = [];
  for (const [index, side] of sides.entries()) {
    const saying = (text: string): void => onProgress(`${names[index]}: ${text}`);
    const losses =
      side.kind === "torch"
        ? await torchLosses(shape, {
            python,
            target: { device, dtype: side.dtype },
            ...trainingOf(steps),
            onProgress: saying,
          })
        : await engineLosses(shape, side, { ...options, onProgress: saying });
    const [first] = curves;
    curves.push({
      side: names[index],
      losses,
      against: first === undefined ? null : differences(losses, first.losses),
    });
  }
  return curves;
}

/** `native-cuda:bf16`, `native-cuda:bf16-lean`, `native-cpu`, `torch:master`. @throws UserError when it is none. */
export function sideOf(text: string): CurveSide {
  const [kind = "", what] = text.split(":");
  const engine = ENGINE_NAMES.find((name) => name === kind);
  if (kind === "torch") {
    const dtype = TORCH_DTYPES.find((known) => known === (what ?? "fp32"));
    if (dtype !== undefined) return { kind, dtype };
  } else if (engine !== undefined) {
    if (what === undefined) return { kind: engine, precision: "auto", optimizerMemory: "auto" };
    if (what === "fp32") return { kind: engine, precision: "fp32", optimizerMemory: "fp32" };
    if (what === "bf16") return { kind: engine, precision: "bf16", optimizerMemory: "fp32" };
    if (what === "bf16-lean") return { kind: engine, precision: "bf16", optimizerMemory: "bf16" };
  }
  throw new UserError({
    what: `there is no side ${JSON.stringify(text)}`,
    where: "--curve-sides",
    expected: `engine:precision or torch:type, of the engines ${ENGINE_NAMES.join(", ")}, the precisions fp32, bf16, bf16-lean and the types ${TORCH_DTYPES.join(", ")}`,
  });
}

/** What has both a card's engine and PyTorch beside it, or the engine that was asked for. */
export function defaultSides(kind: string): readonly string[] {
  const cuda = [
    "native-cuda:fp32",
    "native-cuda:bf16",
    "native-cuda:bf16-lean",
    "torch:fp32",
    "torch:master",
    "torch:bf16",
  ];
  return kind === "native-cuda" ? cuda : [kind === "auto" ? "native-cpu" : kind, "torch:fp32"];
}

/** |a − b| / b of each step. Not a number counts as infinitely far. */
export function differences(losses: readonly number[], reference: readonly number[]): Differences {
  const each = reference.map((loss, step) => {
    const difference = Math.abs((losses[step] ?? Number.NaN) - loss) / loss;
    return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  });
  const largest = Math.max(...each);
  return { largest, at: each.indexOf(largest) + 1, mean: each.reduce((sum, one) => sum + one, 0) / each.length };
}

async function engineLosses(
  shape: BenchShape,
  { kind, precision, optimizerMemory }: Exclude<CurveSide, { readonly kind: "torch" }>,
  { memory, steps, onProgress, open }: CurveOptions,
): Promise<number[]> {
  const { architecture, rows, length } = shape;
  const request = { ...memory, precision, optimizerMemory };
  const opening = { kind, memory: request, onProgress, ...(open === undefined ? {} : { open }) };
  using engine = (await openFitting(shape, opening)).engine;
  await engine.load(initialWeights(parameterTable(architecture), 0));
  const { learningRate, rise } = trainingOf(steps);
  const losses: number[] = [];
  for (let update = 1; update <= steps; update++) {
    const batch = curveBatch(shape, architecture.vocabulary, update - 1);
    const { lossSum_B } = await engine.accumulate(batch, 1 / (rows * length));
    losses.push(lossSum_B.reduce((sum, loss) => sum + loss, 0) / (rows * length));
    const norm = await engine.gradientNorm();
    const rate = learningRate * Math.min(1, update / rise);
    await engine.update({ ...OPTIMIZER, learningRate: rate, clipScale: clipScale(norm, CLIP), update });
    onProgress(`step ${update} of ${steps}`);
  }
  return losses;
}

function trainingOf(steps: number) {
  return { steps, learningRate: LEARNING_RATE, rise: Math.max(1, Math.round(RISE * steps)) };
}
