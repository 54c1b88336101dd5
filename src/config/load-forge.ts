/** Reads a forge's plan: text, then overrides, then all problems at once, then the resolved plan. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { systemCode } from "../base/errors.js";
import { sha256 } from "../base/fingerprint.js";
import { checkedDraft } from "./checked-draft.js";
import { complete, type Draft } from "./draft.js";
import type { FilterPlan, ForgePlan, ForgeSource, MatchPlan, RetrievePlan } from "./forge-plan.js";
import type { PlanPath } from "./plan-path.js";
import type { PlanProblems } from "./problems.js";
import { readPlanValue } from "./read-plan.js";
import { type ForgePlanSource, type ForgeStepName, forgeSchema } from "./schema-forge.js";
import { SOURCE_KEYS } from "./schema-forge-sources.js";

/**
 * Reads and resolves the plan of a forge, YAML or JSON. Paths in it start from the current folder.
 * @param overrides such as `skip=[dedup]`: the value is YAML, an empty one removes the key.
 * @throws UserError with every problem of the file and the overrides.
 */
export async function loadForgePlan(path: string, overrides: readonly string[] = []): Promise<ForgePlan> {
  const { source, problems } = await readPlanValue(path, overrides, "configs/forge-sample.yaml");
  const draft = checkedDraft(forgeSchema, source, problems);
  if (draft !== undefined) checkSources(draft.sources, problems);
  const tokenizer = fingerprintFile(draft?.tokenizer, ["tokenizer"], problems);
  problems.throwIfAny();
  const whole = complete<ForgePlanSource>(draft);
  if (whole === null) throw new Error("a part of the plan is wrong without a problem");
  return resolveForge(whole, tokenizer);
}

function checkSources(sources: Draft<ForgePlanSource["sources"]>, problems: PlanProblems): void {
  if (sources === undefined) return;
  if (Object.keys(sources).length === 0)
    problems.add(["sources"], { what: "there is no source", expected: "at least one name with a source" });
  for (const [name, source] of Object.entries(sources)) {
    if (source === undefined) continue;
    const at = (key: string): PlanPath => ["sources", name, key];
    const { paths, package: pinned, integrity } = source;
    if (paths === null && pinned === null)
      problems.add(["sources", name], {
        what: "this source says nothing of where its files are",
        expected: "`paths` or `package`",
      });
    if (paths && pinned) problems.add(at("package"), { what: "a source has `paths` or a `package`, not both" });
    if (pinned && integrity === null)
      problems.add(at("package"), {
        what: "a package needs its `integrity`",
        expected: "sha512-… as in a lock file",
        hint: `\`npm view ${pinned.name}@${pinned.version} dist.integrity\` tells it`,
      });
    if (integrity && pinned === null) problems.add(at("integrity"), { what: "`integrity` belongs to a `package`" });
  }
}

/** SHA-256 of a file that decides what a step does; null for no file, or one that cannot be read, which is told. */
function fingerprintFile(path: string | null | undefined, at: PlanPath, problems: PlanProblems): string | null {
  if (path === null || path === undefined) return null;
  try {
    return sha256(readFileSync(path));
  } catch (error) {
    problems.add(at, { what: `cannot read this file (${systemCode(error) ?? "unknown error"})`, got: path });
    return null;
  }
}

function resolveForge(source: ForgePlanSource, tokenizerFingerprint: string | null): ForgePlan {
  const output = resolve(source.output);
  const names = Object.keys(source.sources);
  const asked = (step: ForgeStepName): boolean => !source.skip.includes(step);
  return {
    output,
    work: source.work === null ? `${output}-work` : resolve(source.work),
    cache: resolve(source.cache),
    partitions: source.partitions,
    tokenizer: source.tokenizer === null ? null : resolve(source.tokenizer),
    tokenizerFingerprint,
    rules: asked("rules") ? source.rules : null,
    retrieve: asked("retrieve") ? resolveRetrieve(source.retrieve) : null,
    filter: asked("filter") ? resolveFilter(source.filter) : null,
    decontaminate: asked("decontaminate") ? resolveDecontaminate(source.decontaminate) : null,
    dedup: asked("dedup") ? { ...source.dedup, sources: names } : null,
    sources: Object.entries(source.sources).map(([name, each]) => resolveSource(name, each)),
  };
}

type Match = NonNullable<ForgePlanSource["retrieve"]>["seeds"];

function resolveMatch({ sources, domains, forms }: Match): MatchPlan {
  return { ...(sources && { sources }), ...(domains && { domains }), ...(forms && { forms }) };
}

function resolveRetrieve(source: ForgePlanSource["retrieve"]): RetrievePlan | null {
  return source === null ? null : { ...source, seeds: resolveMatch(source.seeds), pool: resolveMatch(source.pool) };
}

function resolveFilter(source: ForgePlanSource["filter"]): FilterPlan | null {
  if (source === null) return null;
  const { positives, negatives, applyTo } = source;
  return {
    ...source,
    positives: positives && resolveMatch(positives),
    negatives: negatives && resolveMatch(negatives),
    applyTo: resolveMatch(applyTo),
  };
}

function resolveDecontaminate(source: ForgePlanSource["decontaminate"]): ForgePlan["decontaminate"] {
  if (source === null) return null;
  const sets = Object.entries(source.sets).map(([name, { paths, fields }]) => ({ name, paths, fields }));
  return { ...source, sets };
}

function resolveSource(name: string, source: ForgePlanSource["sources"][string]): ForgeSource {
  const { paths, package: pinned, integrity, include, exclude, licence, domain, keep, kind } = source;
  const settings = Object.fromEntries(Object.entries(source).filter(([key]) => !SOURCE_KEYS.has(key)));
  const from = pinned !== null && integrity !== null ? { pinned: { ...pinned, integrity } } : { paths: paths ?? [] };
  return { name, from, include: include ?? [], exclude: exclude ?? [], licence, domain, keep, kind, settings };
}
