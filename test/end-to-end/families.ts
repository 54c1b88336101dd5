/** Folders that `transformers` wrote of small random models, with what it computes from them (`scripts/golden/families.py`). */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { openWeights } from "../../src/checkpoint/load.js";
import type { Batch } from "../../src/data/batch.js";
import type { AdamWStep, Engine, EngineTensor } from "../../src/engine/engine.js";
import { openCpuDevice } from "../../src/engine/native/cpu/device.js";
import { NativeEngine } from "../../src/engine/native/engine.js";
import { openBackend } from "../../src/engine/tfjs/backend.js";
import { TfjsEngine } from "../../src/engine/tfjs/engine.js";
import { type Architecture, checkArchitecture } from "../../src/model/architecture.js";
import { type Parameter, parameterTable } from "../../src/model/parameters.js";
import { clipScale } from "../../src/optim/clipping.js";
import { wholeTensors } from "../checkpoint/content.js";
import { CACHE_FOLDER } from "../engine/native/cpu/kernel-devices.js";
import { distance } from "../engine/tolerance.js";

/** `expected.json`: B rows of T tokens for each step; errors are those of the worst of their float32 runs: Euclidean distances from float64. */
export interface Expected {
  readonly rows: number;
  readonly length: number;
  /** [steps][B][T + 1]. */
  readonly tokens: readonly (readonly (readonly number[])[])[];
  /** Which targets count, [steps][B][T]. */
  readonly counts: readonly (readonly (readonly number[])[])[];
  /** Of the first batch before training, float64 [B, T, V] in base64. */
  readonly logits: string;
  readonly logitsError: number;
  /** Summed loss of every row, [steps][B]. */
  readonly losses: readonly (readonly number[])[];
  readonly lossesError: number;
  readonly step: Omit<AdamWStep, "clipScale" | "update"> & { readonly clip: number };
}

export type OpenEngine = (architecture: Architecture, table: readonly Parameter[]) => Promise<Engine>;

export const native: OpenEngine = async (architecture, table) =>
  new NativeEngine(architecture, table, await openCpuDevice({ threads: 1, cacheFolder: CACHE_FOLDER }), {
    name: "native-cpu",
  });

export const tfjs: OpenEngine = async (architecture, table) =>
  new TfjsEngine(architecture, table, await openBackend("tfjs-cpu"));

export function readExpected(folder: string): Expected {
  return JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Expected;
}

export interface ImportedFolder {
  readonly architecture: Architecture;
  readonly table: readonly Parameter[];
  /** What the files hold, widened. */
  readonly weights: readonly EngineTensor[];
}

/** A folder as a run begins from it. */
export async function importFolder(folder: string): Promise<ImportedFolder> {
  const { architecture, weights } = await openWeights(folder);
  checkArchitecture(architecture, folder);
  return { architecture, table: parameterTable(architecture), weights: await wholeTensors(weights()) };
}

/** An engine with a folder's weights; owned by the caller. */
export async function engineOf(folder: string, open: OpenEngine): Promise<Engine> {
  const { architecture, weights } = await openWeights(folder);
  const engine = await open(architecture, parameterTable(architecture));
  await engine.load(weights());
  return engine;
}

/** One row of a step's batch, as a micro-batch. */
export function microBatch({ tokens, counts, length }: Expected, step: number, row: number): Batch {
  const ids = tokens[step]?.[row] ?? [];
  return {
    rows: 1,
    length,
    inputs_BT: Int32Array.from(ids.slice(0, -1)),
    targets_BT: Int32Array.from(ids.slice(1)),
    lossMask_BT: Uint8Array.from(counts[step]?.[row] ?? []),
    documentStart_BT: new Int32Array(length),
    domains_B: new Int32Array(1),
  };
}

/** Targets of a step that count, in all its rows. */
export function countOf({ counts }: Expected, step: number): number {
  return (counts[step] ?? []).flat().reduce((sum, bit) => sum + bit, 0);
}

/** Logits of the first batch, [B, T, V]: its rows decoded together, token by token. */
export async function logitsOf(engine: Engine, expected: Expected): Promise<number[]> {
  const { rows, length } = expected;
  using session = engine.session({ rows, maxLength: length });
  const inputs = Array.from({ length: rows }, (_, row) => microBatch(expected, 0, row).inputs_BT);
  const logits: number[][] = inputs.map(() => []);
  for (let at = 0; at < length; at++) {
    const logits_B = await session.feed(inputs.map((inputs_BT) => [inputs_BT[at]]));
    logits_B.forEach((found, row) => {
      logits[row].push(...(found ?? []));
    });
  }
  return logits.flat();
}

/** Trains on, a row at a time; the summed loss of every row of every step. */
export async function lossesOf(engine: Engine, expected: Expected): Promise<number[]> {
  const { clip, ...rates } = expected.step;
  const losses: number[] = [];
  for (let step = 0; step < expected.tokens.length; step++) {
    for (let row = 0; row < expected.rows; row++) {
      const { lossSum_B } = await engine.accumulate(microBatch(expected, step, row), 1 / countOf(expected, step));
      losses.push(...lossSum_B);
    }
    await engine.update({ ...rates, clipScale: clipScale(await engine.gradientNorm(), clip), update: step + 1 });
  }
  return losses;
}

/** Logits, then five steps: twice as far from float64 as their own float32 runs may be, and no further. */
export async function expectLikeTransformers(engine: Engine, expected: Expected): Promise<void> {
  const logits = distance(await logitsOf(engine, expected), exactLogits(expected));
  expect(logits, "logits").toBeLessThanOrEqual(2 * expected.logitsError);
  const losses = distance(await lossesOf(engine, expected), expected.losses.flat());
  expect(losses, "losses").toBeLessThanOrEqual(2 * expected.lossesError);
}

export function exactLogits({ logits }: Expected): Float64Array {
  const bytes = Buffer.from(logits, "base64");
  return Float64Array.from({ length: bytes.length / 8 }, (_, index) => bytes.readDoubleLE(8 * index));
}
