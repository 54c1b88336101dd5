/**
 * Which domain each row of a stage comes from: for every prefix of n rows each domain has within one row of share × n.
 *
 * The shares are fractions, so the order repeats after P rows, P the least common multiple of their denominators. One period is laid by
 * R. Tijdeman's rule ("The chairman assignment problem", Discrete Mathematics 32, 1980), which keeps every one of k domains within
 * 1 − 1/(2k−2) of its quota; any row is then found by arithmetic.
 */
import { UserError } from "../base/errors.js";
import { addRational, gcd, type Rational, rational } from "../base/rational.js";

/** Longest period, in rows: lets shares have six decimals, costs 11 MB with ten domains, and a fifth of a second, for each stage. */
export const MAX_PERIOD = 2 ** 22;

/** Rows between two stored sums: counting inside a block reads at most this many entries of the period. */
const BLOCK = 64;

export class Mixture {
  /** P, in rows. */
  readonly period: number;
  /** Rows of each domain in one period. */
  readonly #quotas: readonly number[];
  readonly #order: Uint16Array;
  /** Rows of each domain before each block, shape [blocks, domains]. */
  readonly #sums: Int32Array;

  /**
   * @throws RangeError when the shares are not in [0, 1] or do not sum to 1.
   * @throws UserError when their period is longer than `MAX_PERIOD`.
   */
  constructor(shares: readonly Rational[]) {
    this.period = periodOf(shares);
    if (shares.some((share) => share.numerator < 0) || !sumsToOne(shares))
      throw new RangeError("the shares of a mixture are not negative and sum to 1");
    this.#quotas = shares.map((share) => share.numerator * (this.period / share.denominator));
    this.#order = layPeriod(this.#quotas, this.period);
    this.#sums = sumBlocks(this.#order, shares.length);
  }

  /** The domain of row n, as an index into the shares. */
  domainAt(row: number): number {
    return this.#order[row % this.period];
  }

  /** How many of the first `rows` rows come from `domain`. */
  countBefore(domain: number, rows: number): number {
    const periods = Math.floor(rows / this.period);
    const rest = rows - periods * this.period;
    const block = Math.floor(rest / BLOCK);
    let count = periods * this.#quotas[domain] + this.#sums[block * this.#quotas.length + domain];
    for (let row = block * BLOCK; row < rest; row++) if (this.#order[row] === domain) count++;
    return count;
  }
}

function periodOf(shares: readonly Rational[]): number {
  let period = 1;
  for (const { denominator } of shares) {
    // Both factors are at most MAX_PERIOD, so that the product is exact.
    if (denominator <= MAX_PERIOD) period *= denominator / gcd(period, denominator);
    if (denominator > MAX_PERIOD || period > MAX_PERIOD)
      throw new UserError({
        what: "the shares of this mixture have no common denominator that is small enough",
        expected: `at most ${MAX_PERIOD}`,
        got: shares.map((share) => `${share.numerator}/${share.denominator}`).join(", "),
        hint: "round the weights so that they add up to a round number, such as 1 with at most six decimals",
      });
  }
  return period;
}

function sumsToOne(shares: readonly Rational[]): boolean {
  const total = shares.reduce(addRational, rational(0, 1));
  return total.numerator === 1 && total.denominator === 1;
}

/**
 * One period by Tijdeman's rule: among the domains that are owed at least 1/(2k−2) of a row, the one that would first be owed more
 * than 1 − 1/(2k−2). What is owed, share × n − count, is kept exactly as an integer in units of 1/((2k−2)·P).
 */
function layPeriod(quotas: readonly number[], period: number): Uint16Array {
  const active = quotas.flatMap((quota, domain) => (quota > 0 ? [{ quota, domain }] : []));
  const grain = active.length > 1 ? 2 * active.length - 2 : 1;
  const owed = new Float64Array(active.length);
  const order = new Uint16Array(period);
  for (let row = 0; row < period; row++) {
    let next = 0;
    let leastSlack = Number.POSITIVE_INFINITY;
    for (let i = 0; i < active.length; i++) {
      owed[i] += grain * active[i].quota;
      if (owed[i] < period) continue;
      const slack = (period * (grain - 1) - owed[i]) / active[i].quota;
      if (slack < leastSlack) {
        leastSlack = slack;
        next = i;
      }
    }
    owed[next] -= grain * period;
    order[row] = active[next].domain;
  }
  return order;
}

function sumBlocks(order: Uint16Array, domains: number): Int32Array {
  const counts = new Int32Array(domains);
  const sums = new Int32Array(Math.ceil(order.length / BLOCK) * domains);
  for (let row = 0; row < order.length; row++) {
    if (row % BLOCK === 0) sums.set(counts, (row / BLOCK) * domains);
    counts[order[row]]++;
  }
  return sums;
}
