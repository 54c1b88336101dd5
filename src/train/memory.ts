/**
 * What a plan's run will hold at its peak on the engine that computes it, and what its backward pass computes again to stay within what
 * there is. `plan` shows this, `train` acts on it; both ask when they have loaded the same things.
 */
import { UserError } from "../base/errors.js";
import { formatBytes } from "../base/format.js";
import { type Machine, type PeakPrediction, predictPeak, thisMachine } from "../bench/prediction.js";
import type { Plan } from "../config/plan.js";
import { shortageOf } from "../engine/native/recomputation.js";
import type { EngineName, EngineOptions, Places, Report } from "../engine/select.js";
import type { Architecture } from "../model/architecture.js";
import { type MemoryPart, totalBytes, type Workload } from "../model/costs.js";

/** Steps read ahead of the one that trains. */
export const PREFETCH_STEPS = 4;

/** The engine that a plan asks for. */
export function engineOptionsOf({ engine }: Plan, places?: Places, report?: Report): EngineOptions {
  const { kind, device, precision, optimizerMemory } = engine;
  return {
    ...{ kind, device, precision, optimizerMemory },
    ...(places === undefined ? {} : { places }),
    ...(report === undefined ? {} : { report }),
  };
}

/** What a run of the plan may take, and of what. */
export interface RunsOn {
  readonly machine?: Machine;
  /** Where a card's libraries may be. */
  readonly places?: Places;
}

/**
 * @throws UserError when it does not fit, for an engine that plans its memory: the card's, or that of the machine with the card, where
 * every checkpoint passes through.
 */
export function memoryOfRun(
  plan: Plan,
  architecture: Architecture,
  engine: EngineName,
  { machine = thisMachine(), places }: RunsOn = {},
): PeakPrediction {
  const request = { ...plan.engine, ...(places === undefined ? {} : { places }) };
  const prediction = predictPeak(engine, workloadOf(plan, architecture), request, machine);
  if (prediction.choice?.fits === false) throw shortageOf(prediction.choice, "engine");
  const host = prediction.onCard?.host ?? [];
  if (totalBytes(host) > machine.attainableBytes) throw hostShortage(host, machine);
  return prediction;
}

/** A run would train until its first checkpoint, and then the system would end it. */
function hostShortage(host: readonly MemoryPart[], { processBytes, attainableBytes }: Machine): UserError {
  const largest = host.reduce((one, other) => (other.bytes > one.bytes ? other : one));
  return new UserError({
    what: "the card holds this run, but the machine's own memory does not hold what passes through it",
    where: "engine",
    expected: `${formatBytes(totalBytes(host))} (${largest.name}: ${formatBytes(largest.bytes)})`,
    got: `${formatBytes(attainableBytes)} (what is free, less 5 %, and ${formatBytes(processBytes)} that this process has)`,
    hint: "end other programs, raise the container's limit, or take a machine with more memory",
  });
}

/** In words, where the updates after saves will wait; nothing where all of a checkpoint may wait for the disk. */
export function boundOfCopies({ checkpoint }: PeakPrediction): string[] {
  if (checkpoint === null || checkpoint.aheadBytes >= checkpoint.bytes) return [];
  const [ahead, all] = [checkpoint.aheadBytes, checkpoint.bytes].map(formatBytes);
  return [`${ahead} of a checkpoint's ${all} wait in memory for the disk; the update after a save waits for the rest`];
}

/** Every stage's largest micro-batch, evaluation at the longest of their lengths, and the checkpoints. */
export function workloadOf({ stages, engine }: Plan, architecture: Architecture): Workload {
  return {
    architecture,
    training: stages.map(({ sequenceLength: length, rowsPerStep }) => ({
      rows: Math.min(engine.microBatchRows, rowsPerStep),
      length,
    })),
    evaluation: [
      { rows: engine.microBatchRows, length: Math.max(...stages.map(({ sequenceLength }) => sequenceLength)) },
    ],
    checkpoints: true,
    // One more step computes, and one more is being read.
    tokensAhead: (PREFETCH_STEPS + 2) * Math.max(...stages.map(({ tokensPerStep }) => tokensPerStep)),
  };
}
