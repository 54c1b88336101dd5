/** What a plan's data says before any step: that it is there, that it suffices, and what each stage takes of it. */
import { UserError } from "../base/errors.js";
import { exists } from "../base/files.js";
import type { Plan } from "../config/plan.js";
import type { StageDemand } from "../data/order.js";
import { openSources } from "../data/sources.js";
import { startLedgerOf } from "../train/begin.js";
import { checkDemand, orderOfPlan, unreadOf } from "../train/order.js";

export interface PlannedData {
  readonly vocabulary: number;
  readonly domains: readonly PlannedDomain[];
  /** By stage. */
  readonly demand: readonly StageDemand[];
  /** What stages will not read of the domains in their mixtures, in words. */
  readonly unread: readonly string[];
}

export interface PlannedDomain {
  readonly name: string;
  readonly tokens: number;
  readonly documents: number;
  readonly heldOutTokens: number | null;
}

/** @throws UserError with what is missing, or when the data cannot feed the plan. */
export async function readPlannedData(plan: Plan): Promise<PlannedData> {
  await using sources = await openSources(plan.data);
  const order = await orderOfPlan(plan, sources.domains, await startLedgerOf(plan.begin));
  checkDemand(plan, order, sources.domains);
  return {
    vocabulary: sources.tokenizer.vocabulary,
    domains: sources.domains.map(({ name, train, heldOut }) => ({
      ...{ name, tokens: train.tokens, documents: train.documents },
      heldOutTokens: heldOut?.tokens ?? null,
    })),
    demand: order.demand(),
    unread: unreadOf(order, sources.domains),
  };
}

/** Whether the data may be somewhere else: where even its tokenizer is missing. */
export async function isDataHere(plan: Plan): Promise<boolean> {
  return exists(plan.data.tokenizer.path);
}

/** The vocabulary that the tokenizer will have. @throws UserError when only the tokenizer could tell. */
export function plannedVocabulary({ data: { tokenizer } }: Plan): number {
  if (tokenizer.vocabulary !== null) return tokenizer.vocabulary;
  throw new UserError({
    what: "without the tokenizer nobody knows the size of the vocabulary",
    where: tokenizer.path,
    hint: "bring the tokenizer, or say how many entries it has: `data.tokenizer.vocabulary: 128256`",
  });
}
