/** Sessions: logits against the reference however the tokens are fed, and the limits. */
import { describe, expect, it } from "vitest";
import { ReferenceDecoder } from "../reference/decoder.js";
import { architectureOf, batchOf, CASES, type Case, modelOf, referenceTensors } from "./cases.js";
import type { OpenEngine } from "./contract.js";
import { loaded } from "./contract-numbers.js";
import { expectationOf, expectClose, type Results } from "./tolerance.js";

/** Numbers of tokens fed at a time. */
const PORTIONS: readonly (readonly number[])[] = [[1, 1, 1, 1, 1, 1, 1, 1, 1], [9], [4, 1, 3, 1]];

export function decodingContract(open: OpenEngine): void {
  describe("decoding", () => {
    const decodable = CASES.filter(({ batch }) => batch.length >= 9 && batch.documentStart_BT.every((at) => at === 0));
    it.each(decodable)("gives the reference's logits: $name", async ({ architecture }) => {
      using engine = await loaded(open, { architecture });
      const tokens = [...batchOf(architecture, { rows: 1, length: 9 }).inputs_BT];
      for (const portions of PORTIONS) {
        using session = engine.session(9);
        const found = new Map<string, Float32Array>();
        let fed = 0;
        for (const portion of portions) {
          found.set(`logits after ${fed + portion}`, await session.feed(tokens.slice(fed, fed + portion)));
          fed += portion;
        }
        expectClose(
          found,
          expectationOf((a) =>
            logitsAfter(portions, new ReferenceDecoder(a, architecture, tensors(architecture)), architecture),
          ),
        );
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

function tensors(architecture: Case["architecture"]): ReturnType<typeof referenceTensors> {
  return referenceTensors(modelOf({ architecture }).weights);
}

function logitsAfter(
  portions: readonly number[],
  reference: ReferenceDecoder,
  architecture: Case["architecture"],
): Results {
  const { vocabulary } = architecture;
  const { logits } = reference.forward(batchOf(architecture, { rows: 1, length: 9 }));
  let fed = 0;
  return new Map(
    portions.map((portion) => {
      fed += portion;
      return [`logits after ${fed}`, logits.subarray((fed - 1) * vocabulary, fed * vocabulary)];
    }),
  );
}
