import { describe, expect, it } from "vitest";
import { type Box, minimise, type Objective } from "../../../src/mixlaw/fit/minimise.js";

const OPTIONS = { iterations: 500, tolerance: 1e-14 };
const wide: Box = { lower: Float64Array.of(-10, -10), upper: Float64Array.of(10, 10) };

/** Rosenbrock's valley, least (0) at (1, 1). */
const valley: Objective = ([x, y], gradient) => {
  gradient.set([-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)]);
  return 100 * (y - x * x) ** 2 + (1 - x) ** 2;
};

describe("minimise", () => {
  it("follows Rosenbrock's valley to its end", () => {
    const { x, value } = minimise(valley, Float64Array.of(-1.2, 1), wide, OPTIONS);
    expect(value).toBeLessThan(1e-12);
    expect(x[0]).toBeCloseTo(1, 5);
    expect(x[1]).toBeCloseTo(1, 5);
  });

  it("stops at a bound where the function falls beyond it, with the other variable at its best there", () => {
    const box = { lower: Float64Array.of(-10, -10), upper: Float64Array.of(0.5, 10) };
    const { x } = minimise(valley, Float64Array.of(-1.2, 1), box, OPTIONS);
    expect(x[0]).toBe(0.5);
    expect(x[1]).toBeCloseTo(0.25, 6);
  });

  it("leaves a bound that it starts on", () => {
    const { x } = minimise(valley, Float64Array.of(-10, -10), wide, OPTIONS);
    expect(x[0]).toBeCloseTo(1, 4);
  });

  it("finds the least of a function with kinks", () => {
    const kinked: Objective = ([x, y], gradient) => {
      gradient.set([Math.sign(x - 2) * 3, Math.sign(y + 1)]);
      return 3 * Math.abs(x - 2) + Math.abs(y + 1);
    };
    const { value } = minimise(kinked, Float64Array.of(-3.3, 4.7), wide, OPTIONS);
    expect(value).toBeLessThan(1e-3);
  });

  it("stays where the function is defined", () => {
    const logarithm: Objective = ([x], gradient) => {
      gradient.set([x > 0 ? 1 - 1 / x : 0, 0]);
      return x > 0 ? x - Math.log(x) : Number.POSITIVE_INFINITY;
    };
    const { x } = minimise(logarithm, Float64Array.of(9, 0), wide, OPTIONS);
    expect(x[0]).toBeCloseTo(1, 5);
    expect(minimise(logarithm, Float64Array.of(-1, 0), wide, OPTIONS).value).toBe(Number.POSITIVE_INFINITY);
  });
});
