/** What attention is told about a batch: who is hidden from whom, rotary positions, and frequencies against the reference's. */
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { openBackend } from "../../../src/engine/tfjs/backend.js";
import { layoutOf } from "../../../src/engine/tfjs/layout.js";
import { rotaryFrequencies, rotaryTable } from "../../../src/model/rope.js";
import { frequency } from "../../reference/rope.js";
import { architectureOf } from "../cases.js";

beforeAll(async () => (await openBackend("tfjs-cpu")).use());

const LLAMA31 = { factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalLength: 8192 };

/** One character per key, one line per query: `x` is seen. */
function picture(window: number | null, starts: readonly number[], keys: number): string[] {
  const architecture = architectureOf({ slidingWindow: window });
  const extent = { rows: 1, queries: starts.length, keys };
  return tf.tidy(() => {
    const { bias } = layoutOf(architecture, rotaryFrequencies(architecture), extent, Int32Array.from(starts));
    const values = [...bias.dataSync()];
    return starts.map((_, query) =>
      values
        .slice(query * keys, (query + 1) * keys)
        .map((value) => (value === 0 ? "x" : "."))
        .join(""),
    );
  });
}

describe("attention's mask", () => {
  it("shows a token itself and its past", () => expect(picture(null, [0, 0, 0], 3)).toEqual(["x..", "xx.", "xxx"]));
  it("ends at the window", () => expect(picture(2, [0, 0, 0, 0], 4)).toEqual(["x...", "xx..", ".xx.", "..xx"]));
  it("ends at the document", () => expect(picture(null, [0, 0, 2, 2], 4)).toEqual(["x...", "xx..", "..x.", "..xx"]));
  it("ends at whichever is nearer", () =>
    expect(picture(2, [0, 1, 1, 1], 4)).toEqual(["x...", ".x..", ".xx.", "..xx"]));
  it("lies at the end of the keys in decoding", () => expect(picture(3, [0, 0], 5)).toEqual([".xxx.", "..xxx"]));
});

describe("rotary positions", () => {
  it("start again with every document", () => {
    const architecture = architectureOf();
    const extent = { rows: 1, queries: 4, keys: 4 };
    const { cos, sin } = tf.tidy(() => {
      const layout = layoutOf(architecture, rotaryFrequencies(architecture), extent, Int32Array.of(0, 0, 2, 2));
      return { cos: [...layout.cos.dataSync()], sin: [...layout.sin.dataSync()] };
    });
    const { headWidth } = architecture;
    expect(cos.slice(2 * headWidth)).toEqual(cos.slice(0, 2 * headWidth));
    expect(sin.slice(2 * headWidth)).toEqual(sin.slice(0, 2 * headWidth));
    expect(sin.slice(0, headWidth).every((value) => value === 0)).toBe(true);
    expect(sin[headWidth]).toBe(Math.fround(Math.sin(1)));
  });

  it.each([
    ["plain", architectureOf({ headWidth: 64 })],
    ["Llama 3.1", architectureOf({ headWidth: 128, ropeTheta: 500000, ropeScaling: LLAMA31 })],
  ])("turn at the reference's frequencies: %s", (_name, architecture) => {
    // Both are a handful of double-precision operations on the same numbers.
    rotaryFrequencies(architecture).forEach((found, pair) => {
      const expected = frequency(architecture, pair);
      expect(Math.abs(found - expected)).toBeLessThanOrEqual(16 * Number.EPSILON * expected);
    });
  });

  it("stay exact to half a unit far along a row", () => {
    const { cos_ND } = rotaryTable(Float64Array.of(1, 0.3), Int32Array.of(131071));
    expect([...cos_ND]).toEqual([1, 0.3, 1, 0.3].map((rate) => Math.fround(Math.cos(131071 * rate))));
  });
});
