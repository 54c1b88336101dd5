/**
 * A domain as an endless sequence of windows of T tokens, epoch after epoch, from a cursor on. The k-th window is a pure function of k.
 *
 * A cursor is exact whatever T was before: it holds what was used of its epoch, length by length. At an epoch's very end it stays in that
 * epoch, so that a shorter T can still use the tail. The tail of an epoch is never read by this T; it is counted in `tailTokens`.
 */
import { UserError } from "../base/errors.js";
import { Epoch, ledgerMisfit, type Piece, type Segment } from "./epoch.js";

/** Where a domain stands: what was used of the epoch that it is in. */
export interface DomainCursor {
  readonly epoch: number;
  /** One entry for each window length used, in order of use. */
  readonly segments: readonly Segment[];
}

/** The cursor of a domain that was never read. */
export const BEGINNING: DomainCursor = { epoch: 0, segments: [] };

export interface DomainWindowsOptions {
  readonly name: string;
  /** Tokens of the domain's stream. */
  readonly tokens: number;
  readonly seed: number;
  /** Null: the beginning. */
  readonly start: DomainCursor | null;
  /** T. */
  readonly windowTokens: number;
}

export class DomainWindows {
  /** Windows of an epoch that is read with this T from its start. */
  readonly windowsPerEpoch: number;
  /** Targets that such an epoch leaves out, fewer than T. */
  readonly tailTokens: number;
  readonly #options: DomainWindowsOptions;
  readonly #start: DomainCursor;
  readonly #finished: readonly Segment[];
  /** Windows of the open level used before the first one here. */
  readonly #used: number;
  /** Windows left in the epoch of the cursor. */
  readonly #remaining: number;
  /** The epoch of the cursor, and the latest other one that was asked for. */
  readonly #first: Epoch;
  #later: { readonly number: number; readonly epoch: Epoch } | null = null;

  /** @throws UserError when the domain is shorter than one window, or the cursor does not fit it. */
  constructor(options: DomainWindowsOptions) {
    const { name, tokens, windowTokens, start } = options;
    if (tokens < windowTokens + 1)
      throw new UserError({
        what: `domain "${name}" is shorter than one window`,
        expected: `at least ${windowTokens + 1} tokens (sequenceLength + 1)`,
        got: String(tokens),
        hint: "give it more documents, lower sequenceLength, or take it out of the mixture",
      });
    this.#options = options;
    this.#start = start ?? BEGINNING;
    this.windowsPerEpoch = Math.floor((tokens - 1) / windowTokens);
    this.tailTokens = tokens - 1 - this.windowsPerEpoch * windowTokens;
    const last = this.#start.segments.at(-1);
    const open = last?.windowTokens === windowTokens ? last : null;
    this.#used = open?.windows ?? 0;
    this.#finished = open === null ? this.#start.segments : this.#start.segments.slice(0, -1);
    this.#first = this.#open(this.#start.epoch, this.#finished);
    if (open !== null && open.windows > this.#first.windows)
      throw ledgerMisfit({ domain: name, epoch: this.#start.epoch }, open, this.#first.windows);
    this.#remaining = this.#first.windows - this.#used;
  }

  /** The k-th window from the start cursor: its epoch and the pieces of the stream that it is made of, in order. */
  windowAt(k: number): { readonly epoch: number; readonly pieces: readonly Piece[] } {
    if (k < this.#remaining) return { epoch: this.#start.epoch, pieces: this.#first.piecesAt(this.#used + k) };
    const beyond = k - this.#remaining;
    const epoch = this.#start.epoch + 1 + Math.floor(beyond / this.windowsPerEpoch);
    return { epoch, pieces: this.#laterEpoch(epoch).piecesAt(beyond % this.windowsPerEpoch) };
  }

  /** The cursor after k windows. */
  cursorAfter(k: number): DomainCursor {
    if (k === 0) return this.#start;
    const { windowTokens } = this.#options;
    const { epoch } = this.#start;
    if (k <= this.#remaining)
      return { epoch, segments: [...this.#finished, { windowTokens, windows: this.#used + k }] };
    const beyond = k - this.#remaining;
    const full = Math.ceil(beyond / this.windowsPerEpoch) - 1;
    return { epoch: epoch + 1 + full, segments: [{ windowTokens, windows: beyond - full * this.windowsPerEpoch }] };
  }

  /** Epochs read after k windows: those before the cursor's, and the part of its tokens that was used. */
  epochsAfter(k: number): number {
    const { epoch, segments } = this.cursorAfter(k);
    const used = segments.reduce((sum, segment) => sum + segment.windowTokens * segment.windows, 0);
    return epoch + used / (this.#options.tokens - 1);
  }

  #laterEpoch(number: number): Epoch {
    if (this.#later?.number !== number) this.#later = { number, epoch: this.#open(number, []) };
    return this.#later.epoch;
  }

  #open(epoch: number, finished: readonly Segment[]): Epoch {
    const { name, seed, tokens, windowTokens } = this.#options;
    return new Epoch({ domain: name, seed, epoch, positions: tokens - 1, finished, windowTokens });
  }
}
