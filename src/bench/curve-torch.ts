/** PyTorch's loss curve: weights and tokens go to `scripts/torch-peer.py` in files, losses come back in its last line. */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../base/errors.js";
import { initialWeights } from "../model/initialise.js";
import { parameterTable } from "../model/parameters.js";
import { curveRows } from "./curve-data.js";
import type { BenchShape } from "./shape.js";
import { optionsOf, peerLosses, runTorch, type TorchTarget } from "./torch.js";

export interface TorchCurve {
  readonly python: string;
  readonly target: TorchTarget;
  readonly steps: number;
  readonly learningRate: number;
  /** Steps in which the learning rate rises. */
  readonly rise: number;
  readonly onProgress: (text: string) => void;
}

/** @throws UserError when PyTorch fails, or computes another model. */
export async function torchLosses(shape: BenchShape, curve: TorchCurve): Promise<number[]> {
  const { slidingWindow, ropeScaling, nopeLayers } = shape.architecture;
  if (slidingWindow !== null || ropeScaling !== null || nopeLayers.length > 0)
    throw new UserError({
      what: "PyTorch's side has no sliding window, and plain RoPE in every layer",
      where: "model",
    });
  const { python, target, steps, learningRate, rise, onProgress } = curve;
  const folder = await mkdtemp(join(tmpdir(), "hephaestus-curve-"));
  try {
    onProgress("writing weights and tokens");
    await writeAll(join(folder, "weights.bin"), weightsOf(shape));
    await writeAll(join(folder, "tokens.bin"), tokensOf(shape, steps));
    const options = { steps, curve: folder, "learning-rate": learningRate, rise, mode: "eager", ...target };
    const args = optionsOf({ ...shape, accumulate: 1 }, options);
    const losses = peerLosses(await runTorch(python, args, (seconds) => onProgress(`PyTorch, ${seconds} s`)));
    if (losses.length === steps) return losses;
    throw new Error(`PyTorch's side gave ${losses.length} losses for ${steps} steps`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Float32 in the order of the parameter table, without names: the script builds the same table. */
function* weightsOf({ architecture }: BenchShape): Generator<Float32Array> {
  for (const { data } of initialWeights(parameterTable(architecture), 0)) yield data;
}

/** Int32 [steps, B, T + 1]. */
function* tokensOf(shape: BenchShape, steps: number): Generator<Int32Array> {
  for (let step = 0; step < steps; step++) yield curveRows(shape, shape.architecture.vocabulary, step);
}

async function writeAll(path: string, parts: Iterable<Float32Array | Int32Array>): Promise<void> {
  await using file = await open(path, "wx");
  for (const { buffer, byteOffset, byteLength } of parts)
    await file.writeFile(new Uint8Array(buffer, byteOffset, byteLength));
}
