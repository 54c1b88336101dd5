import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packBestFit } from "../../src/data/best-fit.js";

/** The documents of each bin. */
function packed(sizes: readonly number[], capacity: number): number[][] {
  const { count, starts, documents } = packBestFit(Int32Array.from(sizes), capacity);
  return Array.from({ length: count }, (_, bin) => [...documents.subarray(starts[bin], starts[bin + 1])]);
}

function fills(sizes: readonly number[], bins: readonly (readonly number[])[]): number[] {
  return bins.map((documents) => documents.reduce((sum, document) => sum + sizes[document], 0));
}

/** Best-Fit Decreasing from its definition, one document at a time over all bins; gives what each bin holds, ascending. */
function byDefinition(sizes: readonly number[], capacity: number): number[] {
  const bins: number[] = [];
  for (const size of sizes.filter((s) => s > 0 && s <= capacity).sort((a, b) => b - a)) {
    const best = bins.reduce<number | null>(
      (found, fill, bin) => (fill + size <= capacity && (found === null || fill > bins[found]) ? bin : found),
      null,
    );
    if (best === null) bins.push(size);
    else bins[best] += size;
  }
  return bins.sort((a, b) => a - b);
}

/** The fewest bins there can be, by trying every placement that is not the mirror of another. */
function fewest(sizes: readonly number[], capacity: number): number {
  let best = sizes.length;
  const bins: number[] = [];
  const place = (next: number): void => {
    if (bins.length >= best) return;
    if (next === sizes.length) {
      best = bins.length;
      return;
    }
    for (let bin = 0; bin < bins.length; bin++) {
      if (bins[bin] + sizes[next] > capacity) continue;
      bins[bin] += sizes[next];
      place(next + 1);
      bins[bin] -= sizes[next];
    }
    bins.push(sizes[next]);
    place(next + 1);
    bins.pop();
  };
  place(0);
  return best;
}

const anySizes = fc.tuple(
  fc.integer({ min: 1, max: 100 }),
  fc.array(fc.oneof(fc.nat(110), fc.nat(12), fc.constantFrom(25, 33, 50)), { maxLength: 150 }),
);

describe("packing by best fit", () => {
  it("puts every document that fits into exactly one bin, in order, and overfills none", () => {
    fc.assert(
      fc.property(anySizes, ([capacity, sizes]) => {
        const bins = packed(sizes, capacity);
        const fitting = sizes.flatMap((size, document) => (size > 0 && size <= capacity ? [document] : []));
        expect(bins.flat().sort((a, b) => a - b)).toEqual(fitting);
        for (const bin of bins) expect(bin).toEqual([...bin].sort((a, b) => a - b));
        for (const fill of fills(sizes, bins)) {
          expect(fill).toBeGreaterThan(0);
          expect(fill).toBeLessThanOrEqual(capacity);
        }
        expect(packed(sizes, capacity)).toEqual(bins);
      }),
      { numRuns: 200 },
    );
  });

  it("fills the bins that the definition fills", () => {
    fc.assert(
      fc.property(anySizes, ([capacity, sizes]) => {
        const filled = fills(sizes, packed(sizes, capacity)).sort((a, b) => a - b);
        expect(filled).toEqual(byDefinition(sizes, capacity));
      }),
      { numRuns: 200 },
    );
  });

  it("needs hardly more bins than the fewest that there can be", () => {
    const small = fc.tuple(
      fc.integer({ min: 5, max: 20 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 9 }),
    );
    let more = 0;
    fc.assert(
      fc.property(small, ([capacity, all]) => {
        const sizes = all.filter((size) => size <= capacity);
        const bins = packed(sizes, capacity).length;
        const least = fewest(sizes, capacity);
        expect(bins).toBeGreaterThanOrEqual(least);
        expect(bins).toBeLessThanOrEqual((11 / 9) * least + 4);
        if (bins > least) more++;
      }),
      { numRuns: 300, seed: 5 },
    );
    // The proven bound is loose for so few documents; that it finds the fewest nearly always is what it is chosen for.
    expect(more).toBeLessThan(15);
  });

  it("leaves no two bins that would fit into one", () => {
    fc.assert(
      fc.property(anySizes, ([capacity, sizes]) => {
        const [least = 0, next = capacity] = fills(sizes, packed(sizes, capacity)).sort((a, b) => a - b);
        expect(least + next).toBeGreaterThan(least === 0 ? 0 : capacity);
      }),
      { numRuns: 100 },
    );
  });

  it("is a matter of a second for a million documents, and fills their rows", () => {
    // Lengths from 32 to 4096 that are equally likely on a logarithmic scale, like those of real corpora.
    const sizes = Int32Array.from({ length: 1e6 }, (_, i) => Math.floor(32 * 128 ** ((i * 0.618034) % 1)));
    const began = performance.now();
    const { count } = packBestFit(sizes, 4096);
    expect(performance.now() - began).toBeLessThan(5000);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(total / (count * 4096)).toBeGreaterThan(0.999);
  });
});
