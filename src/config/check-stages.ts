/** Rules between the keys of each stage, between stages, and between stages and the rest. */
import { checkOneOf } from "./check-data.js";
import { checkSchedule } from "./check-schedule.js";
import type { Draft } from "./draft.js";
import type { PlanPath } from "./plan-path.js";
import { nearMiss, oneOf, type PlanProblems } from "./problems.js";
import { readMixture } from "./resolve-mixture.js";
import { finalRate } from "./resolve-schedule.js";
import { stageName, stageSteps } from "./resolve-stages.js";
import type { PlanSource } from "./schema.js";
import type { StageSource } from "./schema-stages.js";

type StageDraft = NonNullable<Draft<StageSource>>;

/** @param baseLength longest row of the model that is continued; null: there is none. */
export function checkStages(
  plan: NonNullable<Draft<PlanSource>>,
  baseLength: number | null,
  problems: PlanProblems,
): void {
  const domains = plan.data?.domains === undefined ? null : Object.keys(plan.data.domains);
  const names = new Map<string, number>();
  let previous: number | null | undefined = null;
  for (const [index, stage] of (plan.stages ?? []).entries()) {
    const path = ["stages", index];
    if (stage === undefined) {
      previous = undefined;
      continue;
    }
    checkName(stage, index, names, problems);
    const steps = checkLength(stage, path, problems);
    checkRows(
      stage,
      baseLength === null
        ? { name: "`model.maxLength`", maxLength: plan.model?.maxLength ?? null }
        : { name: "those that the model of `model.from` is meant for", maxLength: baseLength },
      path,
      problems,
    );
    checkMixture(stage, domains, path, problems);
    for (const [place, name] of (stage.replay ?? []).entries())
      checkDomain(name, domains, [...path, "replay", place], problems);
    const spec = checkSchedule(
      stage.schedule,
      { steps, tokensPerStep: stage.tokensPerStep, previous },
      [...path, "schedule"],
      problems,
    );
    previous = spec === undefined ? undefined : finalRate(spec);
  }
}

function checkName(stage: StageDraft, index: number, names: Map<string, number>, problems: PlanProblems): void {
  if (stage.name === undefined) return;
  const name = stageName(stage.name, index);
  const first = names.get(name);
  if (first === undefined) names.set(name, index);
  else
    problems.add(["stages", index, "name"], {
      what: "two stages have the same name",
      got: `\`${name}\`, the name of stages[${first}]`,
    });
}

/** Whether the plan has the domain, or may have it. */
function checkDomain(name: string, domains: readonly string[] | null, path: PlanPath, problems: PlanProblems): boolean {
  if (domains === null || domains.includes(name)) return true;
  problems.add(path, {
    what: `there is no domain \`${name}\` in \`data.domains\``,
    ...(domains.length === 0 ? {} : { expected: oneOf(domains) }),
    ...nearMiss(name, domains),
  });
  return false;
}

/** Returns the stage's steps; undefined where they cannot be known. */
function checkLength(stage: StageDraft, path: PlanPath, problems: PlanProblems): number | undefined {
  const { tokens, steps, tokensPerStep } = stage;
  if (tokens === undefined || steps === undefined) return undefined;
  checkOneOf(path, { tokens, steps }, problems);
  if ((tokens === null) === (steps === null) || tokensPerStep === undefined) return undefined;
  const length = stageSteps({ tokens, steps, tokensPerStep });
  if (Number.isSafeInteger(length * tokensPerStep)) return length;
  problems.add([...path, tokens === null ? "steps" : "tokens"], {
    what: "this is more tokens than can be counted exactly",
    expected: "at most 2^53 tokens",
  });
  return undefined;
}

function checkRows(
  stage: StageDraft,
  { name, maxLength }: { readonly name: string; readonly maxLength: number | null },
  path: PlanPath,
  problems: PlanProblems,
): void {
  const { sequenceLength: length, tokensPerStep } = stage;
  if (length === undefined) return;
  if (maxLength !== null && length > maxLength)
    problems.add([...path, "sequenceLength"], {
      what: `rows are longer than ${name}`,
      got: `${length} tokens, maxLength ${maxLength}`,
    });
  if (tokensPerStep === undefined || tokensPerStep % length === 0) return;
  const below = Math.floor(tokensPerStep / length) * length;
  problems.add([...path, "tokensPerStep"], {
    what: "`tokensPerStep` must be a multiple of `sequenceLength`",
    expected: below === 0 ? `${length}` : `${below} or ${below + length}`,
    got: `${tokensPerStep}, rows of ${length}`,
  });
}

function checkMixture(
  stage: StageDraft,
  domains: readonly string[] | null,
  path: PlanPath,
  problems: PlanProblems,
): void {
  const { mixture, maxEpochs } = stage;
  for (const key of ["mixture", "maxEpochs"] as const)
    for (const name of Object.keys(stage[key] ?? {}))
      if (
        checkDomain(name, domains, [...path, key, name], problems) &&
        key === "maxEpochs" &&
        maxEpochs?.[name] !== undefined &&
        mixture !== undefined &&
        !Object.hasOwn(mixture, name)
      )
        problems.add([...path, key, name], { what: `the stage's mixture has no \`${name}\`` });
  if (mixture === undefined) return;
  if (Object.keys(mixture).length === 0) {
    problems.add([...path, "mixture"], {
      what: "the mixture is empty",
      expected: "a part or a share for at least one domain",
    });
    return;
  }
  const parts = Object.values(mixture).filter((part) => part !== undefined);
  if (parts.length < Object.keys(mixture).length) return;
  const { shares, ...problem } = readMixture(parts);
  if (shares === null && "what" in problem) problems.add([...path, "mixture"], problem);
}
