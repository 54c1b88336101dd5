import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clipScale, isUsable } from "../../src/optim/clipping.js";

const norms = fc.double({ min: 0, max: 1e30, noNaN: true });
const limits = fc.double({ min: 1e-3, max: 1e6, noNaN: true });

describe("clipScale", () => {
  it.each([
    // torch.nn.utils.clip_grad_norm_: clip_coef = max_norm / (total_norm + 1e-6), clamped to at most 1.
    { norm: 0, limit: 1, scale: 1 },
    { norm: 0.5, limit: 1, scale: 1 },
    { norm: 1, limit: 1, scale: 1 / (1 + 1e-6) },
    { norm: 4, limit: 1, scale: 1 / (4 + 1e-6) },
    { norm: 4, limit: 0.5, scale: 0.5 / (4 + 1e-6) },
    { norm: 1e-7, limit: 1e-7, scale: 1e-7 / (1e-7 + 1e-6) },
  ])("is PyTorch's for norm $norm and limit $limit", ({ norm, limit, scale }) => {
    expect(clipScale(norm, limit)).toBe(scale);
  });

  it("is 1 without a limit", () => {
    expect(clipScale(1e9, null)).toBe(1);
  });

  it("never enlarges, and never leaves a norm above the limit", () => {
    fc.assert(
      fc.property(norms, limits, (norm, limit) => {
        const scale = clipScale(norm, limit);
        expect(scale).toBeGreaterThanOrEqual(0);
        expect(scale).toBeLessThanOrEqual(1);
        // Two roundings, each at most half a unit in the last place.
        expect(norm * scale).toBeLessThanOrEqual(limit * (1 + 2 * Number.EPSILON));
      }),
    );
  });
});

describe("isUsable", () => {
  it.each([
    [2.5, 1, true],
    [0, 0, true],
    [Number.NaN, 1, false],
    [2.5, Number.NaN, false],
    [Number.POSITIVE_INFINITY, 1, false],
    [2.5, Number.POSITIVE_INFINITY, false],
  ])("loss %d with norm %d: %s", (loss, norm, usable) => {
    expect(isUsable(loss, norm)).toBe(usable);
  });
});
