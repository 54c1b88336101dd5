/**
 * Who sees whom. A token that is out of sight must not change a single bit of a loss, so these tests need no tolerance: they replace
 * hidden tokens and expect the very same numbers, and visible ones and expect others.
 */
import { describe, expect, it } from "vitest";
import type { Batch } from "../../src/data/batch.js";
import type { Architecture } from "../../src/model/architecture.js";
import { architectureOf, batchOf } from "./cases.js";
import type { OpenEngine } from "./contract.js";
import { loaded, lossesOf, tokenByToken } from "./contract-numbers.js";
import { expectationOf } from "./tolerance.js";

interface Sight {
  readonly name: string;
  readonly architecture: Architecture;
  readonly batch: Batch;
  /** Positions whose input is replaced. */
  readonly changed: readonly number[];
  /** Position whose loss is watched. */
  readonly watched: number;
  readonly sees: boolean;
}

const oneLayer = architectureOf({ layers: 1 });
const windowed = architectureOf({ layers: 1, slidingWindow: 4 });
const plain = batchOf(oneLayer, { rows: 1, length: 17 });
const packed = batchOf(architectureOf(), { rows: 1, length: 17, documents: [6] });

const SIGHTS: readonly Sight[] = [
  { name: "the past", architecture: oneLayer, batch: plain, changed: [0], watched: 16, sees: true },
  { name: "the future", architecture: oneLayer, batch: plain, changed: [9, 10, 16], watched: 8, sees: false },
  { name: "its own input", architecture: oneLayer, batch: plain, changed: [8], watched: 8, sees: true },
  { name: "the oldest in the window", architecture: windowed, batch: plain, changed: [5], watched: 8, sees: true },
  { name: "what left the window", architecture: windowed, batch: plain, changed: [0, 4], watched: 8, sees: false },
  { name: "its document", architecture: architectureOf(), batch: packed, changed: [6], watched: 12, sees: true },
  { name: "the one before", architecture: architectureOf(), batch: packed, changed: [0, 5], watched: 6, sees: false },
];

export function visibilityContract(open: OpenEngine): void {
  describe("visibility", () => {
    it.each(SIGHTS)("a token's view of $name: $sees", async ({ architecture, batch, changed, watched, sees }) => {
      using engine = await loaded(open, { architecture });
      const before = await engine.evaluate(tokenByToken(batch));
      const after = await engine.evaluate(tokenByToken(withOtherTokens(batch, changed, architecture.vocabulary)));
      expect(after.lossSum_B[watched] !== before.lossSum_B[watched]).toBe(sees);
    });

    it("gives packed documents the losses that they have alone", async () => {
      const architecture = architectureOf();
      const batch = batchOf(architecture, { rows: 1, length: 17, documents: [6] });
      using engine = await loaded(open, { architecture });
      const together = await engine.evaluate(tokenByToken(batch));
      const first = await engine.evaluate(tokenByToken(cut(batch, 0, 6)));
      const second = await engine.evaluate(tokenByToken(cut(batch, 6, 17)));
      const limit = 2 * (expectationOf((a) => lossesOf(a, { architecture, batch })).allowed.get("losses") ?? 0);
      [...first.lossSum_B, ...second.lossSum_B].forEach((loss, position) => {
        expect(Math.abs(loss - (together.lossSum_B[position] as number))).toBeLessThanOrEqual(limit);
      });
    });
  });
}

function withOtherTokens(batch: Batch, positions: readonly number[], vocabulary: number): Batch {
  const inputs_BT = batch.inputs_BT.map((token, position) =>
    positions.includes(position) ? (token + 1) % vocabulary : token,
  );
  return { ...batch, inputs_BT };
}

/** Positions [from, to) of a batch of one row, as a row of its own. */
function cut(batch: Batch, from: number, to: number): Batch {
  return {
    rows: 1,
    length: to - from,
    inputs_BT: batch.inputs_BT.slice(from, to),
    targets_BT: batch.targets_BT.slice(from, to),
    lossMask_BT: batch.lossMask_BT.slice(from, to),
    documentStart_BT: new Int32Array(to - from),
    domains_B: batch.domains_B,
  };
}
