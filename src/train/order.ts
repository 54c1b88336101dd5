/** The order of data that a plan asks for, and whether the data can feed it. */
import { type Problem, UserError } from "../base/errors.js";
import { formatCount } from "../base/format.js";
import type { Plan } from "../config/plan.js";
import type { Ledger } from "../data/ledger.js";
import { DataOrder } from "../data/order.js";
import type { DomainSource } from "../data/sources.js";

/** Builds the order; `start` is the ledger that it goes on from, null for the first window of everything. */
export function orderOfPlan(plan: Plan, domains: readonly DomainSource[], start: Ledger | null): DataOrder {
  return new DataOrder({
    seed: plan.seed,
    domains: domains.map(({ name, train }) => ({ name, tokens: train.tokens, fingerprint: train.fingerprint })),
    // Only what makes the order: its fingerprint must not change with the learning rate.
    stages: plan.stages.map(({ name, steps, rowsPerStep, sequenceLength, mixture }) => ({
      name,
      steps,
      rowsPerStep,
      sequenceLength,
      mixture,
    })),
    start,
  });
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
