/** Whether a checkpoint was made under the same plan and for the same model, as far as its numbers depend on them. */
import { UserError } from "../base/errors.js";
import { canonicalJson } from "../base/fingerprint.js";
import type { Plan } from "../config/plan.js";
import type { Architecture } from "../model/architecture.js";

/** @throws UserError naming every number that differs. */
export function checkSameArchitecture(wanted: Architecture, found: unknown, where: string): void {
  const differences = differingPaths(plain(wanted), found);
  if (differences.length === 0) return;
  throw new UserError({
    what: "this checkpoint has another architecture than the plan",
    where,
    expected: differences.map(({ path, wanted: value }) => `${path} ${value}`).join(", "),
    got: differences.map(({ path, found: value }) => `${path} ${value}`).join(", "),
    hint: "make `model` and the tokenizer in the plan as they were",
  });
}

/** What may change between the parts of one interrupted run: where it writes and how it reports, not what it computes. */
const FREE_SECTIONS: ReadonlySet<string> = new Set(["run", "runFolder", "report", "checkpoint", "evaluation", "data"]);

/** Keys of `engine` whose change is told by a warning, since `auto` may change them too. */
const PRECISION_KEYS = ["precision", "optimizerMemory"] as const;
/** Keys of `engine` that change memory and speed, not a bit, and those. */
const FREE_ENGINE_KEYS: ReadonlySet<string> = new Set(["recomputation", "memory", "device", ...PRECISION_KEYS]);

/** What a stage says of itself; the schedule and the mixture are compared. */
const STAGE_NOTES: ReadonlySet<string> = new Set(["recipe", "replay"]);

/** Where the model lies may change; that it is the same one is another question (`begin.ts`). */
const FROM: ReadonlySet<string> = new Set(["from"]);

/** @throws UserError when the plan differs in anything that would change the numbers of a resumed run. */
export function checkSamePlan(plan: Plan, saved: unknown, where: string): void {
  const essential = (value: unknown) => {
    const { engine, model, begin, stages, ...rest } = without(value, FREE_SECTIONS);
    const { mode } = without(begin, new Set());
    return {
      ...rest,
      engine: without(engine, FREE_ENGINE_KEYS),
      model: without(model, FROM),
      stages: Array.isArray(stages) ? stages.map((stage) => without(stage, STAGE_NOTES)) : stages,
      begin: mode === "weights" ? without(begin, FROM) : begin,
    };
  };
  const differences = differingPaths(essential(plain(plan)), essential(saved));
  if (differences.length === 0) return;
  throw new UserError({
    what: "the plan changed since this checkpoint, so resuming could not equal the uninterrupted run",
    where,
    expected: differences.map(({ path, found }) => `${path} ${found}`).join(", "),
    got: differences.map(({ path, wanted }) => `${path} ${wanted}`).join(", "),
    hint: "undo the change, or start a new run with `begin: { mode: continue, from: <this checkpoint> }`, which keeps the ledger exact",
  });
}

/** An object without some keys; anything else has none. */
function without(value: unknown, keys: ReadonlySet<string>): Record<string, unknown> {
  return value !== null && typeof value === "object"
    ? Object.fromEntries(Object.entries(value).filter(([key]) => !keys.has(key)))
    : {};
}

/** A value as it is after a round trip through JSON, so that it compares with what a checkpoint holds. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

interface Difference {
  readonly path: string;
  readonly wanted: string;
  readonly found: string;
}

/** Leaves that differ between two plain values, at most eight of them. */
function differingPaths(wanted: unknown, found: unknown, path = ""): Difference[] {
  if (canonicalJson(wanted ?? null) === canonicalJson(found ?? null)) return [];
  if (wanted === null || found === null || typeof wanted !== "object" || typeof found !== "object")
    return [{ path, wanted: show(wanted), found: show(found) }];
  const before = new Map(Object.entries(found));
  const after = new Map(Object.entries(wanted));
  return [...new Set([...after.keys(), ...before.keys()])]
    .flatMap((key) => differingPaths(after.get(key), before.get(key), path === "" ? key : `${path}.${key}`))
    .slice(0, 8);
}

function show(value: unknown): string {
  return value === undefined ? "absent" : JSON.stringify(value).slice(0, 60);
}
