/**
 * How a run begins, decided before its first step: from nothing, from weights, from weights and moments under a new plan, or resumed.
 * Never a silent default: a run folder that already holds checkpoints is continued only when the user says so.
 */

import { UserError } from "../base/errors.js";
import type { OpenCheckpoint } from "../checkpoint/load.js";
import { listCheckpoints, newestWhole, openCheckpoint, openWeights } from "../checkpoint/load.js";
import type { BeginPlan, Plan } from "../config/plan.js";
import { type Ledger, parseLedger } from "../data/ledger.js";
import type { TensorSource } from "../engine/engine.js";
import { type Evaluation, parseEvaluations } from "../eval/held-out.js";
import type { Architecture } from "../model/architecture.js";
import { initialWeights } from "../model/initialise.js";
import { parameterTable } from "../model/parameters.js";
import { type BaseWeights, openBaseWeights } from "./base-weights.js";
import { checkSameArchitecture, checkSamePlan } from "./same-plan.js";

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
  /** Further lines about the weights. */
  readonly notes: readonly string[];
  /** Whose weights the run began with; null: random ones, or those of `continue`. */
  readonly base: BaseModel | null;
  readonly warnings: readonly string[];
}

/** A folder of weights, and what tells whether it is another one. */
export interface BaseModel {
  readonly folder: string;
  /** As `OpenWeights.fingerprint`. */
  readonly fingerprint: string;
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
    case "weights":
      return fromWeights(await openBaseWeights(plan, architecture, plan.begin.from));
    case "continue": {
      if (plan.data.tokenizer.kind === "extended") throw notContinuable();
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

function fromWeights({ folder, fingerprint, tensors, notes }: BaseWeights): Beginning {
  const words = `from the weights of ${folder}, fresh optimizer`;
  return { ...fresh, base: { folder, fingerprint }, tensors, notes, words };
}

function notContinuable(): UserError {
  return new UserError({
    what: "new tokens have no moments to continue with",
    where: "data.tokenizer.add",
    hint: "use `begin: { mode: weights }`, which begins with a fresh optimizer",
  });
}

const fresh = {
  base: null,
  notes: [],
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
  if (resume !== "auto") await checkNewest(plan, checkpoint);
  checkSameArchitecture(architecture, trainer.architecture, checkpoint.folder);
  checkSamePlan(plan, trainer.plan, checkpoint.folder);
  await checkSameBase(plan, trainer.base, checkpoint.folder);
  return {
    base: trainer.base,
    notes: [],
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

/** @throws UserError when the run has newer checkpoints. */
async function checkNewest(plan: Plan, { folder, trainer }: OpenCheckpoint): Promise<void> {
  const newer = (await listCheckpoints(plan.runFolder)).filter(({ step }) => step > trainer.step);
  if (newer.length === 0) return;
  throw new UserError({
    what: `the run has newer checkpoints than the one to resume, up to step ${newer.at(-1)?.step}`,
    where: folder,
    hint: "two futures in one folder could not be told apart: move the newer ones away, or start a new run with `begin: { mode: continue, from: <this checkpoint> }`",
  });
}

/**
 * The weights come from the checkpoint, so that a base that is gone or lies elsewhere does not matter; a plan that names another one does.
 * @throws UserError when it is another.
 */
async function checkSameBase({ begin }: Plan, base: BaseModel | null, where: string): Promise<void> {
  if (base === null || begin.mode !== "weights" || begin.from === base.folder) return;
  const { fingerprint } = await openWeights(begin.from);
  if (fingerprint === base.fingerprint) return;
  throw new UserError({
    what: "the plan begins with another model than this run did",
    where,
    expected: base.folder,
    got: begin.from,
    hint: "undo the change, or give the plan another `run` name",
  });
}

function* allTensors(checkpoint: OpenCheckpoint): Generator<TensorSource> {
  yield* checkpoint.weights();
  yield* checkpoint.moments();
}
