/** Charts as SVG text: lines and bars, for reports that open without a server. Colours and fonts are the page's own where it sets `currentColor`. */

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

const WIDTH = 640;
const HEIGHT = 300;
const PLOT = { left: 64, right: WIDTH - 16, top: 34, bottom: HEIGHT - 52 };
/** Okabe and Ito's palette, which people with any colour vision can tell apart (2008). */
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#000000"];
const TICKS = 5;
const MOST_NAMES = 16;

/** A chart as one `<svg>` element. */
export function chartSvg(chart: Chart): string {
  const ticks = niceTicks(
    chart.series.flatMap(({ y }) => y.filter((value) => value !== null)),
    chart.kind === "bar",
  );
  const yAt = scale([ticks[0], ticks[ticks.length - 1]], [PLOT.bottom, PLOT.top]);
  const place = xPlaces(chart);
  const body = chart.series.map((series, index) =>
    chart.kind === "line"
      ? line(series.y, place, yAt, index)
      : bars(series.y, place, yAt, { index, of: chart.series.length }),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="11">`,
    `<title>${escapeXml(chart.title)}</title>`,
    text(PLOT.left, 16, chart.title, `font-size="13" font-weight="600"`),
    ...ticks.map((tick) => gridLine(yAt(tick), formatTick(tick))),
    ...xTicks(chart, place),
    text((PLOT.left + PLOT.right) / 2, HEIGHT - 8, chart.xLabel, `text-anchor="middle"`),
    text(
      14,
      (PLOT.top + PLOT.bottom) / 2,
      chart.yLabel,
      `text-anchor="middle" transform="rotate(-90 14 ${(PLOT.top + PLOT.bottom) / 2})"`,
    ),
    ...body,
    ...legend(chart),
    "</svg>",
  ].join("\n");
}

/** Text as it may stand in XML or HTML, between tags or in quotes. */
export function escapeXml(value: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return value.replace(/[&<>"']/g, (character) => names[character]);
}

type Scale = (value: number) => number;

function scale([from, to]: readonly [number, number], [low, high]: readonly [number, number]): Scale {
  return (value) => low + ((value - from) / (to - from || 1)) * (high - low);
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

/** Round numbers that enclose all values, about five of them; bars grow from zero. */
function niceTicks(values: readonly number[], fromZero: boolean): number[] {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite, ...(fromZero || finite.length === 0 ? [0] : []));
  const high = Math.max(...finite, ...(fromZero || finite.length === 0 ? [0] : []));
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / TICKS));
  const step = power * ([1, 2, 5, 10].find((factor) => (factor * power * TICKS) / span >= 1) ?? 10);
  const first = Math.floor(low / step);
  const count = Math.max(1, Math.ceil(high / step) - first);
  return Array.from({ length: count + 1 }, (_, index) => (first + index) * step);
}

function formatTick(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${short(value / 1e9)}B`;
  if (size >= 1e6) return `${short(value / 1e6)}M`;
  return size >= 1e4 ? `${short(value / 1e3)}k` : short(value);
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
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

function gridLine(y: number, label: string): string {
  return `<path d="M${PLOT.left},${round(y)}H${PLOT.right}" stroke="currentColor" stroke-opacity="0.15"/>${text(PLOT.left - 6, y + 4, label, `text-anchor="end"`)}`;
}

function xTicks({ x, kind }: Chart, { at }: Places): string[] {
  const y = PLOT.bottom + 15;
  if (kind === "line" && x.every((value) => typeof value === "number"))
    return x.length === 0
      ? []
      : spread(x.length).map((i) => text(at[i], y, formatTick(Number(x[i])), `text-anchor="middle"`));
  const every = Math.ceil(x.length / MOST_NAMES);
  return x.flatMap((value, i) =>
    i % every === 0 ? [text(at[i], y, String(value).slice(0, 18), `text-anchor="middle"`)] : [],
  );
}

/** Indices of about six of the values, the first and the last among them. */
function spread(length: number): number[] {
  const count = Math.min(6, length);
  return [...new Set(Array.from({ length: count }, (_, i) => Math.round((i * (length - 1)) / Math.max(1, count - 1))))];
}

function legend({ series }: Chart): string[] {
  if (series.length < 2) return [];
  let x = PLOT.left;
  return series.map(({ name }, index) => {
    const entry = `<rect x="${x}" y="${HEIGHT - 30}" width="10" height="10" fill="${colour(index)}"/>${text(x + 14, HEIGHT - 21, name, "")}`;
    x += 28 + name.length * 6.2;
    return entry;
  });
}

function text(x: number, y: number, value: string, attributes: string): string {
  return `<text x="${round(x)}" y="${round(y)}" fill="currentColor" ${attributes}>${escapeXml(value)}</text>`;
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length];
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
