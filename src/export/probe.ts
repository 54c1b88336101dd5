/** What a model says to a few fixed rows of tokens: equal weights give equal logits, and what rounding costs shows in them. */
import { random32, streamOf } from "../base/random.js";
import type { Engine } from "../engine/engine.js";
import type { Architecture } from "../model/architecture.js";
import { engineWeights, type Model } from "./model.js";

/** Lengths of the rows, in tokens. */
const LENGTHS = [1, 2, 7, 24, 65];
const STREAM = streamOf("export probe");

/** Rows of tokens, the same for the same sizes. Each ends with one of the last ids, whose rows a writer that stops short would lose. */
export function probeRows({ vocabulary, maxLength }: Pick<Architecture, "vocabulary" | "maxLength">) {
  return LENGTHS.filter((length) => length <= maxLength).map((length, row): readonly number[] =>
    Array.from({ length }, (_, at) =>
      at === length - 1
        ? Math.max(0, vocabulary - 1 - row)
        : random32(0, STREAM, row * Math.max(...LENGTHS) + at) % vocabulary,
    ),
  );
}

/** Loads a model's weights and returns the logits [V] after every row. */
export async function probeLogits(engine: Engine, model: Model): Promise<readonly Float32Array[]> {
  await engine.load(engineWeights(model));
  const logits: Float32Array[] = [];
  for (const row of probeRows(model.architecture)) {
    using session = engine.session({ rows: 1, maxLength: row.length });
    const [found] = await session.feed([row]);
    if (found !== null) logits.push(found);
  }
  return logits;
}

/** One logit of two that differ. */
export interface LogitDifference {
  readonly row: number;
  readonly id: number;
  readonly expected: number;
  readonly found: number;
}

/** The first logit whose bits differ; null when none does. */
export function firstDifference(
  expected: readonly Float32Array[],
  found: readonly Float32Array[],
): LogitDifference | null {
  for (const [row, logits] of expected.entries())
    for (const [id, logit] of logits.entries())
      if (!Object.is(logit, found[row][id])) return { row, id, expected: logit, found: found[row][id] };
  return null;
}

/** How far rounded weights move a model. */
export interface Drift {
  /** Largest |Δ| of a logit. */
  readonly logit: number;
  /** Mean over the rows of the Kullback-Leibler divergence of the next token's distribution from the exact one, in nats. */
  readonly divergence: number;
}

export function driftOf(exact: readonly Float32Array[], rounded: readonly Float32Array[]): Drift {
  let logit = 0;
  let divergence = 0;
  for (const [row, logits] of exact.entries()) {
    const p = logProbabilities(logits);
    const q = logProbabilities(rounded[row]);
    for (let id = 0; id < p.length; id++) {
      logit = Math.max(logit, Math.abs(logits[id] - rounded[row][id]));
      divergence += (Math.exp(p[id]) * (p[id] - q[id])) / exact.length;
    }
  }
  // Sums of rounded terms may end a hair below what cannot be negative.
  return { logit, divergence: Math.max(0, divergence) };
}

function logProbabilities(logits: Float32Array): Float64Array {
  const top = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const sum = logits.reduce((total, value) => total + Math.exp(value - top), 0);
  return Float64Array.from(logits, (value) => value - top - Math.log(sum));
}
