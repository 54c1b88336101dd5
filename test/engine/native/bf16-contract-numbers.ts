/** Losses, gradients, micro-batches and decoding of a device in bf16, against the exact values. */

import { describe, expect, it } from "vitest";
import type { Batch } from "../../../src/data/batch.js";
import type { NativeEngine } from "../../../src/engine/native/engine.js";
import type { Architecture } from "../../../src/model/architecture.js";
import { architectureOf, batchOf, CASES, type Case } from "../cases.js";
import { rowOf, tokenByToken } from "../contract-numbers.js";
import { oneRow } from "../one-row.js";
import { distance, type Results } from "../tolerance.js";
import {
  engineOn,
  expectationOn,
  expectBounded,
  expectWithin,
  modelFor,
  type OpenDevice,
  type Subject,
  snapshotOf,
} from "./bf16-measure.js";

const SCALE = 0.1;
/**
 * The contract's cases but for some that have nothing to do with bf16. Where every token sees one token only, the gradients of q and k are
 * zero but for float32's noise; rotary angles are float32 always.
 */
const BF16_CASES: readonly Case[] = [
  ...CASES.filter(({ name }) => !/one token|RoPE scaling/.test(name)),
  everythingAtOnce(),
];

function everythingAtOnce(): Case {
  const architecture = architectureOf({ tied: true, qkvBias: true, qkNorm: true, slidingWindow: 6 });
  const options = { rows: 1, length: 17, documents: [4, 5, 14], counts: (_: number, at: number) => at % 5 !== 3 };
  return { name: "everything at once", architecture, batch: batchOf(architecture, options) };
}

export function numbersContract(subject: Subject): void {
  describe("numbers", () => {
    it.each(BF16_CASES)("losses and the gradient of every parameter: $name", async ({ architecture, batch }) => {
      const model = { architecture: subject.adapted(architecture), batch };
      const compute = (open: OpenDevice): Promise<Results> => lossesAndGradients(open, model);
      const [found, expected] = [await compute(subject.open), await expectationOn(compute)];
      expectWithin(subject, "losses and gradients", found, expected);
    });

    it("micro-batches add up to the gradient of one batch", async () => {
      const architecture = modelFor(subject, { tied: true, qkvBias: true });
      const model = { architecture, batch: batchOf(architecture, { rows: 4, counts: (row, at) => at > row }) };
      const rowByRow = (open: OpenDevice): Promise<Results> => gradients(open, model, [0, 1, 2, 3]);
      const atOnce = (open: OpenDevice): Promise<Results> => gradients(open, model, null);
      const expected = await expectationOn(rowByRow, { exactly: atOnce });
      expectWithin(subject, "micro-batches", await rowByRow(subject.open), expected);
    });

    it.each([
      ["one by one", [1, 1, 1, 1, 1, 1, 1, 1, 1]],
      ["in portions", [4, 1, 4]],
    ])("a session fed %s gives logits and losses like evaluation", async (_, portions) => {
      const architecture = modelFor(subject, { qkNorm: true, slidingWindow: 6 });
      const batch = batchOf(architecture, { rows: 1, length: 9 });
      const compute = (open: OpenDevice): Promise<Results> => decoded(open, { architecture, batch }, portions);
      const [found, expected] = [await compute(subject.open), await expectationOn(compute)];
      expectWithin(subject, "decoding", found, expected);
      // Both are near the exact losses, so they are near each other.
      const [apart, limit] = [found, expected.allowed].map((from) =>
        ["session", "evaluation"].map((by) => from.get(by)),
      );
      const between = distance(apart[0] as Float64Array, apart[1] as Float64Array);
      expectBounded(subject, "session to evaluation", between, (limit[0] as number) + (limit[1] as number));
    });
  });

  describe("documents", () => {
    it("do not see each other: not a bit of a loss or a gradient changes with another's tokens", async () => {
      const architecture = modelFor(subject, { layers: 2 });
      const batch = batchOf(architecture, { rows: 2, length: 17, documents: [6, 7, 12], counts: (_, at) => at >= 12 });
      using engine = await engineOn(subject.open, { architecture });
      const first = await stepOf(engine, batch);
      for (const [changed, same] of [
        [0, true],
        [6, true],
        [11, true],
        [13, false],
      ] as const) {
        const other = await stepOf(engine, withOtherToken(batch, changed, architecture.vocabulary));
        for (const [name, values] of first)
          if (name === "losses") expect(distance(other.get(name) ?? [], values) === 0, `${changed}`).toBe(same);
          else if (same) expect(distance(other.get(name) ?? [], values), name).toBe(0);
      }
    });
  });
}

/** The loss of every token, and every parameter's gradient. */
export async function lossesAndGradients(
  open: OpenDevice,
  { architecture, batch }: Pick<Case, "architecture" | "batch">,
): Promise<Results> {
  using engine = await engineOn(open, { architecture });
  const { lossSum_B } = await engine.evaluate(tokenByToken(batch));
  await engine.accumulate(batch, SCALE);
  return new Map([["losses", lossSum_B], ...(await snapshotOf(engine, "gradient"))]);
}

/** @param rows null: the whole batch at once. */
async function gradients(
  open: OpenDevice,
  { architecture, batch }: Pick<Case, "architecture" | "batch">,
  rows: readonly number[] | null,
): Promise<Results> {
  using engine = await engineOn(open, { architecture });
  for (const part of rows?.map((row) => rowOf(batch, row)) ?? [batch]) await engine.accumulate(part, SCALE);
  return await snapshotOf(engine, "gradient");
}

/** Logits after every portion; and the losses of its tokens by a session that is fed them one by one, and by evaluation. */
async function decoded(
  open: OpenDevice,
  { architecture, batch }: Pick<Case, "architecture" | "batch">,
  portions: readonly number[],
): Promise<Results> {
  using engine = await engineOn(open, { architecture });
  using session = oneRow(engine, batch.length);
  using single = oneRow(engine, batch.length, 2);
  const results = new Map<string, ArrayLike<number>>();
  let fed = 0;
  for (const portion of portions) {
    const tokens = [...batch.inputs_BT.subarray(fed, fed + portion)];
    fed += portion;
    results.set(`logits after ${fed} tokens`, await session.feed(tokens));
  }
  const losses: number[] = [];
  for (const [at, token] of batch.inputs_BT.entries())
    losses.push(lossOf(await single.feed([token]), batch.targets_BT[at]));
  results.set("session", Float64Array.from(losses));
  return results.set("evaluation", (await engine.evaluate(tokenByToken(batch))).lossSum_B);
}

/** Cross-entropy, in float64. */
function lossOf(logits: Float32Array, target: number): number {
  const top = Math.max(...logits);
  return top + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0)) - logits[target];
}

/** One step's losses and gradients; leaves no gradient behind. */
async function stepOf(engine: NativeEngine, batch: Batch): Promise<Results> {
  const { lossSum_B } = await engine.accumulate(batch, SCALE);
  const results = new Map([["losses", lossSum_B], ...(await snapshotOf(engine, "gradient"))]);
  engine.discard();
  return results;
}

/** A batch whose rows have another input at one position. */
function withOtherToken(batch: Batch, position: number, vocabulary: Architecture["vocabulary"]): Batch {
  const inputs_BT = batch.inputs_BT.map((token, index) =>
    index % batch.length === position ? (token + 1) % vocabulary : token,
  );
  return { ...batch, inputs_BT };
}
