/** The rows of one stage, from the ledger that it starts with: row r comes from the mixture's domain, as that domain's next window. */
import { UserError } from "../base/errors.js";
import type { Rational } from "../base/rational.js";
import type { Piece } from "./epoch.js";
import { type DomainLedger, domainLedger, type Ledger } from "./ledger.js";
import { Mixture } from "./mixture.js";
import { DomainWindows } from "./windows.js";

export interface OrderDomain {
  readonly name: string;
  /** Tokens of its training stream. */
  readonly tokens: number;
  /** Of its data: another fingerprint is other data. */
  readonly fingerprint: string;
}

export interface OrderStage {
  readonly name: string;
  readonly steps: number;
  readonly rowsPerStep: number;
  /** T. */
  readonly sequenceLength: number;
  /** Shares of tokens; they sum to exactly 1. */
  readonly mixture: readonly { readonly domain: string; readonly share: Rational }[];
}

/** One row of a step: T inputs of one domain. */
export interface Row {
  /** Index into the order's domains. */
  readonly domain: number;
  readonly epoch: number;
  /** Their lengths sum to T. Where a piece does not continue the one before it, the text is another document's. */
  readonly pieces: readonly Piece[];
}

/** A domain of the stage's mixture. */
interface Source {
  readonly domain: OrderDomain;
  /** Index into the order's domains. */
  readonly index: number;
  readonly before: DomainLedger;
  /** Null for a share of 0: such a domain is never read, and may be too short. */
  readonly windows: DomainWindows | null;
}

export class StageOrder {
  readonly stage: OrderStage;
  readonly #start: Ledger;
  readonly #mixture: Mixture;
  readonly #sources: readonly Source[];

  /**
   * `start` has an entry for every domain.
   * @throws UserError when a domain of the mixture is not there or is shorter than a window, or its cursor does not fit.
   */
  constructor(stage: OrderStage, domains: readonly OrderDomain[], start: Ledger) {
    if (new Set(stage.mixture.map(({ domain }) => domain)).size < stage.mixture.length)
      throw new RangeError(`stage "${stage.name}" has a domain twice`);
    this.stage = stage;
    this.#start = start;
    this.#mixture = new Mixture(stage.mixture.map(({ share }) => share));
    this.#sources = stage.mixture.map((part) => sourceOf(part, stage, domains, start));
  }

  /** The rows of the stage's step `step`, from 0. */
  rowsAt(step: number): Row[] {
    const { rowsPerStep } = this.stage;
    const first = step * rowsPerStep;
    const next = this.#sources.map((_, source) => this.#mixture.countBefore(source, first));
    return Array.from({ length: rowsPerStep }, (_, row) => {
      const source = this.#mixture.domainAt(first + row);
      const { index, windows } = this.#sources[source];
      if (windows === null) throw new Error("a domain with a share of 0 was drawn");
      return { domain: index, ...windows.windowAt(next[source]++) };
    });
  }

  /** The ledger after the stage's first `steps` steps. */
  ledgerAfter(steps: number): Ledger {
    if (steps === 0) return this.#start;
    const { name, rowsPerStep, sequenceLength } = this.stage;
    const counts = this.#sources.map((_, source) => this.#mixture.countBefore(source, steps * rowsPerStep));
    const changed = this.#sources.map(({ domain, before, windows }, source): [string, DomainLedger] => {
      if (windows === null) return [domain.name, before];
      const tokens = before.tokens + counts[source] * sequenceLength;
      const epochs = windows.epochsAfter(counts[source]);
      return [domain.name, { ...before, tokens, epochs, cursor: windows.cursorAfter(counts[source]) }];
    });
    const tokens = this.#sources.map(({ domain }, source) => [domain.name, counts[source] * sequenceLength]);
    return {
      domains: Object.fromEntries([...Object.entries(this.#start.domains), ...changed]),
      stages: [...this.#start.stages, { name, steps, tokens: Object.fromEntries(tokens) }],
    };
  }
}

function sourceOf(
  part: OrderStage["mixture"][number],
  stage: OrderStage,
  domains: readonly OrderDomain[],
  start: Ledger,
): Source {
  const index = domains.findIndex(({ name }) => name === part.domain);
  const before = domainLedger(start, part.domain);
  if (index < 0 || before === null)
    throw new UserError({
      what: `stage "${stage.name}" mixes in a domain that is not there`,
      expected: domains.map(({ name }) => name).join(", "),
      got: part.domain,
    });
  const domain = domains[index];
  const { name, tokens } = domain;
  const { seed, cursor } = before;
  const windowTokens = stage.sequenceLength;
  const windows =
    part.share.numerator > 0 ? new DomainWindows({ name, tokens, seed, start: cursor, windowTokens }) : null;
  return { domain, index, before, windows };
}
