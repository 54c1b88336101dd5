/** Searching a function of one number in a range: where it crosses a limit, where it is least. */

export type Line = (x: number) => number;

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Points of the first look: fine enough for a curve of two powers, whose features are wider than a hundredth of the range. */
const POINTS = 200;
const HALVINGS = 50;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

function grid({ low, high }: Range): number[] {
  return Array.from({ length: POINTS + 1 }, (_, i) => low + ((high - low) * i) / POINTS);
}

/** The largest x up to which, from the low end on, the line is at most `limit`; null where it is above it at the low end already. */
export function lastWithin(line: Line, limit: number, range: Range): number | null {
  const within = (x: number) => line(x) <= limit;
  const first = grid(range).findIndex((x) => !within(x));
  if (first === 0) return null;
  if (first < 0) return range.high;
  let [low, high] = grid(range).slice(first - 1, first + 1);
  for (let turn = 0; turn < HALVINGS; turn++) {
    const middle = (low + high) / 2;
    if (within(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Where the line is least; null where it is nowhere finite. */
export function leastOf(line: Line, range: Range): number | null {
  const points = grid(range).map((x) => ({ x, y: line(x) }));
  const best = points.reduce((a, b) => (b.y < a.y || !Number.isFinite(a.y) ? b : a));
  if (!Number.isFinite(best.y)) return null;
  const width = (range.high - range.low) / POINTS;
  let [low, high] = [Math.max(range.low, best.x - width), Math.min(range.high, best.x + width)];
  for (let turn = 0; turn < HALVINGS; turn++) {
    const [a, b] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
    if (line(a) <= line(b)) high = b;
    else low = a;
  }
  // An end of the range is approached by the search and never reached.
  const inner = (low + high) / 2;
  return [range.low, range.high].reduce((x, end) => (line(end) <= line(x) ? end : x), inner);
}
