/** What charts are drawn in: the frame with its title, labels, grid and legend, as pieces of SVG. Fonts and colours are the page's own. */

const WIDTH = 640;
const HEIGHT = 300;
export const PLOT = { left: 64, right: WIDTH - 16, top: 34, bottom: HEIGHT - 52 };
/** Okabe and Ito's palette, which people with any colour vision can tell apart (2008). */
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#000000"];
const TICKS = 5;
/** Of a usual letter at this size, in pixels. */
export const CHARACTER_WIDTH = 6.2;

export interface Frame {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Round values that the grid's lines stand at, from `niceTicks`. */
  readonly ticks: readonly number[];
  /** Of the series, each in its colour. */
  readonly names: readonly string[];
}

/** The height in pixels of a value between the first tick and the last. */
export function yScale(ticks: readonly number[]): Scale {
  return scale([ticks[0], ticks[ticks.length - 1]], [PLOT.bottom, PLOT.top]);
}

/** One `<svg>` element. @param inside what is drawn in the frame, the marks of the x axis among it. */
export function framed({ title, xLabel, yLabel, ticks, names }: Frame, inside: readonly string[]): string {
  const [yAt, middle] = [yScale(ticks), (PLOT.top + PLOT.bottom) / 2];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="11">`,
    `<title>${escapeXml(title)}</title>`,
    text(PLOT.left, 16, title, `font-size="13" font-weight="600"`),
    ...ticks.map((tick) => gridLine(yAt(tick), formatTick(tick))),
    text((PLOT.left + PLOT.right) / 2, HEIGHT - 8, xLabel, `text-anchor="middle"`),
    text(14, middle, yLabel, `text-anchor="middle" transform="rotate(-90 14 ${middle})"`),
    ...inside,
    ...legend(names),
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

export type Scale = (value: number) => number;

export function scale([from, to]: readonly [number, number], [low, high]: readonly [number, number]): Scale {
  return (value) => low + ((value - from) / (to - from || 1)) * (high - low);
}

/** Round numbers that enclose all values, about five of them; bars grow from zero. */
export function niceTicks(values: readonly number[], fromZero: boolean): number[] {
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

export function formatTick(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${short(value / 1e9)}B`;
  if (size >= 1e6) return `${short(value / 1e6)}M`;
  return size >= 1e4 ? `${short(value / 1e3)}k` : short(value);
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function gridLine(y: number, label: string): string {
  return `<path d="M${PLOT.left},${round(y)}H${PLOT.right}" stroke="currentColor" stroke-opacity="0.15"/>${text(PLOT.left - 6, y + 4, label, `text-anchor="end"`)}`;
}

function legend(names: readonly string[]): string[] {
  if (names.length < 2) return [];
  let x = PLOT.left;
  return names.map((name, index) => {
    const entry = `<rect x="${x}" y="${HEIGHT - 30}" width="10" height="10" fill="${colour(index)}"/>${text(x + 14, HEIGHT - 21, name, "")}`;
    x += 28 + name.length * CHARACTER_WIDTH;
    return entry;
  });
}

export function text(x: number, y: number, value: string, attributes: string): string {
  return `<text x="${round(x)}" y="${round(y)}" fill="currentColor" ${attributes}>${escapeXml(value)}</text>`;
}

export function colour(index: number): string {
  return COLOURS[index % COLOURS.length];
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
