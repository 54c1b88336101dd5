/** Sessions: logits against the reference however the tokens are fed, and the limits. */

import { describe, expect, it } from "vitest";
import type { Architecture } from "../../src/model/architecture.js";
import type { Arithmetic } from "../reference/arithmetic.js";
import { ReferenceDecoder } from "../reference/decoder.js";
import { architectureOf, batchOf, CASES, type Case, modelOf, referenceTensors } from "./cases.js";
import type { OpenEngine } from "./contract.js";
import { loaded } from "./contract-numbers.js";
import { oneRow } from "./one-row.js";
import { type Expectation, expectationOf, expectClose, type Results } from "./tolerance.js";

/** Numbers of tokens fed at a time. */
const PORTIONS: readonly (readonly number[])[] = [[1, 1, 1, 1, 1, 1, 1, 1, 1], [9], [4, 1, 3, 1]];

/** Numbers of tokens that four rows are fed at a time: at different paces, alone and together. */
const TOGETHER: readonly (readonly number[])[] = [
  [5, 1, 0, 2],
  [1, 1, 3, 0],
  [1, 1, 1, 1],
  [0, 4, 0, 0],
  [1, 0, 1, 1],
];

export function decodingContract(open: OpenEngine): void {
  describe("decoding", () => {
    const decodable = CASES.filter(({ batch }) => batch.length >= 9 && batch.documentStart_BT.every((at) => at === 0));
    it.each(decodable)("gives the reference's logits: $name", async ({ architecture }) => {
      using engine = await loaded(open, { architecture });
      const tokens = [...batchOf(architecture, { rows: 1, length: 9 }).inputs_BT];
      const expected = expectationOf((a) => logitsOf(a, architecture, 9));
      for (const portions of PORTIONS) {
        using session = oneRow(engine, 9);
        let fed = 0;
        for (const portion of portions) {
          const logits = await session.feed(tokens.slice(fed, fed + portion));
          fed += portion;
          expectClose(new Map([[logitsName(fed), logits]]), onlyOne(expected, logitsName(fed)));
        }
      }
    });

    const features = {
      "grouped heads": {},
      "norms on q and k, tied": { qkNorm: true, tied: true },
      "biases in a sliding window": { qkvBias: true, slidingWindow: 4 },
    };
    it.each(Object.entries(features))("gives every row of several the reference's logits: %s", async (_, changes) => {
      const architecture = architectureOf(changes);
      using engine = await loaded(open, { architecture });
      using session = engine.session({ rows: TOGETHER[0].length, maxLength: 9 });
      const fed = TOGETHER[0].map(() => 0);
      const expected = fed.map((_, row) => expectationOf((a) => logitsOf(a, architecture, 9, row + 1)));
      for (const counts of TOGETHER) {
        const logits_B = await session.feed(counts.map((count, row) => tokensOf(architecture, row, fed[row], count)));
        counts.forEach((count, row) => {
          fed[row] += count;
          const logits = logits_B[row];
          expect(logits === null, `row ${row}`).toBe(count === 0);
          const name = logitsName(fed[row]);
          if (logits !== null) expectClose(new Map([[name, logits]]), onlyOne(expected[row], name));
        });
      }
    });

    it("keeps sessions apart", async () => {
      const { architecture } = CASES[0] as Case;
      using engine = await loaded(open, { architecture });
      using one = oneRow(engine, 8);
      using other = oneRow(engine, 8);
      await one.feed([1, 2]);
      await other.feed([3]);
      const mixed = await one.feed([4]);
      using alone = oneRow(engine, 8);
      await alone.feed([1, 2]);
      expect(mixed).toEqual(await alone.feed([4]));
    });

    it("refuses nothing, strangers and too much", async () => {
      const architecture = architectureOf();
      using engine = await loaded(open, { architecture });
      using session = oneRow(engine, 3);
      await expect(session.feed([])).rejects.toThrow(RangeError);
      await expect(session.feed([architecture.vocabulary])).rejects.toThrow(RangeError);
      await session.feed([1, 2]);
      await expect(session.feed([1, 2])).rejects.toThrow(RangeError);
      await expect(session.feed([1])).resolves.toHaveLength(architecture.vocabulary);
      using rows = engine.session({ rows: 2, maxLength: 3 });
      await expect(rows.feed([[1]])).rejects.toThrow(/2 rows/);
      await expect(rows.feed([[1], [1, 2, 3, 4]])).rejects.toThrow(/row 1/);
      expect(() => engine.session({ rows: 0, maxLength: 3 })).toThrow(RangeError);
    });
  });
}

function logitsName(tokens: number): string {
  return `logits after ${tokens} tokens`;
}

function onlyOne({ exact, allowed }: Expectation, name: string): Expectation {
  return { exact: new Map([[name, exact.get(name) ?? []]]), allowed };
}

/** Some tokens of the row whose logits are expected with the seed `row + 1`. */
function tokensOf(architecture: Architecture, row: number, from: number, count: number): number[] {
  return [...batchOf(architecture, { rows: 1, length: 9, seed: row + 1 }).inputs_BT.subarray(from, from + count)];
}

function logitsOf(a: Arithmetic, architecture: Architecture, length: number, seed = 1): Results {
  const weights = referenceTensors(modelOf({ architecture }).weights);
  const batch = batchOf(architecture, { rows: 1, length, seed });
  const { logits } = new ReferenceDecoder(a, architecture, weights).forward(batch);
  const { vocabulary } = architecture;
  return new Map(
    Array.from({ length }, (_, at) => [logitsName(at + 1), logits.subarray(at * vocabulary, (at + 1) * vocabulary)]),
  );
}
