/** A resolved stage beside the schedules of recipes: which values are a recipe's, and which recipes a stage without one follows. */
import { fill } from "./apply-recipes.js";
import type { ScheduleSpec, StagePlan } from "./plan.js";
import { RECIPE_NAMES, RECIPES, type RecipeName } from "./recipes.js";
import { resolveSchedule } from "./resolve-schedule.js";
import { scheduleSchema } from "./schema-stages.js";
import { isRecord } from "./schema-walk.js";

export interface RecipeKey {
  /** Such as `decay.length`. */
  readonly key: string;
  /** As the recipe writes it. */
  readonly written: string;
  /** What it is in this stage: a word, a rate or a number of steps. */
  readonly value: string | number;
  /** What the stage has, where the plan wrote its own; absent otherwise. */
  readonly instead?: string | number;
}

/**
 * The keys that a recipe gives, as they are in a stage whose schedule has the recipe's kind.
 * @param previous rate that the stage before ends with; null: there is none.
 */
export function recipeKeys(name: RecipeName, stage: StagePlan, previous: number | null): RecipeKey[] {
  const byRecipe = scheduleBy(name, stage, previous);
  return leavesOf(RECIPES[name].schedule).map(([key, written]) => {
    const value = valueAt(byRecipe, key);
    const own = valueAt(stage.schedule, key);
    return { key, written, value, ...(isSame(value, own) ? {} : { instead: own }) };
  });
}

/** The recipes with a schedule of their own that would change nothing of a stage's, in the order of their table. */
export function recipesLike(stage: StagePlan, previous: number | null): RecipeName[] {
  return RECIPE_NAMES.filter((name) => {
    const { scheduleOf, schedule } = RECIPES[name];
    const { kind, peak } = schedule;
    if (scheduleOf !== null) return false;
    if (kind !== stage.schedule.kind || (peak === "previous" && previous === null)) return false;
    return recipeKeys(name, stage, previous).every(({ instead }) => instead === undefined);
  });
}

/** The stage's schedule if it had written none of the recipe's keys. */
function scheduleBy(name: RecipeName, stage: StagePlan, previous: number | null): ScheduleSpec {
  const { steps, tokensPerStep, schedule } = stage;
  const { peak, ...recipe } = RECIPES[name].schedule;
  // In a first stage there is nothing to go on from: its own number stands.
  const start = peak === "previous" && previous === null ? {} : { peak };
  const source = scheduleSchema.parse(fill({ ...recipe, ...start }, writtenForm(schedule)));
  return resolveSchedule(source, { steps, tokensPerStep, previous });
}

/** A resolved schedule as a user could have written it. */
function writtenForm(spec: ScheduleSpec): Record<string, unknown> {
  const { kind, peak, warmup, start } = spec;
  const piece = (given: { form: string; steps: number }) => ({ form: given.form, length: given.steps });
  return {
    ...{ kind, peak, warmup, ...(warmup > 0 && { start }) },
    ...("min" in spec && (spec.kind !== "infinite" || spec.anneal.steps > 0) && { min: spec.min }),
    ...(spec.kind === "wsd" && { decay: piece(spec.decay) }),
    ...(spec.kind === "infinite" && { constant: spec.constant, cooldown: piece(spec.cooldown) }),
    ...(spec.kind === "infinite" && spec.anneal.steps > 0 && { anneal: piece(spec.anneal) }),
  };
}

function leavesOf(section: Readonly<Record<string, unknown>>, prefix = ""): (readonly [string, string])[] {
  return Object.entries(section).flatMap(([key, value]) =>
    isRecord(value) ? leavesOf(value, `${prefix}${key}.`) : [[`${prefix}${key}`, String(value)] as const],
  );
}

/** Lengths are `steps` once they are resolved. */
function valueAt(spec: ScheduleSpec, key: string): string | number {
  let value: unknown = spec;
  for (const step of key.replace(/\.length$/, ".steps").split(".")) value = isRecord(value) ? value[step] : undefined;
  if (typeof value === "string" || typeof value === "number") return value;
  throw new Error(`the schedule has no ${key}`);
}

/** Rates that were computed in another order differ in their last bits. */
function isSame(a: string | number, b: string | number): boolean {
  if (typeof a === "string" || typeof b === "string") return a === b;
  return Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
}
