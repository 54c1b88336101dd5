/**
 * A domain as an endless sequence of windows of T tokens, epoch after epoch, from a cursor on. The k-th window is a pure function of k.
 * A window is a stretch of the stream, or as many whole documents as fit.
 *
 * A cursor is exact whatever T was before: it holds what was used of its epoch, length by length. At an epoch's very end it stays in that
 * epoch, so that another T can still use what is left. The tail of an epoch is never read by this T; it is counted in `tailTokens`.
 * An epoch that was begun in cut windows is not gone on with in whole documents, nor the other way round: the next one begins.
 */
import { UserError } from "../base/errors.js";
import { formatCount } from "../base/format.js";
import { Epoch, type EpochRows, ledgerMisfit, type Piece, type Segment } from "./epoch.js";
import type { LeftOut, WholeDocuments } from "./whole-documents.js";
import { WholeEpoch } from "./whole-epoch.js";

/** Where a domain stands: what was used of the epoch that it is in. */
export interface DomainCursor {
  readonly epoch: number;
  /** How the epoch is read: as a stream cut into windows, or as rows of whole documents. */
  readonly documents: "cut" | "whole";
  /** One entry for each window length used, in order of use. */
  readonly segments: readonly Segment[];
}

/** The cursor of a domain that was never read. */
export const BEGINNING: DomainCursor = { epoch: 0, documents: "cut", segments: [] };

export interface DomainWindowsOptions {
  readonly name: string;
  /** Tokens of the domain's stream. */
  readonly tokens: number;
  readonly seed: number;
  /** Null: the beginning. */
  readonly start: DomainCursor | null;
  /** T. */
  readonly windowTokens: number;
  /** To read whole documents; null: the stream is cut into windows. */
  readonly whole: WholeDocuments | null;
}

/** Epochs whose rows are kept at hand besides that of the cursor: reading ahead and the ledger may be on two sides of an epoch's end. */
const EPOCHS_KEPT = 2;

export class DomainWindows {
  /** Windows of an epoch that is read with this T from its start. */
  readonly windowsPerEpoch: number;
  /** Targets that such an epoch leaves out, fewer than T. None where documents are whole: those that are too long are in `leftOut`. */
  readonly tailTokens: number;
  readonly leftOut: LeftOut;
  /** Whether the epoch of the given cursor is left where it is, because it was read in the other way. */
  readonly leavesEpoch: boolean;
  readonly #options: DomainWindowsOptions;
  /** Where the first window here stands. */
  readonly #start: DomainCursor;
  readonly #finished: readonly Segment[];
  /** Windows of the open level used before the first one here. */
  readonly #used: number;
  /** Windows left in the epoch of the cursor. */
  readonly #remaining: number;
  readonly #first: EpochRows;
  readonly #tokensPerEpoch: number;
  /** By number, the oldest first. */
  readonly #later = new Map<number, EpochRows>();

