import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flopsPerToken, matmulParameters, memoryEstimate } from "../../src/model/costs.js";
import { countParameters, parameterTable } from "../../src/model/parameters.js";
import { llama, llama31With8B } from "./architectures.js";

describe("matmulParameters", () => {
  // Per layer: q and o 2·32·32, k and v 2·16·32, gate, up and down 3·48·32.
  const layer = 2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32;

  it("counts the head and not the embedding, norms and biases", () => {
    expect(matmulParameters(llama)).toBe(2 * layer + 64 * 32);
    expect(matmulParameters({ ...llama, qkvBias: true })).toBe(2 * layer + 64 * 32);
  });

  it("counts a tied embedding once, as the head", () => {
    expect(matmulParameters({ ...llama, tied: true })).toBe(2 * layer + 64 * 32);
  });

  it("is what is left of Llama-3.1-8B without embedding and norms", () => {
    const norms = (2 * 32 + 1) * 4096;
    expect(matmulParameters(llama31With8B)).toBe(8_030_261_248 - 128_256 * 4096 - norms);
  });
});

describe("flopsPerToken", () => {
  it("is 6·N_matmul + 6·L·T·H·D", () => {
    expect(flopsPerToken(llama, 100)).toBe(6 * matmulParameters(llama) + 6 * 2 * 100 * 4 * 8);
  });

  it("counts the keys that a window lets a token see", () => {
    const attention = (slidingWindow: number | null, length: number): number =>
      flopsPerToken({ ...llama, slidingWindow }, length) - 6 * matmulParameters(llama);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 200 }), (window, length) => {
        let keys = 0;
        for (let i = 1; i <= length; i++) keys += Math.min(i, window);
        // A product of q with one key and of its probability with one value: 2·2·D per head, three times for forward and backward.
        const exact = (12 * llama.layers * llama.heads * llama.headWidth * keys) / length;
        // The convention takes the diagonal of the causal triangle as half: at most half a key per token less.
        const diagonal = 12 * llama.layers * llama.heads * llama.headWidth * 0.5;
        expect(exact - attention(window, length)).toBeGreaterThan(-1e-9 * exact);
        expect(exact - attention(window, length)).toBeLessThanOrEqual(diagonal * (1 + 1e-9));
      }),
    );
    expect(attention(64, 64)).toBe(attention(null, 64));
    expect(attention(1000, 64)).toBe(attention(null, 64));
  });
});

describe("memoryEstimate", () => {
  it("is 16 bytes a parameter before the first token", () => {
    const { weights, gradients, moments } = memoryEstimate(llama, { rows: 1, length: 1 });
    expect(weights + gradients + moments).toBe(16 * countParameters(parameterTable(llama)));
  });

  it("follows the stated formula", () => {
    const { activations, attention } = memoryEstimate(llama, { rows: 3, length: 10 });
    const layer = 4 * 32 + 2 * 4 * 8 + 2 * 2 * 8 + 3 * 48;
    expect(activations).toBe(4 * 30 * (2 * layer + 2 * 32 + 2 * 64));
    expect(attention).toBe(4 * 3 * 3 * 4 * 100);
  });

  it("adds up, and grows in proportion to the rows", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 4096 }), (rows, length) => {
        const one = memoryEstimate(llama, { rows: 1, length });
        const many = memoryEstimate(llama, { rows, length });
        expect(many.activations).toBe(rows * one.activations);
        expect(many.attention).toBe(rows * one.attention);
        expect(many.total).toBe(many.weights + many.gradients + many.moments + many.activations + many.attention);
      }),
    );
  });
});
