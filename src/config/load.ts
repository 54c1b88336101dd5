/** Reads a plan file: text, then overrides, then all problems at once, then the resolved plan. */
import { resolve } from "node:path";
import { UserError } from "../base/errors.js";
import { applyRecipes } from "./apply-recipes.js";
import { checkBegin } from "./check-begin.js";
import { checkData } from "./check-data.js";
import { checkEngine } from "./check-engine.js";
import { checkModel } from "./check-model.js";
import { checkStages } from "./check-stages.js";
import { checkedDraft } from "./checked-draft.js";
import { complete } from "./draft.js";
import type { ModelBase, Plan } from "./plan.js";
import { PlanProblems } from "./problems.js";
import { readPlanValue } from "./read-plan.js";
import { resolvePlan } from "./resolve.js";
import { type PlanSource, planSchema } from "./schema.js";
import { isRecord } from "./schema-walk.js";

export interface LoadOptions {
  /** Folder that relative paths in the plan start from; the current folder unless given. */
  readonly root?: string;
  /** Reads what `model.from` names, by its absolute folder. @throws UserError */
  readonly readBase?: (folder: string) => ModelBase;
}

export interface LoadedPlan {
  readonly plan: Plan;
  /** What the user wrote, after overrides, as a plain value: for the record, and to be changed and given to `planOf`. */
  readonly source: unknown;
  /** Absolute path of the file. */
  readonly path: string;
}

/**
 * Reads and resolves a plan file, YAML or JSON.
 * @param overrides such as `stages[0].tokens=1M`: the value is YAML, an empty one removes the key.
 * @throws UserError with every problem of the file and the overrides.
 */
export async function loadPlan(
  path: string,
  overrides: readonly string[] = [],
  options: LoadOptions = {},
): Promise<LoadedPlan> {
  const { source, problems } = await readPlanValue(path, overrides, "configs/quickstart.yaml");
  return { plan: checkAndResolve(source, problems, options), source, path: resolve(path) };
}

/**
 * The resolved plan of a plain value, as in `LoadedPlan.source`: for those who change a plan in memory.
 * @param name what messages call the value.
 * @throws UserError with every problem.
 */
export function planOf(value: unknown, name: string, options: LoadOptions = {}): Plan {
  return checkAndResolve(value, new PlanProblems({ name, lines: new Map(), overrides: new Map() }), options);
}

function checkAndResolve(value: unknown, problems: PlanProblems, options: LoadOptions): Plan {
  const root = resolve(options.root ?? ".");
  const draft = checkedDraft(planSchema, applyRecipes(value, problems), problems);
  let base: ModelBase | null = null;
  if (draft !== undefined) {
    const from = draft.model === undefined ? undefined : draft.model.from;
    base = typeof from === "string" ? readBase(resolve(root, from), options, problems) : null;
    checkBegin(draft.begin, from, problems);
    checkData(draft.data, from, problems);
    checkModel(draft.model, keysOf(value, "model"), problems);
    checkEngine(draft.engine, problems);
    checkStages(draft, base?.shape.maxLength ?? null, problems);
  }
  problems.throwIfAny();
  const source = complete<PlanSource>(draft);
  if (source === null) throw new Error("a part of the plan is wrong without a problem");
  return resolvePlan(source, root, base);
}

/** Null where it cannot be read: its problems are told. */
function readBase(folder: string, { readBase: read }: LoadOptions, problems: PlanProblems): ModelBase | null {
  if (read === undefined) throw new Error("this plan names a model, and nobody says how to read one");
  try {
    return read(folder);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    for (const { where, what, ...rest } of error.problems)
      problems.add(["model", "from"], { ...rest, what: where === undefined ? what : `${where}: ${what}` });
    return null;
  }
}

function keysOf(value: unknown, section: string): readonly string[] {
  const part = isRecord(value) ? value[section] : null;
  return isRecord(part) ? Object.keys(part) : [];
}
