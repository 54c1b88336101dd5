import { describe, expect, it } from "vitest";
import { plotCurve } from "../../src/commands/plot.js";

describe("plotCurve", () => {
  it("draws a ramp that rises to the top row", () => {
    expect(plotCurve((at) => at + 1, 4, { width: 4, height: 2 })).toEqual(["  ▄█", "▄███"]);
  });
  it("draws a constant as a full block and zero as nothing", () => {
    expect(plotCurve(() => 3, 10, { width: 3, height: 1 })).toEqual(["███"]);
    expect(plotCurve(() => 0, 10, { width: 3, height: 2 })).toEqual(["   ", "   "]);
  });
  it("shows the smallest value above zero as the thinnest bar", () => {
    expect(plotCurve((at) => [1, 1e-6][at], 2, { width: 2, height: 1 })).toEqual(["█▁"]);
  });
  it("samples the middle of every column when there are more points than columns", () => {
    expect(plotCurve((at) => (at === 50 ? 1 : 0), 100, { width: 1, height: 1 })).toEqual(["█"]);
  });
});
