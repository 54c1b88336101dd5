/** Small models and batches that between them turn on every feature of the architecture, alone and at odd sizes. */
import { random32, randomNormal, streamOf } from "../../src/base/random.js";
import type { Batch } from "../../src/data/batch.js";
import type { EngineTensor } from "../../src/engine/engine.js";
import type { Architecture } from "../../src/model/architecture.js";
import { type Parameter, parameterTable } from "../../src/model/parameters.js";
import type { Tensors } from "../reference/decoder.js";

export interface Case {
  readonly name: string;
  readonly architecture: Architecture;
  readonly batch: Batch;
}

const BASE: Architecture = {
  width: 20,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headWidth: 8,
  feedForward: 28,
  vocabulary: 53,
  maxLength: 64,
  ropeTheta: 10000,
  ropeScaling: null,
  nopeLayers: [],
  normEpsilon: 1e-5,
  tied: false,
  qkvBias: false,
  qkNorm: false,
  slidingWindow: null,
};

/** The base model (Llama-like, untied, two query heads to a key/value head) with some values changed. */
export function architectureOf(changes: Partial<Architecture> = {}): Architecture {
  return { ...BASE, ...changes };
}

export interface BatchOptions {
  readonly rows?: number;
  readonly length?: number;
  readonly seed?: number;
  /** Positions in every row where a new document starts. */
  readonly documents?: readonly number[];
  /** Whether the target at this row and position counts. */
  readonly counts?: (row: number, position: number) => boolean;
}

/** Random tokens. */
export function batchOf({ vocabulary }: Architecture, options: BatchOptions = {}): Batch {
  const { rows = 2, length = 9, seed = 1, documents = [], counts = () => true } = options;
  const tokens = Int32Array.from({ length: rows * (length + 1) }, (_, index) => random32(seed, 7, index) % vocabulary);
  const each = <R>(value: (row: number, position: number) => R): R[] =>
    Array.from({ length: rows * length }, (_, index) => value(Math.floor(index / length), index % length));
  return {
    rows,
    length,
    inputs_BT: Int32Array.from(each((row, position) => tokens[row * (length + 1) + position] as number)),
    targets_BT: Int32Array.from(each((row, position) => tokens[row * (length + 1) + position + 1] as number)),
    lossMask_BT: Uint8Array.from(each((row, position) => (counts(row, position) ? 1 : 0))),
    documentStart_BT: Int32Array.from(
      each((_row, position) => documents.reduce((start, next) => (next <= position ? next : start), 0)),
    ),
    domains_B: new Int32Array(rows),
  };
}

function caseOf(name: string, changes: Partial<Architecture>, options: BatchOptions = {}): Case {
  const architecture = architectureOf(changes);
  return { name, architecture, batch: batchOf(architecture, options) };
}

/** Rows of `length` whose documents end at `end`; the padding after them is one document a token, and counts nowhere. */
export function padded(length: number, documents: readonly number[], end: number): BatchOptions {
  const padding = Array.from({ length: length - end }, (_, position) => end + position);
  return {
    rows: 3,
    length,
    documents: [...documents, ...padding],
    counts: (row, position) => row !== 1 && position < end,
  };
}

const LLAMA3 = { factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalLength: 32 };

export const CASES: readonly Case[] = [
  caseOf("Llama: untied, H/K = 2", {}, { length: 17 }),
  caseOf("tied embeddings", { tied: true }),
  caseOf("one key/value head", { kvHeads: 1 }),
  caseOf("as many key/value heads as heads", { kvHeads: 4 }),
  caseOf("one head of width 40", { heads: 1, kvHeads: 1, headWidth: 40 }),
  caseOf("three heads and odd widths", { heads: 3, kvHeads: 3, width: 7, feedForward: 5 }),
  caseOf("biases on q, k and v (Qwen2)", { qkvBias: true, tied: true }),
  caseOf("norms on q and k (Qwen3)", { qkNorm: true, tied: true }),
  caseOf("Llama 3.1's RoPE scaling", { ropeScaling: LLAMA3, ropeTheta: 500 }, { rows: 1, length: 33 }),
  caseOf("layers without RoPE (SmolLM3)", { nopeLayers: [1], layers: 3, tied: true }),
  caseOf("sliding window (Mistral)", { slidingWindow: 5 }),
  caseOf("a window of one token", { slidingWindow: 1 }),
  caseOf("isolated documents", { tied: true }, { length: 17, documents: [4, 5, 12] }),
  caseOf("isolated documents in a sliding window", { slidingWindow: 3 }, { documents: [6] }),
  caseOf("whole documents and padding", { tied: true, qkNorm: true }, padded(17, [4], 9)),
  caseOf("rows of one token", {}, { rows: 3, length: 1 }),
  caseOf("a loss mask", {}, { counts: (row, position) => (row + position) % 3 !== 0 }),
  caseOf("a row that is masked throughout", { tied: true }, { rows: 3, counts: (row) => row !== 1 }),
  caseOf("nothing counts", { qkvBias: true }, { counts: () => false }),
];

/**
 * Weights large enough that softmaxes and gates are far from linear: matrices of deviation 2/√(inputs), norms around 1.
 * Values are float32, so that every arithmetic starts from the same ones.
 */
export function weightsOf(table: readonly Parameter[], seed = 1): EngineTensor[] {
  return table.map(({ name, shape }) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    const norm = name.endsWith("norm.weight");
    const deviation = shape.length === 2 ? 1.5 / Math.sqrt(shape[1] as number) : 0.3;
    const data = Float32Array.from(
      { length: count },
      (_, index) => (norm ? 1 : 0) + deviation * randomNormal(seed, streamOf(name), index),
    );
    return { name, kind: "weight", shape, data };
  });
}

/** The same values as the reference takes them. */
export function referenceTensors(tensors: readonly EngineTensor[]): Tensors {
  return new Map(tensors.map(({ name, data }) => [name, Float64Array.from(data)]));
}

/** Table and weights of a case. */
export function modelOf({ architecture }: Pick<Case, "architecture">): {
  readonly table: readonly Parameter[];
  readonly weights: readonly EngineTensor[];
} {
  const table = parameterTable(architecture);
  return { table, weights: weightsOf(table) };
}
