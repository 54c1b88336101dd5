/** Reads a sweep file: text, then overrides, then all problems at once; the plan that it names is read too. */
import { join, resolve } from "node:path";
import { UserError } from "../base/errors.js";
import { checkDoReMi, checkPrice } from "./check-experiments.js";
import { checkDistinct, checkDomain, checkFine, checkMixture } from "./check-mixture.js";
import { checkedDraft } from "./checked-draft.js";
import { complete, type Draft } from "./draft.js";
import { type LoadedPlan, type LoadOptions, loadPlan } from "./load.js";
import type { PlanPath } from "./plan-path.js";
import type { PlanProblems } from "./problems.js";
import { readPlanValue } from "./read-plan.js";
import { EXPERIMENT_EXAMPLES, type Experiment, type PriceSource } from "./schema-experiments.js";
import { type MixturesSource, type SweepSource, sweepSchema } from "./schema-sweep.js";
import { isRecord } from "./schema-walk.js";

export interface SweepPlan extends Omit<SweepSource, "folder" | "plan" | "sizes" | "price"> {
  /** Absolute; runs and results are under it. */
  readonly folder: string;
  /** Whose data, optimizer and engine the runs have. */
  readonly base: LoadedPlan;
  /** The `model` section of each size as it is written. */
  readonly sizes: readonly { readonly name: string; readonly model: unknown }[];
  /** As they are written, for the plans of the runs. */
  readonly schedules: { readonly pretrain: unknown; readonly continue: unknown };
  /** With the folder of `from` absolute. */
  readonly price: PriceSource | null;
  /** Path of the file as given, for messages. */
  readonly path: string;
  /** How the plan was read, and its runs' are. */
  readonly options: LoadOptions;
}

export interface LoadSweepOptions extends LoadOptions {
  /** The section without which the file is of no use. */
  readonly experiment?: Experiment;
}

/** @throws UserError with every problem of the file, the overrides and, where it can be read, the plan that it names. */
export async function loadSweep(
  path: string,
  overrides: readonly string[] = [],
  { experiment, ...options }: LoadSweepOptions = {},
): Promise<SweepPlan> {
  const { source, problems } = await readPlanValue(path, overrides, "configs/mix-sample.yaml");
  const draft = checkedDraft(sweepSchema, source, problems);
  const root = resolve(options.root ?? ".");
  const base = await readBasePlan(draft?.plan, root, options, problems);
  if (draft !== undefined) checkSweep(draft, base, problems);
  if (experiment !== undefined && draft?.[experiment] === null)
    problems.add([], {
      what: `there is no section \`${experiment}\``,
      hint: `add \`${EXPERIMENT_EXAMPLES[experiment]}\``,
    });
  problems.throwIfAny();
  const whole = complete<SweepSource>(draft);
  if (whole === null || base === null || !isRecord(source))
    throw new Error("a part of the sweep is wrong without a problem");
  const { folder, plan: _, sizes, price, ...rest } = whole;
  const written = isRecord(source["sizes"]) ? source["sizes"] : {};
  return {
    ...rest,
    path,
    base,
    options,
    price: price && { ...price, from: price.from && resolve(root, price.from) },
    folder: resolve(root, folder ?? join("checkpoints", rest.sweep)),
    sizes: Object.keys(sizes).map((name) => ({ name, model: written[name] })),
    schedules: { pretrain: scheduleIn(source["pretrain"]), continue: scheduleIn(source["continue"]) },
  };
}

function scheduleIn(section: unknown): unknown {
  return isRecord(section) ? section["schedule"] : undefined;
}

/** Null where it cannot be read: its problems are told. */
async function readBasePlan(
  path: string | undefined,
  root: string,
  options: LoadOptions,
  problems: PlanProblems,
): Promise<LoadedPlan | null> {
  if (path === undefined) return null;
  try {
    return await loadPlan(resolve(root, path), [], options);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    for (const { where, what, ...rest } of error.problems)
      problems.add(["plan"], { ...rest, what: where === undefined ? what : `${where}: ${what}` });
    return null;
  }
}

function checkSweep(draft: NonNullable<Draft<SweepSource>>, base: LoadedPlan | null, problems: PlanProblems): void {
  const { domain, sizes, seeds, pretrain, continue: continued } = draft;
  const domains = base?.plan.data.domains.map(({ name }) => name) ?? null;
  if (domain !== undefined) checkDomain(domain, domains, ["domain"], problems);
  if (sizes !== undefined && Object.keys(sizes).length === 0)
    problems.add(["sizes"], { what: "there is no size", expected: "at least one name with a model" });
  checkDistinct(seeds, ["seeds"], problems);
  checkDistinct(continued?.tokens, ["continue", "tokens"], problems);
  checkMixture(pretrain?.mixture, domains, ["pretrain", "mixture"], problems);
  const mixtures = continued?.mixtures;
  if (mixtures !== undefined) checkMixtures(mixtures, domain, domains, problems);
  for (const name of Object.keys(continued?.maxEpochs ?? {}))
    checkDomain(name, domains, ["continue", "maxEpochs", name], problems);
  const known = base?.plan.data.domains ?? null;
  checkPrice(draft.price, known, problems);
  checkDoReMi(draft, known, problems);
}

function checkMixtures(
  mixtures: NonNullable<Draft<MixturesSource>>,
  domain: string | undefined,
  domains: readonly string[] | null,
  problems: PlanProblems,
): void {
  const at = (...steps: PlanPath): PlanPath => ["continue", "mixtures", ...steps];
  if ("shares" in mixtures && mixtures.kind === "grid") {
    const shares = mixtures.shares?.map((each) => each && `${each.numerator}/${each.denominator}`);
    checkDistinct(shares, at("shares"), problems);
    for (const [index, share] of (mixtures.shares ?? []).entries()) checkFine(share, at("shares", index), problems);
    checkMixture(mixtures.rest, domains, at("rest"), problems);
    if (domain !== undefined && Object.hasOwn(mixtures.rest ?? {}, domain))
      problems.add(at("rest", domain), {
        what: `\`${domain}\` has the shares of the grid and is not a part of the rest`,
      });
  }
  if ("mixtures" in mixtures && mixtures.kind === "list")
    for (const [index, mixture] of (mixtures.mixtures ?? []).entries())
      checkMixture(mixture, domains, at("mixtures", index), problems);
  if ("concentration" in mixtures && mixtures.kind === "dirichlet") {
    const names = Object.keys(mixtures.concentration ?? {});
    for (const name of names) checkDomain(name, domains, at("concentration", name), problems);
    if (mixtures.concentration !== undefined && names.length < 2)
      problems.add(at("concentration"), { what: "a mixture of fewer than two domains does not vary" });
  }
}
