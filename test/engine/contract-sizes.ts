/**
 * Odd sizes from end to end: the row lengths, head widths and numbers of heads at which kernels have edges, in pairs, with vocabularies
 * and widths that nothing divides and rows that do not count at all. Logits, losses and every gradient against the float64 reference.
 */

import { expect } from "vitest";
import type { Batch } from "../../src/data/batch.js";
import type { Engine } from "../../src/engine/engine.js";
import type { Architecture } from "../../src/model/architecture.js";
import type { Arithmetic } from "../reference/arithmetic.js";
import { ReferenceDecoder } from "../reference/decoder.js";
import { rowSums, tokenLosses } from "../reference/loss.js";
import { architectureOf, type BatchOptions, batchOf, type Case, modelOf, referenceTensors } from "./cases.js";
import { rowOf } from "./contract-numbers.js";
import { oneRow } from "./one-row.js";
import { snapshot } from "./snapshot.js";
import { distance, type Expectation, expectationOf, expectClose, type Results } from "./tolerance.js";

const SCALE = 0.1;
const LOSSES = "losses";

function sized(changes: Partial<Architecture>, options: BatchOptions): Case {
  const architecture = architectureOf({ kvHeads: 1, feedForward: 11, layers: 1, ...changes });
  const { heads, kvHeads, headWidth, vocabulary, width } = architecture;
  const batch = batchOf(architecture, options);
  const size = { T: batch.length, H: heads, K: kvHeads, D: headWidth, C: width, V: vocabulary };
  const name = Object.entries(size).map((entry) => entry.join(" "));
  return { name: name.join(", "), architecture, batch };
}

export const SIZES: readonly Case[] = [
  sized({ heads: 1, headWidth: 8, width: 7, vocabulary: 3 }, { rows: 5, length: 1 }),
  sized({ heads: 3, headWidth: 40, width: 17, vocabulary: 101 }, { rows: 3, length: 1, counts: (row) => row !== 1 }),
  sized({ heads: 3, kvHeads: 3, headWidth: 128, width: 33, layers: 2 }, { rows: 1, length: 1 }),
  sized({ heads: 3, headWidth: 8, width: 65, qkNorm: true }, { rows: 3, length: 17, counts: (row) => row !== 1 }),
  sized({ heads: 1, headWidth: 40, width: 31, vocabulary: 257, tied: true }, { length: 17, documents: [1, 16] }),
  sized({ heads: 3, headWidth: 128, width: 19, vocabulary: 101, qkvBias: true }, { rows: 1, length: 17 }),
  sized({ heads: 1, headWidth: 8, width: 1, feedForward: 1, vocabulary: 2 }, { length: 17, counts: () => false }),
  sized({ heads: 3, headWidth: 8, width: 13, vocabulary: 101 }, { length: 257, counts: (row) => row === 1 }),
  sized({ heads: 3, headWidth: 40, width: 5, slidingWindow: 65 }, { rows: 1, length: 257 }),
  sized({ heads: 1, headWidth: 128, width: 7, tied: true }, { rows: 1, length: 129 }),
  sized(
    { heads: 1, headWidth: 8, width: 3, vocabulary: 1009, tied: true },
    { rows: 1, length: 65, documents: [1, 64] },
  ),
];

/** Numbers of tokens of the first row that are fed at a time: one by one where rows are short, and all at once. */
function portionsOf({ length }: Batch): number[][] {
  if (length <= 17) return [new Array<number>(length).fill(1), [length]];
  return [[1, length - 2, 1], [length]];
}

function positionsOf(portions: readonly number[]): number[] {
  let fed = 0;
  return portions.map((portion) => {
    fed += portion;
    return fed - 1;
  });
}

function logitsName(position: number): string {
  return `logits at ${position}`;
}

/** What to expect of a model: losses, gradients, and the logits of the first row after every portion of tokens. */
export function sizeExpectation(model: Case): Expectation {
  const { architecture, batch } = model;
  const V = architecture.vocabulary;
  const positions = [...new Set(portionsOf(batch).flatMap(positionsOf))];
  const compute = (a: Arithmetic): Results => {
    const decoder = new ReferenceDecoder(a, architecture, referenceTensors(modelOf(model).weights));
    const { logits } = decoder.forward(batch);
    const undivided = batch.documentStart_BT.every((start) => start === 0);
    const row = undivided ? logits : decoder.forward(oneDocument(batch)).logits;
    const fed = positions.map((at) => [logitsName(at), row.subarray(at * V, (at + 1) * V)] as const);
    return new Map([[LOSSES, tokenLosses(a, batch, logits)], ...fed, ...decoder.gradients(batch, SCALE)]);
  };
  return expectationOf(compute, batch.length > 100 ? 2 : undefined);
}

/** The first row as a session sees it. */
function oneDocument(batch: Batch): Batch {
  return { ...rowOf(batch, 0), documentStart_BT: new Int32Array(batch.length) };
}

function only({ exact, allowed }: Expectation, names: Iterable<string>): Expectation {
  const wanted = new Set(names);
  return { exact: new Map([...exact].filter(([name]) => wanted.has(name))), allowed };
}

/** The gradient of every parameter and the losses, by training and by evaluation. */
export async function expectGradients(engine: Engine, { batch }: Case, expected: Expectation): Promise<void> {
  const trained = await engine.accumulate(batch, SCALE);
  const gradients = await snapshot(engine, "gradient");
  const names = gradients.map(({ name }) => name);
  expectClose(new Map(gradients.map(({ name, data }) => [name, data])), only(expected, names));
  const exact = rowSums(batch, Float64Array.from(expected.exact.get(LOSSES) ?? []));
  // By Cauchy, a row's error is at most √T times that of its tokens.
  const limit = Math.sqrt(batch.length) * (expected.allowed.get(LOSSES) ?? 0);
  for (const { lossSum_B, tokens_B } of [trained, await engine.evaluate(batch)]) {
    expect(distance(lossSum_B, exact)).toBeLessThanOrEqual(limit);
    expect([...tokens_B]).toEqual(Array.from({ length: batch.rows }, (_, row) => countOf(rowOf(batch, row))));
  }
}

function countOf({ lossMask_BT }: Batch): number {
  return lossMask_BT.reduce((sum, bit) => sum + bit, 0);
}

/** The logits of the first row, however its tokens are fed. */
export async function expectLogits(engine: Engine, { batch }: Case, expected: Expectation): Promise<void> {
  const tokens = [...batch.inputs_BT.subarray(0, batch.length)];
  for (const portions of portionsOf(batch)) {
    using session = oneRow(engine, batch.length);
    for (const [index, at] of positionsOf(portions).entries()) {
      const logits = await session.feed(tokens.slice(at + 1 - (portions[index] as number), at + 1));
      expectClose(new Map([[logitsName(at), logits]]), only(expected, [logitsName(at)]));
    }
  }
}
