/**
 * One epoch of a domain: the order in which its windows are visited, when the window length may change on the way.
 *
 *     level 0   the domain, cut into windows of T0, visited in a keyed order ........ c0 of them are used, then T changes
 *     level 1   the windows of level 0 that are left and its remainder, joined in stream order, cut into windows of T1 ...
 *
 * So a window of level 1 or more may be made of several pieces of the domain. Positions count predictions: position p reads token p and
 * predicts token p + 1, so a domain of n tokens has n − 1 of them. What the last level cannot fill a window with is the epoch's tail.
 */
import { UserError } from "../base/errors.js";
import { Permutation } from "./permutation.js";
import { Unvisited } from "./unvisited.js";

/** `length` successive inputs from token `start` of a domain; with their targets they read tokens `start` to `start + length`. */
export interface Piece {
  readonly start: number;
  readonly length: number;
}

/** How many windows of one length were used of an epoch. */
export interface Segment {
  /** T. */
  readonly windowTokens: number;
  readonly windows: number;
}

/** What an epoch has left to read at one T: its windows in the order of their visit. */
export interface EpochRows {
  /** Windows of the level that is open. */
  readonly windows: number;
  /** Targets that the finished levels have read. */
  readonly finishedTokens: number;
  /** Targets of the epoch: those of the finished levels, and all that this one could read. */
  readonly tokens: number;
  /** The pieces of the open level's window at position `index` of its order, in stream order. */
  piecesAt(index: number): Piece[];
  /** Targets of the open level's first `index` windows. */
  tokensBefore(index: number): number;
}

export interface EpochOptions {
  readonly domain: string;
  readonly seed: number;
  readonly epoch: number;
  /** Positions of the domain: its tokens less one. */
  readonly positions: number;
  /** The levels that are done with. */
  readonly finished: readonly Segment[];
  /** T of the level that is open. */
  readonly windowTokens: number;
}

export class Epoch implements EpochRows {
  readonly windows: number;
  readonly finishedTokens: number;
  readonly tokens: number;
  readonly #windowTokens: number;
  readonly #stretch: Stretch;
  readonly #permutation: Permutation | null;

  /** @throws UserError when a finished level claims more windows than there were. */
  constructor(options: EpochOptions) {
    const { windowTokens, finished } = options;
    let stretch: Stretch = new Uncut(options.positions);
    finished.forEach((segment, level) => {
      stretch = new Left(stretch, segment, options, level);
    });
    this.windows = Math.floor(stretch.length / windowTokens);
    this.finishedTokens = options.positions - stretch.length;
    this.tokens = options.positions;
    this.#windowTokens = windowTokens;
    this.#stretch = stretch;
    this.#permutation = this.windows > 0 ? permutationOf(options, finished.length, this.windows) : null;
  }

  piecesAt(index: number): Piece[] {
    if (this.#permutation === null) throw new RangeError("this epoch has no window left");
    const runs: Run[] = [];
    this.#stretch.collect(this.#permutation.at(index) * this.#windowTokens, this.#windowTokens, runs);
    return runs;
  }

  tokensBefore(index: number): number {
    return index * this.#windowTokens;
  }
}

function permutationOf({ seed, domain, epoch }: EpochOptions, level: number, windows: number): Permutation {
  return new Permutation(windows, { seed, stream: `order/${level}/${domain}`, index: epoch });
}

interface Run {
  readonly start: number;
  length: number;
}

/** Positions in a row that lie somewhere in the domain. */
interface Stretch {
  readonly length: number;
  /** Appends the domain's runs of positions [start, start + length) of this stretch, joined where they touch. */
  collect(start: number, length: number, runs: Run[]): void;
}

/** The domain itself. */
class Uncut implements Stretch {
  constructor(readonly length: number) {}

  collect(start: number, length: number, runs: Run[]): void {
    const last = runs.at(-1);
    if (last !== undefined && last.start + last.length === start) last.length += length;
    else runs.push({ start, length });
  }
}

/** What a finished level left of the stretch below it: the windows not visited, then the remainder that filled no window. */
class Left implements Stretch {
  readonly length: number;
  readonly #base: Stretch;
  readonly #windowTokens: number;
  readonly #windows: number;
  readonly #findUnvisited: () => Unvisited;
  #unvisited: Unvisited | null = null;

  constructor(base: Stretch, used: Segment, options: EpochOptions, level: number) {
    this.#base = base;
    this.#windowTokens = used.windowTokens;
    this.#windows = Math.floor(base.length / used.windowTokens);
    if (used.windows > this.#windows) throw ledgerMisfit(options, used, this.#windows);
    this.length = base.length - used.windows * used.windowTokens;
    this.#findUnvisited = () => new Unvisited(this.#windows, visited(used, options, level, this.#windows));
  }

  collect(start: number, length: number, runs: Run[]): void {
    // Built when first asked for, and once: planning needs the counts only, and this takes seconds for a hundred billion tokens.
    this.#unvisited ??= this.#findUnvisited();
    const end = start + length;
    const inWindows = this.#unvisited.count * this.#windowTokens;
    let at = start;
    while (at < end && at < inWindows) {
      const rank = Math.floor(at / this.#windowTokens);
      const offset = at - rank * this.#windowTokens;
      const taken = Math.min(this.#windowTokens - offset, end - at);
      this.#base.collect(this.#unvisited.select(rank) * this.#windowTokens + offset, taken, runs);
      at += taken;
    }
    if (at < end) this.#base.collect(this.#windows * this.#windowTokens + (at - inWindows), end - at, runs);
  }
}

function* visited(used: Segment, options: EpochOptions, level: number, windows: number): Generator<number> {
  if (used.windows === 0) return;
  const permutation = permutationOf(options, level, windows);
  for (let index = 0; index < used.windows; index++) yield permutation.at(index);
}

/** The error for a ledger that says more was used of an epoch than the epoch has. */
export function ledgerMisfit(
  { domain, epoch }: Pick<EpochOptions, "domain" | "epoch">,
  used: Segment,
  windows: number,
): UserError {
  return new UserError({
    what: `the ledger does not fit domain "${domain}"`,
    expected: `at most ${windows} windows of ${used.windowTokens} tokens in epoch ${epoch}`,
    got: String(used.windows),
    hint: "the ledger was written for other data, or it is damaged",
  });
}
