/** How well scores tell two kinds of documents apart. */

/**
 * Area under the receiver operating characteristic: how probable it is that a positive scores above a negative, equal scores counting
 * half (Hanley, McNeil 1982; the Mann–Whitney statistic). Null where there are none of either. Memory is the positives'.
 */
export function rocAuc(positives: Float64Array | Uint32Array, negatives: Iterable<number>): number | null {
  const sorted = positives.slice().sort();
  let negativeCount = 0;
  let halves = 0;
  for (const score of negatives) {
    negativeCount++;
    const above = sorted.length - firstAtLeast(sorted, score, true);
    halves += above + (sorted.length - firstAtLeast(sorted, score, false));
  }
  return sorted.length === 0 || negativeCount === 0 ? null : halves / 2 / sorted.length / negativeCount;
}

/** Index of the first element of an ascending list that is at least `value`, or above it. */
function firstAtLeast(sorted: Float64Array | Uint32Array, value: number, above: boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < value || (above && sorted[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

const BINS = 40;

/** Counts of scores in equal bins over [low, high], for a plot. */
export class Histogram {
  private readonly counts = new Float64Array(BINS);
  private total = 0;

  constructor(
    private readonly low: number,
    private readonly high: number,
  ) {}

  add(score: number): void {
    const bin = Math.floor(((score - this.low) / (this.high - this.low || 1)) * BINS);
    this.counts[Math.min(BINS - 1, Math.max(0, bin))]++;
    this.total++;
  }

  /** The middle of every bin. */
  middles(): number[] {
    return Array.from(this.counts, (_, bin) => rounded(this.low + ((bin + 0.5) / BINS) * (this.high - this.low)));
  }

  /** Of every bin, its share of what was added. */
  shares(): number[] {
    return Array.from(this.counts, (count) => rounded(count / (this.total || 1)));
  }
}

/** A number with five significant digits, for reports. */
export function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
