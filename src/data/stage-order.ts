/** The rows of one stage, from the ledger that it starts with: row r comes from the mixture's domain, as that domain's next window. */
import { UserError } from "../base/errors.js";
import type { Rational } from "../base/rational.js";
import type { Packing } from "../config/plan.js";
import type { Piece } from "./epoch.js";
import { type DomainLedger, domainLedger, type Ledger } from "./ledger.js";
import { Mixture } from "./mixture.js";
import type { LeftOut, WholeDocuments } from "./whole-documents.js";
import { DomainWindows } from "./windows.js";

export interface OrderDomain {
  readonly name: string;
  /** Tokens of its training stream. */
  readonly tokens: number;
  /** Of its data: another fingerprint is other data. */
  readonly fingerprint: string;
  /** Its documents; null will do where no stage packs them whole. */
  readonly documents: WholeDocuments | null;
}

export interface OrderStage {
  readonly name: string;
  readonly steps: number;
  readonly rowsPerStep: number;
  /** T. */
  readonly sequenceLength: number;
  readonly packing: Packing;
  /** Shares of rows; they sum to exactly 1. */
  readonly mixture: readonly { readonly domain: string; readonly share: Rational }[];
}

/** One row of a step: T inputs of one domain, or whole documents of at most T together. */
export interface Row {
  /** Index into the order's domains. */
  readonly domain: number;
  readonly epoch: number;
  /** Where a piece does not continue the one before it, the text is another document's. */
  readonly pieces: readonly Piece[];
}

/** What a stage reads of a domain, and how far through it the run is then. */
export interface DomainDemand {
  readonly domain: string;
  readonly rows: number;
  /** Targets in them: all T of every row, but for rows of whole documents. */
  readonly tokens: number;
  readonly epochs: number;
  /** Documents too long for a row of whole ones. */
  readonly leftOut: LeftOut;
  /** The epoch that the stage leaves unfinished because it was read in another way, from 0, and the part of it that stays unread. */
  readonly leftEpoch: { readonly epoch: number; readonly unread: number } | null;
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
    const { name } = this.stage;
    const counts = this.#countsAfter(steps);
    const changed = this.#sources.map(({ domain, before, windows }, source): [string, DomainLedger] => {
      const count = counts[source];
      if (windows === null || count === 0) return [domain.name, before];
      const tokens = before.tokens + windows.tokensAfter(count);
      return [
        domain.name,
        { ...before, tokens, epochs: windows.epochsAfter(count), cursor: windows.cursorAfter(count) },
      ];
    });
    const tokens = this.#sources.map(({ domain, windows }, source) => [
      domain.name,
      windows?.tokensAfter(counts[source]) ?? 0,
    ]);
    return {
      domains: Object.fromEntries([...Object.entries(this.#start.domains), ...changed]),
      stages: [...this.#start.stages, { name, steps, tokens: Object.fromEntries(tokens) }],
    };
  }

  /** What the whole stage takes of each domain of its mixture. */
  demand(): DomainDemand[] {
    const counts = this.#countsAfter(this.stage.steps);
    return this.#sources.map(({ domain, before, windows }, source) => {
      const rows = counts[source];
      const read = windows !== null && rows > 0;
      const { epoch } = before.cursor;
      return {
        domain: domain.name,
        rows,
        tokens: read ? windows.tokensAfter(rows) : 0,
        epochs: read ? windows.epochsAfter(rows) : before.epochs,
        leftOut: windows?.leftOut ?? { documents: 0, tokens: 0 },
        leftEpoch: read && windows.leavesEpoch ? { epoch, unread: epoch + 1 - before.epochs } : null,
      };
    });
  }

  /** Rows of each domain of the mixture in the first `steps` steps. */
  #countsAfter(steps: number): number[] {
    return this.#sources.map((_, source) => this.#mixture.countBefore(source, steps * this.stage.rowsPerStep));
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
  const isWhole = stage.packing === "whole";
  if (isWhole && domain.documents === null) throw new Error(`nobody read the documents' lengths of domain ${name}`);
  const whole = isWhole ? domain.documents : null;
  const windows =
    part.share.numerator > 0 ? new DomainWindows({ name, tokens, seed, start: cursor, windowTokens, whole }) : null;
  return { domain, index, before, windows };
}
