/** Charts as SVG text: lines and bars, for reports that open without a server. */
import {
  CHARACTER_WIDTH,
  colour,
  formatTick,
  framed,
  niceTicks,
  PLOT,
  round,
  type Scale,
  scale,
  text,
  yScale,
} from "./chart-frame.js";

export interface Chart {
  readonly title: string;
  readonly kind: "line" | "bar";
  readonly xLabel: string;
  readonly yLabel: string;
  /** Numbers are placed by value, names one beside the other; bars are always beside each other. */
  readonly x: readonly (string | number)[];
  /** As many values as `x`; null leaves a gap. */
  readonly series: readonly { readonly name: string; readonly y: readonly (number | null)[] }[];
}

const MOST_NAMES = 16;
const LONGEST_NAME = 18;

/** A chart as one `<svg>` element. */
export function chartSvg(chart: Chart): string {
  const ticks = niceTicks(
    chart.series.flatMap(({ y }) => y.filter((value) => value !== null)),
    chart.kind === "bar",
  );
  const yAt = yScale(ticks);
  const place = xPlaces(chart);
  const body = chart.series.map((series, index) =>
    chart.kind === "line"
      ? line(series.y, place, yAt, index)
      : bars(series.y, place, yAt, { index, of: chart.series.length }),
  );
  const names = chart.series.map(({ name }) => name);
  return framed({ ...chart, ticks, names }, [...xTicks(chart, place), ...body]);
}

/** The centre of each `x`, in pixels, and how much room it has. */
interface Places {
  readonly at: readonly number[];
  readonly room: number;
}

function xPlaces({ kind, x }: Chart): Places {
  const numbers = x.filter((value) => typeof value === "number");
  const room = (PLOT.right - PLOT.left) / Math.max(1, x.length);
  if (kind === "bar" || numbers.length < x.length)
    return { at: x.map((_, index) => PLOT.left + room * (index + 0.5)), room };
  const xAt = scale([Math.min(...numbers), Math.max(...numbers)], [PLOT.left, PLOT.right]);
  return { at: numbers.map(xAt), room };
}

function line(y: readonly (number | null)[], { at }: Places, yAt: Scale, index: number): string {
  const points = y.map((value, i) =>
    value === null || !Number.isFinite(value) ? null : `${round(at[i])},${round(yAt(value))}`,
  );
  let path = "";
  for (const [i, point] of points.entries())
    if (point !== null) path += `${i > 0 && points[i - 1] !== null ? "L" : "M"}${point}`;
  return `<path d="${path}" fill="none" stroke="${colour(index)}" stroke-width="1.8"/>`;
}

function bars(
  y: readonly (number | null)[],
  { at, room }: Places,
  yAt: Scale,
  { index, of }: { index: number; of: number },
): string {
  const width = (room * 0.8) / of;
  const boxes = y.map((value, i) => {
    if (value === null || !Number.isFinite(value)) return "";
    const [top, bottom] = [yAt(value), yAt(0)].sort((a, b) => a - b);
    const left = at[i] - room * 0.4 + width * index;
    return `<rect x="${round(left)}" y="${round(top)}" width="${round(width)}" height="${round(bottom - top)}"/>`;
  });
  return `<g fill="${colour(index)}">${boxes.join("")}</g>`;
}

function xTicks({ x, kind }: Chart, { at, room }: Places): string[] {
  const y = PLOT.bottom + 15;
  if (kind === "line" && x.every((value) => typeof value === "number"))
    return x.length === 0
      ? []
      : spread(x.length).map((i) => text(at[i], y, formatTick(Number(x[i])), `text-anchor="middle"`));
  const every = Math.ceil(x.length / MOST_NAMES);
  const longest = Math.max(0, ...x.map((value) => String(value).length));
  // Names that would run into each other are written aslant.
  const aslant = Math.min(longest, LONGEST_NAME) * CHARACTER_WIDTH > room * every;
  return x.flatMap((value, i) => {
    const turned = `text-anchor="end" transform="rotate(-20 ${round(at[i])} ${y})"`;
    const name = String(value).slice(0, LONGEST_NAME);
    return i % every === 0 ? [text(at[i], y, name, aslant ? turned : `text-anchor="middle"`)] : [];
  });
}

/** Indices of about six of the values, the first and the last among them. */
function spread(length: number): number[] {
  const count = Math.min(6, length);
  return [...new Set(Array.from({ length: count }, (_, i) => Math.round((i * (length - 1)) / Math.max(1, count - 1))))];
}
