/**
 * How a run begins, decided before its first step: from nothing, from weights, from weights and moments under a new plan, or resumed.
 * Never a silent default: a run folder that already holds checkpoints is continued only when the user says so.
 */

import { UserError } from "../base/errors.js";
import { canonicalJson } from "../base/fingerprint.js";
import type { OpenCheckpoint } from "../checkpoint/load.js";
import { listCheckpoints, newestWhole, openCheckpoint, openWeights } from "../checkpoint/load.js";
import type { BeginPlan, Plan } from "../config/plan.js";
import { type Ledger, parseLedger } from "../data/ledger.js";
import type { TensorSource } from "../engine/engine.js";
import { type Evaluation, parseEvaluations } from "../eval/held-out.js";
import type { Architecture } from "../model/architecture.js";
import { initialWeights } from "../model/initialise.js";
import { parameterTable } from "../model/parameters.js";

export interface Beginning {
  /** First step to run. */
  readonly step: number;
  /** AdamW updates applied so far; smaller than `step` when steps were skipped. */
  readonly updates: number;
  /** Weights, then moments where they are carried over. */
  readonly tensors: Iterable<TensorSource>;
  /** The ledger that this plan's order of data starts from; null: every domain from its first window. */
  readonly startLedger: Ledger | null;
  readonly evaluations: readonly Evaluation[];
  /** Folder of the checkpoint that is resumed. */
  readonly checkpoint: string | null;
  /** Fingerprint that the order of data must have; null when any will do. */
  readonly order: string | null;
  /** What made the checkpoint that is resumed, as far as it says. */
  readonly maker: Partial<Maker>;
  /** In words, for the log and the terminal. */
  readonly words: string;
  readonly warnings: readonly string[];
}

/** What the bits of a run depend on besides its plan. */
export interface Maker {
  /** Its name. */
  readonly engine: string;
  /** What its numbers are kept in, by its name in `native/precision.ts`. */
  readonly precision: string;
}

/** Warnings about what differs from before. */
export function differencesOf(before: Partial<Maker>, now: Maker): string[] {
  const differs = (key: keyof Maker): boolean => before[key] !== undefined && before[key] !== now[key];
  return [
    ...(differs("engine")
      ? [`the checkpoint was made by ${before.engine}: the run goes on, but not to the same bits`]
      : []),
    ...(differs("precision")
      ? [
          `the checkpoint was made in ${before.precision} and the run is in ${now.precision} now: it goes on, but not to the same bits`,
        ]
      : []),
  ];
}

/** @param resume null: start the plan; `auto`: the newest whole checkpoint of the run; else a checkpoint's folder. */
export async function beginRun(plan: Plan, architecture: Architecture, resume: string | null): Promise<Beginning> {
  if (resume !== null) return resumeRun(plan, architecture, resume);
  const existing = await listCheckpoints(plan.runFolder);
  const newest = existing.at(-1);
  if (newest !== undefined)
    throw new UserError({
      what: `the run \`${plan.run}\` already has a checkpoint at step ${newest.step}`,
      where: plan.runFolder,
      hint: "add `--resume auto` to go on with it, or give the plan another `run` name (`--set run=...`)",
    });
  switch (plan.begin.mode) {
    case "scratch":
      return {
        ...fresh,
        tensors: initialWeights(parameterTable(architecture, plan.model.initialDeviation), plan.seed),
        words: `from random weights, seed ${plan.seed}`,
      };
    case "weights": {
      const weights = await openWeights(plan.begin.from);
      checkSameArchitecture(architecture, weights.architecture, plan.begin.from);
      return { ...fresh, tensors: weights.weights(), words: `from the weights of ${plan.begin.from}, fresh optimizer` };
    }
    case "continue": {
      const checkpoint = await openCheckpoint(plan.begin.from);
      checkSameArchitecture(architecture, checkpoint.trainer.architecture, checkpoint.folder);
      return {
        ...fresh,
        updates: checkpoint.trainer.updates,
        tensors: allTensors(checkpoint),
        startLedger: parseLedger(checkpoint.trainer.ledger),
        words: `from weights, moments and ledger of ${checkpoint.folder}, under a new plan`,
      };
    }
  }
}

const fresh = {
  step: 0,
  updates: 0,
  startLedger: null,
  evaluations: [],
  checkpoint: null,
  order: null,
  maker: {},
  warnings: [],
};

/** The ledger that a plan's order of data starts from, read without touching the run folder; null: the first window of everything. */
export async function startLedgerOf(begin: BeginPlan): Promise<Ledger | null> {
  if (begin.mode !== "continue") return null;
  const checkpoint = await openCheckpoint(begin.from);
  return parseLedger(checkpoint.trainer.ledger);
}

async function resumeRun(plan: Plan, architecture: Architecture, resume: string): Promise<Beginning> {
  const { checkpoint, damaged } =
    resume === "auto" ? await newestWhole(plan.runFolder) : { checkpoint: await openCheckpoint(resume), damaged: [] };
  const warnings = damaged.map(({ folder, why }) => `skipped a damaged checkpoint: ${folder}: ${why}`);
  if (checkpoint === null) {
    if (damaged.length > 0)
      throw new UserError({
        what: "no checkpoint of this run is whole",
        where: plan.runFolder,
        got: warnings.join("\n  "),
        hint: "move the run folder away to start again",
      });
    return {
      ...(await beginRun(plan, architecture, null)),
      warnings: ["there was nothing to resume; starting at step 0"],
    };
  }
  const { trainer } = checkpoint;
  const newer = (await listCheckpoints(plan.runFolder)).filter(({ step }) => step > trainer.step);
  if (resume !== "auto" && newer.length > 0)
    throw new UserError({
      what: `the run has newer checkpoints than the one to resume, up to step ${newer.at(-1)?.step}`,
      where: checkpoint.folder,
      hint: "two futures in one folder could not be told apart: move the newer ones away, or start a new run with `begin: { mode: continue, from: <this checkpoint> }`",
    });
  checkSameArchitecture(architecture, trainer.architecture, checkpoint.folder);
  checkSamePlan(plan, trainer.plan, checkpoint.folder);
  return {
    step: trainer.step,
    updates: trainer.updates,
    tensors: allTensors(checkpoint),
    startLedger: trainer.startLedger === null ? null : parseLedger(trainer.startLedger),
    evaluations: parseEvaluations(trainer.evaluations),
    checkpoint: checkpoint.folder,
    order: trainer.fingerprints.order,
    maker: trainer.versions,
    words: `resumed after step ${trainer.step} from ${checkpoint.folder}`,
    warnings,
  };
}

function* allTensors(checkpoint: OpenCheckpoint): Generator<TensorSource> {
  yield* checkpoint.weights();
  yield* checkpoint.moments();
}

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

/** @throws UserError when the plan differs in anything that would change the numbers of a resumed run. */
function checkSamePlan(plan: Plan, saved: unknown, where: string): void {
  const essential = (value: unknown) => {
    const { engine, ...rest } = without(value, FREE_SECTIONS);
    return { ...rest, engine: without(engine, FREE_ENGINE_KEYS) };
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
