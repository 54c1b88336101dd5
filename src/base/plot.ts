/** Plots as SVG text: measured points, curves and the bands about them, all placed by value on both axes. */
import { colour, formatTick, framed, niceTicks, PLOT, round, type Scale, scale, text, yScale } from "./chart-frame.js";

/** One thing that is drawn. Layers of one name have one colour and one entry in the legend. */
export type Layer =
  | {
      readonly kind: "line" | "points";
      readonly name: string;
      readonly x: readonly number[];
      readonly y: readonly number[];
    }
  | {
      readonly kind: "band";
      readonly name: string;
      readonly x: readonly number[];
      readonly low: readonly number[];
      readonly high: readonly number[];
    };

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Drawn in this order. Numbers that are not finite are left out. */
  readonly layers: readonly Layer[];
}

type Point = readonly [x: number, y: number];

/** A plot as one `<svg>` element. */
export function plotSvg({ layers, ...labels }: Plot): string {
  const drawn = layers.map((layer) => ({ layer, points: pointsOf(layer) }));
  const all = drawn.flatMap(({ points }) => points);
  const names = [...new Set(layers.map(({ name }) => name))];
  const ticks = niceTicks(
    all.map(([, y]) => y),
    false,
  );
  const xTicks = niceTicks(
    all.map(([x]) => x),
    false,
  );
  const [xAt, yAt] = [scale([xTicks[0], xTicks[xTicks.length - 1]], [PLOT.left, PLOT.right]), yScale(ticks)];
  return framed({ ...labels, ticks, names }, [
    ...xTicks.map((x) => text(xAt(x), PLOT.bottom + 15, formatTick(x), `text-anchor="middle"`)),
    ...drawn.map(({ layer, points }) => draw(layer.kind, points, [xAt, yAt], colour(names.indexOf(layer.name)))),
  ]);
}

/** A band is a closed line: along its lower edge and back along the upper one. */
function pointsOf(layer: Layer): Point[] {
  const points = (y: readonly number[]): Point[] =>
    layer.x.map((x, i): Point => [x, y[i]]).filter((point) => point.every(Number.isFinite));
  return layer.kind === "band" ? [...points(layer.low), ...points(layer.high).reverse()] : points(layer.y);
}

function draw(
  kind: Layer["kind"],
  points: readonly Point[],
  [xAt, yAt]: readonly [Scale, Scale],
  paint: string,
): string {
  const at = points.map(([x, y]): Point => [round(xAt(x)), round(yAt(y))]);
  if (kind === "points")
    return `<g fill="${paint}" fill-opacity="0.75">${at.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="2.6"/>`).join("")}</g>`;
  const path = at.length === 0 ? "" : `M${at.map((point) => point.join(",")).join("L")}`;
  return kind === "line"
    ? `<path d="${path}" fill="none" stroke="${paint}" stroke-width="1.8"/>`
    : `<path d="${path}Z" fill="${paint}" fill-opacity="0.15"/>`;
}
