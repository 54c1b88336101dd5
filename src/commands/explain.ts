/** Why each stage of a plan has the schedule that it has: its recipe with sources, or the recipes that it resembles. */
import type { Plan, StagePlan } from "../config/plan.js";
import { type RecipeKey, recipeKeys, recipesLike } from "../config/recipe-schedule.js";
import { RECIPES, type RecipeName } from "../config/recipes.js";
import { finalRate } from "../config/resolve-schedule.js";
import { replayByShift } from "../mixlaw/replay.js";
import type { StageSummary } from "./plan-summary.js";
import { RECIPE_TEXTS, type RecipeText } from "./recipe-texts.js";

export interface StageExplanation {
  readonly stage: string;
  readonly recipe: RecipeName | null;
  /** Without a recipe: those that would change nothing of its schedule. */
  readonly resembles: readonly RecipeName[];
  /** What the recipe fills in; empty without one. */
  readonly schedule: readonly RecipeKey[];
  readonly text: RecipeText | null;
  readonly replay: ReplayExplanation;
  /** Where the stage departs from what the source advises. */
  readonly warnings: readonly string[];
}

export interface ReplayExplanation {
  /** Domains that hold old data; null: the plan does not say. */
  readonly domains: readonly string[] | null;
  /** Their share of the stage's tokens; null: the plan does not say. */
  readonly share: number | null;
  /** Share that the recipe advises; null: it says nothing of it. */
  readonly advised: number | null;
  /** What the advised share brought where it was measured; null where it was not. */
  readonly evidence: {
    readonly setting: string;
    readonly source: string;
    /** Part of the forgetting without replay that it prevented. */
    readonly prevented: number;
    /** What it cost in the new domain's loss, in nats. */
    readonly cost: number;
  } | null;
}

/** By stage. @param summaries of the same stages: what they take of each domain. */
export function explainPlan({ stages }: Plan, summaries: readonly StageSummary[]): StageExplanation[] {
  let previous: number | null = null;
  let tokensSoFar = 0;
  return stages.map((stage, index) => {
    tokensSoFar += stage.tokens;
    const explanation = explainStage(stage, summaries[index], previous, tokensSoFar);
    previous = finalRate(stage.schedule);
    return explanation;
  });
}

function explainStage(
  stage: StagePlan,
  { domains }: StageSummary,
  previous: number | null,
  tokensSoFar: number,
): StageExplanation {
  const { name, recipe } = stage;
  const replay = explainReplay(stage, domains);
  return {
    stage: name,
    recipe,
    resembles: recipe === null ? recipesLike(stage, previous) : [],
    schedule: recipe === null ? [] : recipeKeys(recipe, stage, previous),
    text: recipe === null ? null : RECIPE_TEXTS[recipe],
    replay,
    warnings: [...warnOfReplay(stage, replay), ...warnOfLength(stage, tokensSoFar)],
  };
}

const SHIFTS: Partial<Record<RecipeName, "weak" | "strong">> = {
  "re-warm-weak": "weak",
  "re-warm-strong": "strong",
};

function explainReplay({ recipe, replay }: StagePlan, domains: StageSummary["domains"]): ReplayExplanation {
  const old = domains.filter(({ name }) => replay?.includes(name));
  const share = replay === null ? null : tokensOf(old) / tokensOf(domains);
  const said = { domains: replay, share, advised: recipe === null ? null : RECIPES[recipe].replay };
  const shift = recipe === null ? undefined : SHIFTS[recipe];
  if (shift === undefined) return { ...said, evidence: null };
  const { table, prevented, cost } = replayByShift(shift);
  return { ...said, evidence: { setting: table.setting, source: table.source, prevented, cost } };
}

function tokensOf(domains: StageSummary["domains"]): number {
  return domains.reduce((sum, { tokens }) => sum + tokens, 0);
}

/** Shares are shown with one decimal of a per cent; what is less is none. */
const VISIBLE = 0.0005;

function warnOfReplay({ name, recipe }: StagePlan, { share, advised }: ReplayExplanation): string[] {
  if (share === null || advised === null || share > advised - VISIBLE) return [];
  return [`stage ${name} replays ${percent(share)} of old data; its recipe \`${recipe}\` advises ${percent(advised)}`];
}

/** Of the run's tokens: MiniCPM found 2.5 % too short and 10 % enough (Hu et al., arXiv 2404.06395). */
const SHORT_DECAY = 0.025;

function warnOfLength({ name, recipe, tokens }: StagePlan, tokensSoFar: number): string[] {
  const share = tokens / tokensSoFar;
  if (recipe !== "wsd-decay" || share >= SHORT_DECAY) return [];
  return [`stage ${name} decays over ${percent(share)} of the run's tokens; 2.5 % was too short where it was measured`];
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
