/** Stages with the keys of `schedule` that their recipes give, before anything is checked: every rule then sees the filled values. */
import { nearest } from "./nearest.js";
import type { PlanProblems } from "./problems.js";
import { isRecipeName, RECIPE_NAMES, RECIPES, type RecipeName } from "./recipes.js";
import { scheduleSchema } from "./schema-stages.js";
import { isRecord, kindOf, members } from "./schema-walk.js";

const KINDS: ReadonlySet<unknown> = new Set(members(scheduleSchema).map(kindOf));

/** @returns the plan's plain value; what its stages write themselves stays. */
export function applyRecipes(value: unknown, problems: PlanProblems): unknown {
  if (!isRecord(value) || !Array.isArray(value["stages"])) return value;
  const stages: readonly unknown[] = value["stages"];
  return { ...value, stages: stages.map((stage, index) => applyRecipe(stage, index, problems)) };
}

function applyRecipe(stage: unknown, index: number, problems: PlanProblems): unknown {
  if (!isRecord(stage)) return stage;
  const name = meant(stage["recipe"]);
  const written = stage["schedule"] ?? {};
  if (name === null || !isRecord(written)) return stage;
  const { schedule } = RECIPES[name];
  const { kind = schedule.kind } = written;
  if (kind === schedule.kind || !KINDS.has(kind)) return { ...stage, schedule: fill(written, schedule) };
  problems.add(["stages", index, "schedule", "kind"], {
    what: `the recipe \`${name}\` has a schedule of kind \`${schedule.kind}\``,
    got: `\`${String(kind)}\``,
    hint: "remove `kind`, or the recipe",
  });
  // Keys of another kind would only be told again; a peak they all have.
  const { peak } = schedule;
  return peak === undefined ? stage : { ...stage, schedule: { peak, ...written } };
}

/** A mistyped name is told by the schema; what it probably meant keeps the schedule from being told too. */
function meant(recipe: unknown): RecipeName | null {
  if (isRecipeName(recipe)) return recipe;
  const near = typeof recipe === "string" ? nearest(recipe, RECIPE_NAMES) : null;
  return isRecipeName(near) ? near : null;
}

/** The recipe's keys where the stage has none, section by section. */
export function fill(
  written: Readonly<Record<string, unknown>>,
  recipe: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const filled: Record<string, unknown> = { ...written };
  for (const [key, value] of Object.entries(recipe)) {
    const own = Object.hasOwn(written, key) ? written[key] : undefined;
    if (own === undefined) filled[key] = value;
    else if (isRecord(own) && isRecord(value)) filled[key] = fill(own, value);
  }
  return filled;
}
