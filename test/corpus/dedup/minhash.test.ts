import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { random32 } from "../../../src/base/random.js";
import { bandKeys, expectedRecall, signature } from "../../../src/corpus/dedup/minhash.js";
import { distinct } from "../../../src/corpus/dedup/sign.js";
import { similarityOf } from "../../../src/corpus/dedup/similarity.js";

const sign = (set: Uint32Array, shape: { bands: number; rows: number }): Int32Array => {
  const out = new Int32Array(shape.bands * shape.rows);
  signature(set, shape, out);
  return out;
};

/** Two sets of `size` values that share `shared` of them. */
function twoSets(seed: number, size: number, shared: number): [Uint32Array, Uint32Array] {
  const draw = (from: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => random32(seed, 1, from + i));
  const both = draw(0, shared);
  return [
    Uint32Array.from([...both, ...draw(1000, size - shared)]),
    Uint32Array.from([...both, ...draw(2000, size - shared)]),
  ];
}

describe("signatures", () => {
  it("agree in as many rows as the sets are similar, short sets included", () => {
    const shape = { bands: 16, rows: 6 };
    for (const [size, shared] of [
      [12, 8],
      [45, 40],
      [300, 200],
    ]) {
      const similarity = shared / (2 * size - shared);
      const trials = 400;
      let agree = 0;
      for (let seed = 0; seed < trials; seed++) {
        const [a, b] = twoSets(seed, size, shared);
        const [one, other] = [sign(a, shape), sign(b, shape)];
        // One bin of each trial: bins of one trial are not independent.
        if (one[seed % one.length] === other[seed % one.length]) agree++;
      }
      const deviation = Math.sqrt(trials * similarity * (1 - similarity));
      expect(Math.abs(agree - trials * similarity)).toBeLessThan(4 * deviation);
    }
  });

  it("share a band about as often as expected", () => {
    const shape = { bands: 16, rows: 6 };
    const trials = 300;
    for (const shared of [160, 180]) {
      const expected = expectedRecall(shared / (400 - shared), shape);
      let found = 0;
      for (let seed = 0; seed < trials; seed++) {
        const keys = twoSets(seed, 200, shared).map((set) => {
          const out = new Uint32Array(2 * shape.bands);
          bandKeys(sign(set, shape), shape, 0, out);
          return out;
        });
        if (keys[0].some((key, at) => at % 2 === 0 && key === keys[1][at] && keys[0][at + 1] === keys[1][at + 1]))
          found++;
      }
      expect(Math.abs(found - trials * expected)).toBeLessThan(4 * Math.sqrt(trials * expected * (1 - expected)));
    }
  });

  it("do not depend on order or repetition", () => {
    const values = fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(values, (list) => {
        const shape = { bands: 5, rows: 3 };
        const expected = sign(Uint32Array.from(list), shape);
        expect(sign(Uint32Array.from([...list, ...list].reverse()), shape)).toEqual(expected);
        expect(expected.every((value) => value >= 0)).toBe(true);
      }),
    );
  });

  it("give keys that differ between bands and by salt", () => {
    const shape = { bands: 8, rows: 2 };
    const keys = new Uint32Array(16);
    const salted = new Uint32Array(16);
    const same = new Int32Array(16).fill(3);
    bandKeys(same, shape, 0, keys);
    bandKeys(same, shape, 1 << 20, salted);
    expect(new Set([...keys, ...salted]).size).toBe(32);
  });
});

it("the expected recall is the known curve", () => {
  // Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", example 3.11: 20 bands of 5 rows.
  const shape = { bands: 20, rows: 5 };
  const published = [
    [0.2, 0.006],
    [0.3, 0.047],
    [0.4, 0.186],
    [0.5, 0.47],
    [0.6, 0.802],
    [0.7, 0.975],
    [0.8, 0.9996],
  ];
  for (const [similarity, recall] of published)
    expect(Math.abs(expectedRecall(similarity, shape) - recall)).toBeLessThan(6e-4);
});

describe("the similarity of sets", () => {
  it("is Jaccard's, and null below the least", () => {
    const values = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 20 });
    fc.assert(
      fc.property(values, values, fc.constantFrom(0.1, 0.5, 0.75, 0.8, 1), (one, other, least) => {
        const [a, b] = [new Set(one), new Set(other)];
        const shared = [...a].filter((value) => b.has(value)).length;
        const jaccard = shared / (a.size + b.size - shared);
        const got = similarityOf(distinct(Uint32Array.from(one)), distinct(Uint32Array.from(other)), least);
        expect(got).toBe(jaccard >= least ? jaccard : null);
      }),
      { numRuns: 1000 },
    );
  });
});
