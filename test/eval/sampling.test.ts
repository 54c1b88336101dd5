import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomUniform, streamOf } from "../../src/base/random.js";
import { type Draw, type SamplingOptions, sampleToken } from "../../src/eval/sampling.js";

const LOGITS = Float32Array.of(0, Math.log(2), Math.log(4), Math.log(1));
const ALL = { temperature: 1, topK: null, topP: null, seed: 5 };

const FIRST = { row: 0, position: 0 };

/** The same draw by sorting everything, written to be read. */
function bySorting(logits: Float32Array, options: SamplingOptions, { row, position }: Draw): number {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
  const weight = (id: number): number => Math.exp((logits[id] - logits[order[0]]) / options.temperature);
  const sumOf = (ids: Iterable<number>): number => [...ids].reduce((sum, id) => sum + weight(id), 0);
  const kept = order.slice(0, options.topK ?? order.length);
  const total = kept.length < order.length ? sumOf(kept) : sumOf(logits.keys());
  let size = kept.length;
  if (options.topP !== null) {
    const wanted = options.topP * total;
    const reached = kept.findIndex((_, rank) => sumOf(kept.slice(0, rank + 1)) >= wanted);
    size = reached < 0 ? kept.length : reached + 1;
  }
  const nucleus = options.topP === null ? total : sumOf(kept.slice(0, size));
  let left = randomUniform(options.seed, streamOf(`sampling row ${row}`), position) * nucleus;
  for (const id of kept.slice(0, size)) {
    left -= weight(id);
    if (left < 0) return id;
  }
  return kept[size - 1];
}

/** How often each token is drawn over many positions. */
function frequencies(
  logits: Float32Array,
  options: typeof ALL | { temperature: number; topK: number | null; topP: number | null; seed: number },
  draws = 4000,
): number[] {
  const counts = new Array<number>(logits.length).fill(0);
  for (let position = 0; position < draws; position++) counts[sampleToken(logits, options, { row: 0, position })]++;
  return counts.map((count) => count / draws);
}

describe("sampleToken", () => {
  it("draws by the softmax", () => {
    const drawn = frequencies(LOGITS, ALL);
    // Weights 1 : 2 : 4 : 1. Five standard deviations of a proportion over 4000 draws are at most 0.04.
    for (const [id, expected] of [1 / 8, 2 / 8, 4 / 8, 1 / 8].entries())
      expect(Math.abs(drawn[id] - expected)).toBeLessThan(0.04);
  });

  it("takes the most likely at temperature 0, the lower id on a tie", () => {
    expect(sampleToken(LOGITS, { ...ALL, temperature: 0 }, FIRST)).toBe(2);
    expect(sampleToken(Float32Array.of(1, 3, 3), { ...ALL, temperature: 0 }, FIRST)).toBe(1);
  });

  it("sharpens with a low temperature: weights are squared at one half", () => {
    const drawn = frequencies(LOGITS, { ...ALL, temperature: 0.5 });
    for (const [id, expected] of [1 / 22, 4 / 22, 16 / 22, 1 / 22].entries())
      expect(Math.abs(drawn[id] - expected)).toBeLessThan(0.04);
  });

  it("keeps only the top k", () => {
    const drawn = frequencies(LOGITS, { ...ALL, topK: 2 });
    expect(drawn[0]).toBe(0);
    expect(drawn[3]).toBe(0);
    expect(Math.abs(drawn[2] - 2 / 3)).toBeLessThan(0.04);
  });

  it("keeps the smallest nucleus that reaches p, never nothing", () => {
    expect(frequencies(LOGITS, { ...ALL, topP: 0.5 })).toEqual([0, 0, 1, 0]);
    expect(frequencies(LOGITS, { ...ALL, topP: 1e-9 })).toEqual([0, 0, 1, 0]);
    const drawn = frequencies(LOGITS, { ...ALL, topP: 0.6 });
    expect(drawn[0] + drawn[3]).toBe(0);
    expect(drawn[1]).toBeGreaterThan(0);
  });

  it("is a function of logits, seed and position, and always a valid id", () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, min: -50, max: 50 }), { minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.nat(),
        fc.double({ min: 0.1, max: 3, noNaN: true }),
        (values, seed, position, temperature) => {
          const options = { temperature, topK: null, topP: 0.9, seed };
          const drawn = sampleToken(Float32Array.from(values), options, { row: 0, position });
          expect(drawn).toBe(sampleToken(Float32Array.from(values), options, { row: 0, position }));
          expect(drawn).toBeGreaterThanOrEqual(0);
          expect(drawn).toBeLessThan(values.length);
        },
      ),
    );
  });

  it("draws what sorting the whole vocabulary would draw, ties and all", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.float({ noNaN: true, min: -9, max: 9 })), {
          minLength: 1,
        }),
        fc.record({
          seed: fc.nat(),
          temperature: fc.double({ min: 0.05, max: 5, noNaN: true }),
          topK: fc.option(fc.integer({ min: 1, max: 12 })),
          topP: fc.option(fc.double({ min: 1e-6, max: 1, noNaN: true })),
        }),
        fc.record({ row: fc.nat({ max: 5 }), position: fc.nat() }),
        (values, options, at) => {
          const logits = Float32Array.from(values);
          expect(sampleToken(logits, options, at)).toBe(bySorting(logits, options, at));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("draws for each row by itself", () => {
    const flat = new Float32Array(1000);
    const drawn = [0, 1, 2].map((row) => [0, 1, 2].map((position) => sampleToken(flat, ALL, { row, position })));
    expect(new Set(drawn.map(String)).size).toBe(3);
  });
});
