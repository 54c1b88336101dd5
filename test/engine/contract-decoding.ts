/** Sessions: logits against the reference however the tokens are fed, and the limits. */
import { describe, expect, it } from "vitest";
import type { Architecture } from "../../src/model/architecture.js";
import type { Arithmetic } from "../reference/arithmetic.js";
import { ReferenceDecoder } from "../reference/decoder.js";
import { architectureOf, batchOf, CASES, type Case, modelOf, referenceTensors } from "./cases.js";
import type { OpenEngine } from "./contract.js";
import { loaded } from "./contract-numbers.js";
import { type Expectation, expectationOf, expectClose, type Results } from "./tolerance.js";

/** Numbers of tokens fed at a time. */
const PORTIONS: readonly (readonly number[])[] = [[1, 1, 1, 1, 1, 1, 1, 1, 1], [9], [4, 1, 3, 1]];

export function decodingContract(open: OpenEngine): void {
  describe("decoding", () => {
    const decodable = CASES.filter(({ batch }) => batch.length >= 9 && batch.documentStart_BT.every((at) => at === 0));
    it.each(decodable)("gives the reference's logits: $name", async ({ architecture }) => {
      using engine = await loaded(open, { architecture });
      const tokens = [...batchOf(architecture, { rows: 1, length: 9 }).inputs_BT];
      const expected = expectationOf((a) => logitsOf(a, architecture, 9));
      for (const portions of PORTIONS) {
        using session = engine.session(9);
        let fed = 0;
        for (const portion of portions) {
          const logits = await session.feed(tokens.slice(fed, fed + portion));
          fed += portion;
          expectClose(new Map([[logitsName(fed), logits]]), onlyOne(expected, logitsName(fed)));
        }
      }
    });

    it("keeps sessions apart", async () => {
      const { architecture } = CASES[0] as Case;
      using engine = await loaded(open, { architecture });
      using one = engine.session(8);
      using other = engine.session(8);
      await one.feed([1, 2]);
      await other.feed([3]);
      const mixed = await one.feed([4]);
      using alone = engine.session(8);
      await alone.feed([1, 2]);
      expect(mixed).toEqual(await alone.feed([4]));
    });

    it("refuses nothing, strangers and too much", async () => {
      const architecture = architectureOf();
      using engine = await loaded(open, { architecture });
      using session = engine.session(3);
      await expect(session.feed([])).rejects.toThrow(RangeError);
      await expect(session.feed([architecture.vocabulary])).rejects.toThrow(RangeError);
      await session.feed([1, 2]);
      await expect(session.feed([1, 2])).rejects.toThrow(RangeError);
      await expect(session.feed([1])).resolves.toHaveLength(architecture.vocabulary);
    });
  });
}

function logitsName(tokens: number): string {
  return `logits after ${tokens} tokens`;
}

function onlyOne({ exact, allowed }: Expectation, name: string): Expectation {
  return { exact: new Map([[name, exact.get(name) ?? []]]), allowed };
}

function logitsOf(a: Arithmetic, architecture: Architecture, length: number): Results {
  const weights = referenceTensors(modelOf({ architecture }).weights);
  const { logits } = new ReferenceDecoder(a, architecture, weights).forward(batchOf(architecture, { rows: 1, length }));
  const { vocabulary } = architecture;
  return new Map(
    Array.from({ length }, (_, at) => [logitsName(at + 1), logits.subarray(at * vocabulary, (at + 1) * vocabulary)]),
  );
}
