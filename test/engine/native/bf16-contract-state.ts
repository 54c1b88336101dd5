/** State in bf16: going on from a snapshot, two runs, and computing again instead of keeping; all of it bit for bit. */
import { describe, expect, it } from "vitest";
import type { RowLosses } from "../../../src/engine/engine.js";
import { RECOMPUTATIONS } from "../../../src/engine/native/activations.js";
import type { NativeEngine } from "../../../src/engine/native/engine.js";
import type { Architecture } from "../../../src/model/architecture.js";
import { batchOf } from "../cases.js";
import { snapshot } from "../snapshot.js";
import { stepOf } from "./bf16-contract-optimizer.js";
import { emptyEngineOn, engineOn, MODES, modelFor, type Subject, snapshotOf } from "./bf16-measure.js";

const EVERYTHING = ["weight", "moment1", "moment2"] as const;

export function stateContract(subject: Subject): void {
  const architecture = modelFor(subject, { tied: true, qkNorm: true, qkvBias: true });

  describe.each(MODES)("state, %s", (precision) => {
    it("goes on bit for bit from a snapshot in a fresh engine", async () => {
      using straight = await engineOn(subject.open, { architecture, precision });
      await train(straight, architecture, 1, 3);
      const saved = [];
      for (const kind of EVERYTHING) saved.push(...(await snapshot(straight, kind)));
      using resumed = await emptyEngineOn(subject.open, { architecture, precision });
      await resumed.load(saved);
      expect(await snapshotOf(resumed, ...EVERYTHING)).toEqual(await snapshotOf(straight, ...EVERYTHING));
      const after = await train(straight, architecture, 4, 6);
      expect(await train(resumed, architecture, 4, 6)).toEqual(after);
      expect(await snapshotOf(resumed, ...EVERYTHING)).toEqual(await snapshotOf(straight, ...EVERYTHING));
    });

    it("gives the same bits twice, whatever is computed again", async () => {
      const runs = [];
      for (const recomputation of ["none", ...RECOMPUTATIONS] as const) {
        using engine = await engineOn(subject.open, { architecture, precision, recomputation });
        const losses = await train(engine, architecture, 1, 2);
        runs.push({ recomputation, losses, state: await snapshotOf(engine, ...EVERYTHING) });
      }
      for (const { recomputation, losses, state } of runs.slice(1)) {
        expect(losses, recomputation).toEqual(runs[0].losses);
        expect(state, recomputation).toEqual(runs[0].state);
      }
    });

    it("forgets moments that are not loaded, and the gradient", async () => {
      using engine = await engineOn(subject.open, { architecture, precision });
      const first = await train(engine, architecture, 1, 2);
      await engine.accumulate(batchOf(architecture), 1);
      using fresh = await engineOn(subject.open, { architecture, precision });
      await engine.load(await snapshot(fresh, "weight"));
      expect(await train(engine, architecture, 1, 2)).toEqual(first);
    });
  });
}

/** Updates `first` to `last`, each on two batches. */
async function train(
  engine: NativeEngine,
  architecture: Architecture,
  first: number,
  last: number,
): Promise<readonly (RowLosses | number)[]> {
  const seen: (RowLosses | number)[] = [];
  for (let update = first; update <= last; update++) {
    seen.push(await engine.accumulate(batchOf(architecture, { seed: update, documents: [5] }), 0.05));
    seen.push(await engine.accumulate(batchOf(architecture, { seed: 100 + update, rows: 1 }), 0.05));
    const norm = await engine.gradientNorm();
    seen.push(norm);
    await engine.update(stepOf(update, { learningRate: 1e-2, weightDecay: 0.1, clipScale: Math.min(1, 1 / norm) }));
  }
  return seen;
}