  /** @throws UserError when the domain does not fill one window, most of it is in documents that are too long, or the cursor does not fit. */
  constructor(options: DomainWindowsOptions) {
    const { name, tokens, windowTokens, whole } = options;
    this.leftOut = whole?.leftOut(windowTokens) ?? { documents: 0, tokens: 0 };
    checkSize(options, this.leftOut);
    this.#options = options;
    const given = options.start ?? BEGINNING;
    const documents = whole === null ? "cut" : "whole";
    this.leavesEpoch = given.documents !== documents && given.segments.length > 0;
    this.#start = this.leavesEpoch ? { epoch: given.epoch + 1, documents, segments: [] } : { ...given, documents };
    const { epoch, segments } = this.#start;
    const last = segments.at(-1);
    const open = last?.windowTokens === windowTokens ? last : null;
    this.#used = open?.windows ?? 0;
    this.#finished = open === null ? segments : segments.slice(0, -1);
    const unread = this.#open(epoch, []);
    this.windowsPerEpoch = unread.windows;
    this.#tokensPerEpoch = unread.tokensBefore(unread.windows);
    this.tailTokens = unread.tokens - this.#tokensPerEpoch;
    this.#first = this.#finished.length === 0 ? unread : this.#open(epoch, this.#finished);
    if (open !== null && open.windows > this.#first.windows)
      throw ledgerMisfit({ domain: name, epoch }, open, this.#first.windows);
    this.#remaining = this.#first.windows - this.#used;
    if (whole !== null && whole.tokens !== tokens)
      throw new Error(`domain ${name}: documents of ${whole.tokens} tokens in a stream of ${tokens}`);
  }

  /** The k-th window from the start cursor: its epoch and the pieces of the stream that it is made of, in order. */
  windowAt(k: number): { readonly epoch: number; readonly pieces: readonly Piece[] } {
    if (k < this.#remaining) return { epoch: this.#start.epoch, pieces: this.#first.piecesAt(this.#used + k) };
    const beyond = k - this.#remaining;
    const epoch = this.#start.epoch + 1 + Math.floor(beyond / this.windowsPerEpoch);
    return { epoch, pieces: this.#epoch(epoch).piecesAt(beyond % this.windowsPerEpoch) };
  }

  /** The cursor after k windows. */
  cursorAfter(k: number): DomainCursor {
    if (k === 0) return this.#options.start ?? BEGINNING;
    const { windowTokens } = this.#options;
    const { epoch, index } = this.#placeAfter(k);
    const finished = epoch === this.#start.epoch ? this.#finished : [];
    return { ...this.#start, epoch, segments: [...finished, { windowTokens, windows: index }] };
  }

  /** Epochs read after k windows: those before the cursor's, and the part of its tokens that was used. */
  epochsAfter(k: number): number {
    const { epoch, index } = this.#placeAfter(k);
    const { finishedTokens, tokens, tokensBefore } = this.#epochTokens(epoch, index);
    return epoch + (finishedTokens + tokensBefore) / tokens;
  }

  /** Targets of the first k windows. */
  tokensAfter(k: number): number {
    const { epoch, index } = this.#placeAfter(k);
    const { tokensBefore } = this.#epochTokens(epoch, index);
    const skipped = this.#first.tokensBefore(this.#used);
    if (epoch === this.#start.epoch) return tokensBefore - skipped;
    const between = (epoch - this.#start.epoch - 1) * this.#tokensPerEpoch;
    return this.#first.tokensBefore(this.#first.windows) - skipped + between + tokensBefore;
  }

  /** The epoch that the k-th window ends in, and how many windows of its open level are used then. */
  #placeAfter(k: number): { readonly epoch: number; readonly index: number } {
    const { epoch } = this.#start;
    if (k <= this.#remaining) return { epoch, index: this.#used + k };
    const beyond = k - this.#remaining;
    const full = Math.ceil(beyond / this.windowsPerEpoch) - 1;
    return { epoch: epoch + 1 + full, index: beyond - full * this.windowsPerEpoch };
  }

  #epochTokens(number: number, index: number) {
    const epoch = this.#epoch(number);
    return { finishedTokens: epoch.finishedTokens, tokens: epoch.tokens, tokensBefore: epoch.tokensBefore(index) };
  }

  #epoch(number: number): EpochRows {
    if (number === this.#start.epoch) return this.#first;
    const known = this.#later.get(number);
    if (known !== undefined) return known;
    const opened = this.#open(number, []);
    for (const oldest of this.#later.keys()) if (this.#later.size >= EPOCHS_KEPT) this.#later.delete(oldest);
    this.#later.set(number, opened);
    return opened;
  }

  #open(epoch: number, finished: readonly Segment[]): EpochRows {
    const { name, seed, tokens, windowTokens, whole } = this.#options;
    const common = { domain: name, seed, epoch, finished, windowTokens };
    return whole === null
      ? new Epoch({ ...common, positions: tokens - 1 })
      : new WholeEpoch({ ...common, documents: whole });
  }
}

function checkSize({ name, tokens, windowTokens, whole }: DomainWindowsOptions, leftOut: LeftOut): void {
  if (whole === null) {
    if (tokens < windowTokens + 1)
      throw new UserError({
        what: `domain "${name}" is shorter than one window`,
        expected: `at least ${windowTokens + 1} tokens (sequenceLength + 1)`,
        got: String(tokens),
        hint: "give it more documents, lower sequenceLength, or take it out of the mixture",
      });
    return;
  }
  // Where most of a domain cannot be read, its share of the mixture and its epochs would speak of other data than the plan names.
  if (2 * leftOut.tokens > tokens)
    throw new UserError({
      what: `most of domain "${name}" is in documents longer than a row, which \`packing: whole\` would leave out`,
      expected: `at least half of its ${formatCount(tokens)} tokens in documents of at most ${windowTokens + 1} tokens`,
      got: `${formatCount(leftOut.tokens)} tokens in ${leftOut.documents} longer documents`,
      hint: "raise sequenceLength, split its documents, or use `packing: isolated`, which cuts them",
    });
  if (whole.packed(windowTokens).count === 0)
    throw new UserError({
      what: `domain "${name}" has no document with anything to predict`,
      expected: "a document of at least 2 tokens",
      got: `${whole.count} documents, ${tokens} tokens`,
      hint: "give it more documents, or take it out of the mixture",
    });
}
