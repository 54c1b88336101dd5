/** A batch as the passes read it, and how often they are given what does not change. */

import { describe, expect, it } from "vitest";
import type { Batch } from "../../../src/data/batch.js";
import { planActivations } from "../../../src/engine/native/activations.js";
import type { Buffer, Device } from "../../../src/engine/native/device.js";
import { NativeEngine } from "../../../src/engine/native/engine.js";
import { checkSizes, tokenPlaces, tokensOf } from "../../../src/engine/native/inputs.js";
import { architectureOf, batchOf, modelOf } from "../cases.js";
import { oneRow } from "../one-row.js";
import { plainDevice } from "./plain-device.js";

const PLACES = { ids: 0, targets: 16, positions: 32, starts: 48, size: 54 };
const batch: Batch = {
  ...{ rows: 2, length: 3 },
  inputs_BT: Int32Array.of(1, 2, 3, 4, 5, 6),
  targets_BT: Int32Array.of(2, 3, 4, 5, 6, 0),
  lossMask_BT: new Uint8Array(6).fill(1),
  documentStart_BT: Int32Array.of(0, 1, 1, 0, 0, 2),
  domains_B: new Int32Array(2),
};

describe("tokens of a batch", () => {
  it("lie where the pass has them, with zeros between, and positions begin anew with each document", () => {
    const tokens = tokensOf(batch, 7, PLACES);
    const gap = new Array(10).fill(0);
    expect([...tokens]).toEqual([
      ...[1, 2, 3, 4, 5, 6, ...gap],
      ...[2, 3, 4, 5, 6, 0, ...gap],
      ...[0, 0, 1, 0, 1, 0, ...gap],
      ...[0, 1, 1, 0, 0, 2],
    ]);
  });

  it.each([
    ["an input beyond the vocabulary", { inputs_BT: Int32Array.of(1, 2, 3, 4, 7, 6) }, "token 7 is outside"],
    ["an input before it", { inputs_BT: Int32Array.of(-1, 2, 3, 4, 5, 6) }, "token -1 is outside"],
    ["a target beyond it", { targets_BT: Int32Array.of(2, 3, 4, 5, 6, 8) }, "token 8 is outside"],
    [
      "a start after its token",
      { documentStart_BT: Int32Array.of(0, 0, 0, 1, 1, 1) },
      "token 3 starts its document at 1",
    ],
    [
      "a start before its row",
      { documentStart_BT: Int32Array.of(0, -1, 0, 0, 0, 0) },
      "token 1 starts its document at -1",
    ],
  ])("are refused for %s", (_, wrong, message) => {
    expect(() => tokensOf({ ...batch, ...wrong }, 7, PLACES)).toThrow(message);
  });

  it("are refused for arrays that are not as long as the batch says", () => {
    expect(() => checkSizes({ ...batch, lossMask_BT: new Uint8Array(5) })).toThrow(
      "lossMask_BT has 5 values for 2 rows",
    );
    expect(() => checkSizes({ ...batch, rows: 0 })).toThrow("a batch needs rows and tokens");
    expect(() => checkSizes(batch)).not.toThrow();
  });

  it("are one stretch of the arena of tokens, whatever the pass", () => {
    for (const kind of ["none", "layer", "evaluation"] as const) {
      const { pass, elements } = planActivations(architectureOf(), { rows: 3, length: 7 }, kind);
      const { first, places } = tokenPlaces(pass);
      expect(first + places.size).toBeLessThanOrEqual(elements.i32);
      expect([...[places.ids, places.targets, places.positions, places.starts]].sort((a, b) => a - b)).toEqual([
        ...[0, 32, 64, 96],
      ]);
      // Nothing else is of this type, so nothing else is overwritten.
      expect(elements.i32).toBe(4 * 32);
    }
  });
});

/** Names of the buffers that the host writes. */
function watched(): { readonly device: Device; readonly written: string[] } {
  const device = plainDevice();
  const written: string[] = [];
  const write = (buffer: Buffer, data: Float32Array | Int32Array): void => {
    written.push(buffer.name);
    device.write(buffer, data);
  };
  return { device: { ...device, write }, written };
}

describe("what does not change between passes", () => {
  const architecture = architectureOf();
  const { table, weights } = modelOf({ architecture });

  it("is written once, and again when something else may have been in its place", async () => {
    const { device, written } = watched();
    using engine = new NativeEngine(architecture, table, device, { name: "watched" });
    await engine.load(weights);
    const writes = async (work: () => Promise<unknown>): Promise<string[]> => {
      written.length = 0;
      await work();
      return [...written];
    };
    const [large, small] = [
      batchOf(architecture, { rows: 2, length: 9 }),
      batchOf(architecture, { rows: 1, length: 5 }),
    ];
    const each = ["tokens", "mask_N", "scalars"];
    const first = ["rotary_TD", ...each];
    expect(await writes(() => engine.accumulate(large, 1))).toEqual(first);
    expect(await writes(() => engine.accumulate(large, 1))).toEqual(each);
    expect(await writes(() => engine.evaluate(large))).toEqual(first);
    expect(await writes(() => engine.accumulate(small, 1))).toEqual(first);
    expect(await writes(() => engine.accumulate(large, 1))).toEqual(first);
    expect(await writes(() => engine.accumulate(large, 1))).toEqual(each);
    using session = oneRow(engine, 4);
    await session.feed([1, 2]);
    expect(await writes(() => engine.accumulate(large, 1))).toEqual(first);
  });

  it("gives the losses of a new engine after passes of other sizes and kinds, sessions and refused batches", async () => {
    const opened = async (): Promise<NativeEngine> => {
      const engine = new NativeEngine(architecture, table, plainDevice(), { name: "plain" });
      await engine.load(weights);
      return engine;
    };
    const sizes = [
      [2, 9],
      [1, 20],
      [3, 4],
      [2, 9],
      [4, 9],
      [1, 20],
    ] as const;
    using old = await opened();
    using session = oneRow(old, 30);
    for (const [rows, length] of sizes) {
      const one = batchOf(architecture, { rows, length, documents: [3] });
      using fresh = await opened();
      const expected = await fresh.evaluate(one);
      expect(await old.evaluate(one)).toEqual(expected);
      await session.feed([1, 2, 3]);
      await expect(old.evaluate({ ...one, inputs_BT: one.inputs_BT.with(0, -1) })).rejects.toThrow(RangeError);
      expect(await old.accumulate(one, 1)).toEqual(expected);
      expect(await old.accumulate(one, 1)).toEqual(expected);
    }
  });
});
