/** The steps of a forge, in order, as its plan asks for them. */
import type { ForgePlan } from "../../config/forge-plan.js";
import { decontaminateStep } from "../contamination/decontaminate.js";
import { dedupStep } from "../dedup/dedup.js";
import { filterStep } from "../quality/filter.js";
import { retrieve } from "../retrieval/retrieve.js";
import { rulesStep } from "../rules/rules.js";
import type { Step } from "../step.js";
import { domainsStep } from "./domains-step.js";
import type { Listing } from "./listing.js";
import { readSourcesStep } from "./read-sources.js";
import { type PlacedPhase, placePhases } from "./tasks.js";

/** The phases of every step, in order. The same plan and listing give the same ones in every process. */
export async function forgePhases(plan: ForgePlan, listing: Listing): Promise<PlacedPhase[]> {
  const steps: Step[] = [
    readSourcesStep(plan, listing),
    ...(plan.rules === null ? [] : [rulesStep(plan.rules)]),
    ...(plan.retrieve === null ? [] : [retrieve(plan.retrieve)]),
    ...(plan.filter === null ? [] : [await filterStep(plan.filter)]),
    ...(plan.dedup === null ? [] : [dedupStep(plan.dedup)]),
    ...(plan.decontaminate === null ? [] : [await decontaminateStep(plan.decontaminate)]),
    domainsStep(plan),
  ];
  return placePhases(steps, plan.work, listing.fingerprint);
}
