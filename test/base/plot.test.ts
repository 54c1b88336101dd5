import { describe, expect, it } from "vitest";
import { type Plot, plotSvg } from "../../src/base/plot.js";

const plot: Plot = {
  title: "loss <by> share",
  xLabel: "share",
  yLabel: "nats",
  layers: [
    { kind: "points", name: "runs", x: [0, 0.5, 0.5, 1], y: [3, 2, 2.1, 1] },
    { kind: "band", name: "law", x: [0, 1], low: [2.5, 0.5], high: [3.5, 1.5] },
    { kind: "line", name: "law", x: [0, 1], y: [3, 1] },
  ],
};

function circles(svg: string): number[][] {
  return [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
}

/** The points of the path with this attribute. */
function pathOf(svg: string, attribute: string): number[][] {
  const [, path = ""] = new RegExp(`<path d="M([^"]*)"[^>]*${attribute}`).exec(svg) ?? [];
  return path
    .replace("Z", "")
    .split("L")
    .map((point) => point.split(",").map(Number));
}

describe("a plot", () => {
  it("places points by value on both axes, and lines on the same scales", () => {
    const svg = plotSvg(plot);
    const [a, b, c, d] = circles(svg);
    expect(b[0]).toBe(c[0]);
    expect((b[0] - a[0]) / (d[0] - a[0])).toBeCloseTo(0.5, 3);
    expect((b[1] - a[1]) / (d[1] - a[1])).toBeCloseTo(0.5, 3);
    expect(c[1]).toBeLessThan(b[1]);
    expect(pathOf(svg, 'stroke-width="1.8"')).toEqual([a, d]);
  });

  it("closes a band along both of its edges, in the colour of its law, which stands in the legend once", () => {
    const svg = plotSvg(plot);
    const band = pathOf(svg, 'fill-opacity="0.15"');
    expect(band).toHaveLength(4);
    expect(band[0][0]).toBe(band[3][0]);
    expect(band[0][1]).toBeGreaterThan(band[3][1]);
    const paint = /stroke="(#\w+)" stroke-width="1.8"/.exec(svg)?.[1];
    expect(svg).toContain(`fill="${paint}" fill-opacity="0.15"`);
    expect(svg.match(/>law</g)).toHaveLength(1);
    expect(svg).toContain("loss &lt;by&gt; share");
  });

  it("leaves out what is not finite, and stands without anything to draw", () => {
    const broken = plotSvg({
      ...plot,
      layers: [{ kind: "points", name: "runs", x: [0, 1, Number.NaN], y: [Number.POSITIVE_INFINITY, 2, 3] }],
    });
    expect(circles(broken)).toHaveLength(1);
    for (const svg of [broken, plotSvg({ ...plot, layers: [] })]) expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });
});
