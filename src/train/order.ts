/** The order of data that a plan asks for, and whether the data can feed it. */
import { type Problem, UserError } from "../base/errors.js";
import { formatCount } from "../base/format.js";
import type { Plan } from "../config/plan.js";
import type { Ledger } from "../data/ledger.js";
import { DataOrder } from "../data/order.js";
import type { DomainSource } from "../data/sources.js";
import type { OrderDomain } from "../data/stage-order.js";
import { WholeDocuments } from "../data/whole-documents.js";

/**
 * Builds the order; `start` is the ledger that it goes on from, null for the first window of everything. Of the domains that a stage packs
 * whole, the documents' lengths are read.
 * @throws UserError when the data cannot be read in the way that a stage asks for.
 */
export async function orderOfPlan(
  plan: Plan,
  domains: readonly DomainSource[],
  start: Ledger | null,
): Promise<DataOrder> {
  const whole = new Set(
    plan.stages.flatMap(({ packing, mixture }) => (packing === "whole" ? mixture.map(({ domain }) => domain) : [])),
  );
  const read: OrderDomain[] = [];
  for (const { name, train } of domains) {
    const documents = whole.has(name) ? new WholeDocuments(await train.documentLengths()) : null;
    read.push({ name, tokens: train.tokens, fingerprint: train.fingerprint, documents });
  }
  return new DataOrder({
    seed: plan.seed,
    domains: read,
    // Only what makes the order: its fingerprint must not change with the learning rate.
    stages: plan.stages.map(({ name, steps, rowsPerStep, sequenceLength, packing, mixture }) => ({
      name,
      steps,
      rowsPerStep,
      sequenceLength,
      packing,
      mixture,
    })),
    start,
  });
}

/** What of the data this order will not read though a stage's mixture names it, in words. */
export function unreadOf(order: DataOrder, domains: readonly DomainSource[]): string[] {
  return order.demand().flatMap(({ stage, domains: needs }) =>
    needs.flatMap(({ domain, leftOut, leftEpoch }) => {
      const { documents = 0, tokens = 0 } = domains.find(({ name }) => name === domain)?.train ?? {};
      return [
        ...(leftOut.documents > 0
          ? [
              `stage ${stage} leaves out ${leftOut.documents} of ${documents} documents of ${domain}, which are longer than its rows: ${percent(leftOut.tokens / tokens)} of the domain's tokens; raise sequenceLength to read them`,
            ]
          : []),
        ...(leftEpoch !== null && leftEpoch.unread > 0
          ? [
              `stage ${stage} begins the next epoch of ${domain}, because the one before was read in another packing: ${percent(leftEpoch.unread)} of epoch ${leftEpoch.epoch + 1} stay unread`,
            ]
          : []),
      ];
    }),
  );
}

function percent(part: number): string {
  return `${(100 * part).toFixed(2)} %`;
}

/** @throws UserError listing every stage and domain whose epochs would exceed what the plan allows. */
export function checkDemand(plan: Plan, order: DataOrder, domains: readonly DomainSource[]): void {
  const problems: Problem[] = [];
  for (const [index, { domains: needs }] of order.demand().entries()) {
    const stage = plan.stages[index];
    for (const { domain, tokens, epochs } of needs) {
      const allowed = stage.maxEpochs[domain];
      if (allowed === undefined || tokens === 0 || epochs <= allowed) continue;
      const held = domains.find(({ name }) => name === domain)?.train.tokens ?? 0;
      problems.push({
        what: `stage ${stage.name} would bring domain ${domain} to ${epochs.toFixed(2)} epochs`,
        where: `stages[${index}]`,
        expected: `at most ${allowed} epochs of ${formatCount(held)} tokens`,
        got: `${formatCount(tokens)} tokens in this stage`,
        hint: `shorten the stage, lower the share of ${domain}, add data, or allow it with \`maxEpochs: { ${domain}: ${Math.ceil(epochs)} }\``,
      });
    }
  }
  if (problems.length > 0) throw new UserError(problems);
}
