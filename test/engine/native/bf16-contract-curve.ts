/** Learning in bf16: sixty steps on a stream with something to learn, beside float32. */
import { describe, expect, it } from "vitest";
import { random32, streamOf } from "../../../src/base/random.js";
import type { Batch } from "../../../src/data/batch.js";
import type { PrecisionName } from "../../../src/engine/native/precision.js";
import type { Architecture } from "../../../src/model/architecture.js";
import { batchOf } from "../cases.js";
import type { Results } from "../tolerance.js";
import { stepOf } from "./bf16-contract-optimizer.js";
import {
  engineOn,
  expectationOn,
  expectWithin,
  MODES,
  modelFor,
  type OpenDevice,
  type Subject,
} from "./bf16-measure.js";

const STEPS = 60;
const [ROWS, LENGTH] = [4, 12];
const TINY = { width: 16, layers: 1, heads: 2, kvHeads: 1, feedForward: 32, vocabulary: 32 };

export function curveContract(subject: Subject): void {
  const architecture = modelFor(subject, TINY);
  describe("learning", () => {
    it.each(MODES)("follows float32 for sixty steps: %s", async (mode) => {
      const compute = (open: OpenDevice): Promise<Results> => curve(open, architecture, mode);
      const found = await compute(subject.open);
      // The exact device's precision is float64 whatever it is asked for, so that this is float32's curve but for 10⁻⁶.
      expectWithin(subject, `curve of ${mode}`, found, await expectationOn(compute, { looseRuns: 2 }));
      const last = Array.from(found.get("losses") ?? []).slice(-10);
      const loss = last.reduce((sum, one) => sum + one, 0) / last.length;
      expect(loss, "better than guessing").toBeLessThan(Math.log(architecture.vocabulary));
    });
  });
}

/** Mean loss of every step, before its update. */
export async function curve(open: OpenDevice, architecture: Architecture, precision: PrecisionName): Promise<Results> {
  using engine = await engineOn(open, { architecture, precision });
  const losses: number[] = [];
  for (let update = 1; update <= STEPS; update++) {
    const { lossSum_B } = await engine.accumulate(streamed(architecture, update), 1 / (ROWS * LENGTH));
    losses.push(lossSum_B.reduce((sum, loss) => sum + loss, 0) / (ROWS * LENGTH));
    const clipScale = Math.min(1, 1 / (await engine.gradientNorm()));
    await engine.update(stepOf(update, { learningRate: 1e-2 * Math.min(1, update / 10), weightDecay: 0.1, clipScale }));
  }
  return new Map([["losses", losses]]);
}

/** Each token is one of two successors of the one before it. */
function streamed(architecture: Architecture, update: number): Batch {
  const batch = batchOf(architecture, { rows: ROWS, length: LENGTH, seed: update });
  const [inputs_BT, targets_BT] = [batch.inputs_BT.slice(), batch.targets_BT.slice()];
  const stream = streamOf(`step ${update}`);
  for (let row = 0; row < ROWS; row++) {
    let token = inputs_BT[row * LENGTH];
    for (let at = row * LENGTH; at < (row + 1) * LENGTH; at++) {
      inputs_BT[at] = token;
      token = (5 * token + (random32(9, stream, at) % 2)) % architecture.vocabulary;
      targets_BT[at] = token;
    }
  }
  return { ...batch, inputs_BT, targets_BT };
}
