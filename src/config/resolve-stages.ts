/** Stages with every default filled in and every length in steps. Wants a plan that passed `check-stages.ts`. */
import type { MixtureShare, ScheduleSpec, StagePlan } from "./plan.js";
import { readMixture } from "./resolve-mixture.js";
import { finalRate, resolveSchedule } from "./resolve-schedule.js";
import type { StageSource } from "./schema-stages.js";

/**
 * Epochs of a domain over the whole run when `maxEpochs` does not name it. Up to four, repeated data is nearly as good as new
 * (Muennighoff et al., "Scaling data-constrained language models", arXiv 2305.16264).
 */
const MAX_EPOCHS = 4;

export function stageName(name: string | null, index: number): string {
  return name ?? `stage-${index + 1}`;
}

/** Optimizer steps; tokens are rounded up to whole steps. */
export function stageSteps(stage: Pick<StageSource, "tokens" | "steps" | "tokensPerStep">): number {
  return stage.steps ?? Math.ceil((stage.tokens ?? 0) / stage.tokensPerStep);
}

/** @param domains the names in `data.domains`, whose order the mixtures take. */
export function resolveStages(stages: readonly StageSource[], domains: readonly string[]): StagePlan[] {
  let previous: number | null = null;
  return stages.map((stage, index) => {
    const { tokensPerStep, sequenceLength, packing, recipe, replay } = stage;
    const steps = stageSteps(stage);
    const schedule: ScheduleSpec = resolveSchedule(stage.schedule, { steps, tokensPerStep, previous });
    previous = finalRate(schedule);
    const mixture = resolveMixture(stage.mixture, domains);
    return {
      name: stageName(stage.name, index),
      steps,
      tokens: steps * tokensPerStep,
      sequenceLength,
      tokensPerStep,
      rowsPerStep: tokensPerStep / sequenceLength,
      mixture,
      replay,
      recipe,
      schedule,
      packing,
      maxEpochs: resolveEpochs(stage.maxEpochs, mixture),
    };
  });
}

/** Shares in the order of `domains`, so that the order in which a mixture is written changes nothing; a share of 0 is left out. */
function resolveMixture(mixture: StageSource["mixture"], domains: readonly string[]): MixtureShare[] {
  const { shares } = readMixture(Object.values(mixture));
  if (shares === null) throw new Error("the mixture was not checked");
  const named = Object.keys(mixture).map((domain, i) => ({ domain, share: shares[i] }));
  return domains.flatMap((name) =>
    named.flatMap(({ domain, share }) => (domain === name && share && share.numerator > 0 ? [{ domain, share }] : [])),
  );
}

function resolveEpochs(given: StageSource["maxEpochs"], mixture: readonly MixtureShare[]): Record<string, number> {
  const limits = mixture.map(
    ({ domain }) => [domain, Object.hasOwn(given, domain) ? given[domain] : MAX_EPOCHS] as const,
  );
  return Object.fromEntries(limits.flatMap(([domain, limit]) => (typeof limit === "number" ? [[domain, limit]] : [])));
}
