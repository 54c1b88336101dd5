/**
 * The order of data of a whole run as a function: `batchAt(step)` for any step at any time, with no state to save. Resuming is asking for
 * the next step; a new plan starts from the ledger of the step where the old one stopped.
 */
import { UserError } from "../base/errors.js";
import { fingerprintOf } from "../base/fingerprint.js";
import { domainLedger, type Ledger } from "./ledger.js";
import { type DomainDemand, type OrderDomain, type OrderStage, type Row, StageOrder } from "./stage-order.js";
import { BEGINNING } from "./windows.js";

/** Part of the fingerprint; goes up when the same options give another order. */
const ORDER_VERSION = 1;

export interface DataOrderOptions {
  readonly seed: number;
  readonly domains: readonly OrderDomain[];
  readonly stages: readonly OrderStage[];
  /** The ledger to go on from; null or absent: nothing was read before. */
  readonly start?: Ledger | null;
}

export interface StageDemand {
  readonly stage: string;
  /** In the order of its mixture. */
  readonly domains: readonly DomainDemand[];
}

export class DataOrder {
  /** Steps of all stages. */
  readonly steps: number;
  /** Equal fingerprints give equal rows at every step. */
  readonly fingerprint: string;
  readonly #stages: readonly { readonly firstStep: number; readonly order: StageOrder }[];

  /**
   * @throws UserError when a stage mixes in a domain that is not there or is shorter than a window, when the shares have no common
   * denominator that is small enough, or when `start` is not of this data.
   * @throws RangeError when a size is not a positive integer or shares do not sum to 1: the plan's reader lets none through.
   */
  constructor(options: DataOrderOptions) {
    const { seed, domains, stages, start = null } = options;
    checkSizes(options);
    this.fingerprint = fingerprintOf(describe(options));
    let ledger = openLedger(start ?? { domains: {}, stages: [] }, domains, seed);
    let steps = 0;
    this.#stages = stages.map((stage) => {
      const firstStep = steps;
      const order = new StageOrder(stage, domains, ledger);
      ledger = order.ledgerAfter(stage.steps);
      steps += stage.steps;
      return { firstStep, order };
    });
    this.steps = steps;
  }

  /** The stage of a step: its place among the stages, its first step, itself. @throws RangeError when there is no such step. */
  stageAt(step: number): { readonly index: number; readonly firstStep: number; readonly stage: OrderStage } {
    const { index, firstStep, order } = this.#find(step, this.steps - 1);
    return { index, firstStep, stage: order.stage };
  }

  /** The rows of a step, in order. @throws RangeError when there is no such step. */
  batchAt(step: number): readonly Row[] {
    const { firstStep, order } = this.#find(step, this.steps - 1);
    return order.rowsAt(step - firstStep);
  }

  /** The ledger before `step` is run; `steps` gives the one at the end. @throws RangeError when there is no such step. */
  ledgerAt(step: number): Ledger {
    const { firstStep, order } = this.#find(step, this.steps);
    return order.ledgerAfter(step - firstStep);
  }

  /** What each stage asks of each domain of its mixture, to be checked against limits before the first step. */
  demand(): readonly StageDemand[] {
    return this.#stages.map(({ order }) => ({ stage: order.stage.name, domains: order.demand() }));
  }

  #find(step: number, last: number): { index: number; firstStep: number; order: StageOrder } {
    const index = this.#stages.findLastIndex(({ firstStep }) => firstStep <= step);
    if (!Number.isSafeInteger(step) || step < 0 || step > last || index < 0)
      throw new RangeError(`no step ${step} in an order of ${this.steps} steps`);
    const { firstStep, order } = this.#stages[index];
    return { index, firstStep, order };
  }
}

/** What the order depends on, and nothing else that the given values may carry. */
function describe({ seed, domains, stages, start = null }: DataOrderOptions): unknown {
  return {
    version: ORDER_VERSION,
    seed,
    domains: domains.map(({ name, tokens, fingerprint }) => ({ name, tokens, fingerprint })),
    stages: stages.map(({ name, steps, rowsPerStep, sequenceLength, packing, mixture }) => ({
      name,
      steps,
      rowsPerStep,
      sequenceLength,
      // How far tokens see within a row is not a matter of their order.
      documents: packing === "whole" ? "whole" : "cut",
      mixture: mixture.map(({ domain, share }) => [domain, share.numerator, share.denominator]),
    })),
    start,
  };
}

function checkSizes({ domains, stages }: DataOrderOptions): void {
  const sizes = stages.flatMap(({ steps, rowsPerStep, sequenceLength }) => [
    steps,
    rowsPerStep,
    sequenceLength,
    steps * rowsPerStep * sequenceLength,
  ]);
  if (stages.length === 0 || !sizes.every((size) => Number.isSafeInteger(size) && size > 0))
    throw new RangeError("an order has stages of positive, whole steps, rows and lengths");
  if (new Set(domains.map(({ name }) => name)).size < domains.length)
    throw new RangeError("an order has every domain once");
}

/** `start` with an entry for every domain of this order; those that this order does not know are kept as they are. */
function openLedger(start: Ledger, domains: readonly OrderDomain[], seed: number): Ledger {
  const entries = domains.map((domain) => {
    const known = domainLedger(start, domain.name);
    if (known !== null && known.fingerprint !== domain.fingerprint) throw changedData(domain, known.fingerprint);
    const unread = { fingerprint: domain.fingerprint, seed, tokens: 0, epochs: 0, cursor: BEGINNING };
    return [domain.name, known ?? unread] as const;
  });
  return { ...start, domains: Object.fromEntries([...Object.entries(start.domains), ...entries]) };
}

function changedData(domain: OrderDomain, before: string): UserError {
  return new UserError({
    what: `the data of domain "${domain.name}" is not what the checkpoint was trained on`,
    expected: before,
    got: domain.fingerprint,
    hint: "give changed data a new domain name, or begin with `weights`, which starts a fresh ledger",
  });
}
