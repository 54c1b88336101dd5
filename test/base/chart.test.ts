import { describe, expect, it } from "vitest";
import { type Chart, chartSvg } from "../../src/base/chart.js";
import { escapeXml } from "../../src/base/chart-frame.js";

const line: Chart = {
  ...{ title: "loss", kind: "line", xLabel: "steps", yLabel: "nats", x: [0, 10, 30] },
  series: [
    { name: "train", y: [3, 2, 1] },
    { name: "held out", y: [3, null, 2] },
  ],
};
const bar: Chart = {
  title: "tokens",
  kind: "bar",
  xLabel: "",
  yLabel: "",
  x: ["a", "b"],
  series: [{ name: "t", y: [1, 4] }],
};

/** Numbers of the attribute in every element of the chart that has it. */
function attribute(svg: string, element: string, name: string): number[] {
  const pattern = new RegExp(`<${element} [^>]*\\b${name}="([-\\d.]+)"`, "g");
  return [...svg.matchAll(pattern)].map(([, value]) => Number(value));
}

/** The points of every path of a series. */
function points(svg: string): number[][][] {
  return [...svg.matchAll(/<path d="(M[^"]+)" fill="none"/g)].map(([, path = ""]) =>
    path.split(/(?=[ML])/).map((point) => point.slice(1).split(",").map(Number)),
  );
}

describe("a chart", () => {
  it("places the points of a line by value", () => {
    const [first, second] = points(chartSvg(line));
    const [a, b, c] = first ?? [];
    expect((b[0] - a[0]) / (c[0] - a[0])).toBeCloseTo(1 / 3, 2);
    expect((a[1] - b[1]) / (a[1] - c[1])).toBeCloseTo(0.5, 2);
    expect(a[1]).toBeLessThan(c[1]);
    expect(second).toHaveLength(2);
  });

  it("leaves a gap where there is no value", () => {
    expect(chartSvg(line)).toMatch(/M[\d.]+,[\d.]+M[\d.]+,[\d.]+"/);
    expect(chartSvg({ ...line, series: [{ name: "x", y: [Number.NaN, 1, Number.POSITIVE_INFINITY] }] })).not.toMatch(
      /NaN|Infinity/,
    );
  });

  it("draws bars as high as their values, from zero", () => {
    const [low, high] = attribute(chartSvg(bar), "rect", "height");
    expect(high / low).toBeCloseTo(4, 1);
  });

  it("draws bars of values below zero downwards", () => {
    const svg = chartSvg({ ...bar, series: [{ name: "t", y: [-2, 2] }] });
    const [down, up] = attribute(svg, "rect", "y");
    const [height] = attribute(svg, "rect", "height");
    expect(down - up).toBeCloseTo(height, 1);
  });

  it("has a legend where there are several series", () => {
    expect(chartSvg(line)).toContain(">held out</text>");
    expect(chartSvg(bar)).not.toContain(">t</text>");
  });

  it("has round ticks that enclose the values", () => {
    expect(chartSvg(line)).toContain(">3</text>");
    expect(chartSvg({ ...bar, series: [{ name: "t", y: [1_500_000, 4_000_000] }] })).toContain(">4M</text>");
  });

  it.each([
    { ...line, x: [], series: [] },
    { ...line, x: [1], series: [{ name: "one", y: [7] }] },
    { ...bar, series: [{ name: "t", y: [0, 0] }] },
    { ...line, series: [{ name: "t", y: [null, null, null] }] },
  ])("is well formed without much to show", (chart) => {
    const svg = chartSvg(chart);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg.match(/<svg/g)).toHaveLength(1);
  });

  it("cannot be broken by names", () => {
    const svg = chartSvg({ ...bar, title: "</svg><script>", x: ['"', "&"], series: [{ name: "<b>", y: [1, 2] }] });
    expect(svg).not.toMatch(/<script|<b>/);
    expect(escapeXml(`<a href="x">'&'</a>`)).toBe("&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  });
});
