/**
 * Named recipes of the literature on continual pre-training, one a stage: what each says of the schedule and of old data. What they are
 * for and what was measured, for people: `commands/recipe-texts.ts`.
 */

export const RECIPE_NAMES = [
  "re-warm-weak",
  "re-warm-strong",
  "from-minimum",
  "infinite",
  "wsd-stable",
  "wsd-decay",
  "anneal",
  "hephaestus-1",
  "hephaestus-2",
  "hephaestus-3",
] as const;

export type RecipeName = (typeof RECIPE_NAMES)[number];

/** Keys of `schedule` as a user would write them; what a recipe cannot know is not among them. */
export type RecipeSchedule = { readonly kind: string } & Readonly<Record<string, unknown>>;

export interface Recipe {
  readonly schedule: RecipeSchedule;
  /** Whose schedule it is, where its own source names none; null: its own. */
  readonly scheduleOf: RecipeName | null;
  /** Least share of the stage's tokens that its source advises to be old data; null: the source says nothing of it. */
  readonly replay: number | null;
}

/** Ibrahim et al., arXiv 2403.08763; Gupta et al., arXiv 2308.04014: a warm-up of 1 %, cosine to a tenth of the peak. */
const RE_WARM: RecipeSchedule = { kind: "cosine", warmup: "1%", min: "10% of peak" };
/** Hu et al., arXiv 2404.06395. The warm-up is the schedule's own default: none in a stage that goes on. */
const STABLE: RecipeSchedule = { kind: "constant" };
/** Hu et al., arXiv 2404.06395; the form: Hägele et al., arXiv 2405.18392. */
const DECAY: RecipeSchedule = {
  kind: "wsd",
  peak: "previous",
  warmup: 0,
  decay: { form: "1-sqrt", length: "100%" },
};

export const RECIPES: Readonly<Record<RecipeName, Recipe>> = {
  "re-warm-weak": own(RE_WARM, 0.05),
  "re-warm-strong": own(RE_WARM, 0.25),
  // Parmar et al., arXiv 2407.07263: the peak is the rate that the base ended with.
  "from-minimum": own({ kind: "cosine", warmup: 0, min: "1% of peak" }),
  // Ibrahim et al., arXiv 2403.08763; Singh et al., arXiv 2503.02844. Which constant, and after how long, depends on what comes.
  infinite: own({ kind: "infinite", cooldown: { form: "cosine" } }),
  "wsd-stable": own(STABLE),
  "wsd-decay": own(DECAY),
  // Llama 3, arXiv 2407.21783; OLMo 2, arXiv 2501.00656.
  anneal: own({ kind: "linear", peak: "previous", warmup: 0, min: 0 }),
  // Zhuang et al., arXiv 2502.06589: 36 % agent data. Its learning rates are not known.
  "hephaestus-1": { schedule: STABLE, scheduleOf: "wsd-stable", replay: 0.64 },
  "hephaestus-2": { schedule: DECAY, scheduleOf: "wsd-decay", replay: null },
  "hephaestus-3": { schedule: RE_WARM, scheduleOf: "re-warm-weak", replay: null },
};

function own(schedule: RecipeSchedule, replay: number | null = null): Recipe {
  return { schedule, scheduleOf: null, replay };
}

export function isRecipeName(value: unknown): value is RecipeName {
  return RECIPE_NAMES.some((name) => name === value);
}
