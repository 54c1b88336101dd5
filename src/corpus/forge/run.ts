/**
 * Runs a forge: phase after phase, each one's tasks at once. What is done already stands. With parts, several processes (of one machine or
 * of many over one file system) run the partitions among themselves and meet after every phase; nothing passes between them but files.
 */
import { setTimeout as wait } from "node:timers/promises";
import { UserError } from "../../base/errors.js";
import { finishedTask, type TaskRecord } from "./task-folder.js";
import type { TaskPool } from "./task-pool.js";
import { type PlacedPhase, taskFolder, tasksOf } from "./tasks.js";

/** Which partitions this process runs: those that leave `index` when divided by `of`. What runs once is for index 0. */
export interface Part {
  readonly index: number;
  readonly of: number;
}

export interface PhaseProgress {
  readonly phase: PlacedPhase;
  /** How far the tasks of this part are, each 0 to 1. */
  readonly shares: readonly number[];
  readonly seconds: number;
  /** Tasks of other parts that this one waits for. */
  readonly waitingFor: number;
}

export interface RunOptions {
  readonly part: Part;
  /** The one phase to run, by name; null: all. */
  readonly phase: string | null;
  /** The last step to run; null: all. */
  readonly until: string | null;
  readonly onProgress: (progress: PhaseProgress) => void;
  readonly onPhase: (outcome: PhaseOutcome) => void;
  /** Between two looks at what other parts have done. */
  readonly pollMs?: number;
}

export interface PhaseOutcome {
  readonly placed: PlacedPhase;
  /** Tasks that this process ran; those of this part that stood already. */
  readonly ran: number;
  readonly stood: number;
  readonly seconds: number;
  /** Of the tasks of this part, in their order. */
  readonly records: readonly TaskRecord[];
}

const POLL_MS = 500;

/** @throws UserError when the named phase or step does not exist, or a phase runs alone before those it needs. */
export async function runForge(
  phases: readonly PlacedPhase[],
  partitions: number,
  pool: TaskPool,
  options: RunOptions,
): Promise<PhaseOutcome[]> {
  const chosen = choose(phases, options);
  if (options.phase !== null) await checkEarlier(phases.slice(0, phases.indexOf(chosen[0])), partitions);
  const outcomes: PhaseOutcome[] = [];
  for (const placed of chosen) {
    const outcome = await runPhase(placed, phases.indexOf(placed), partitions, pool, options);
    options.onPhase(outcome);
    outcomes.push(outcome);
    if (options.part.of > 1 && options.phase === null) await meet(placed, partitions, options);
  }
  return outcomes;
}

function choose(phases: readonly PlacedPhase[], { phase, until }: RunOptions): readonly PlacedPhase[] {
  if (phase !== null) {
    const found = phases.filter(({ name }) => name === phase);
    if (found.length === 0)
      throw unknownName(
        "phase",
        phase,
        phases.map(({ name }) => name),
      );
    return found;
  }
  if (until === null) return phases;
  const last = phases.findLastIndex(({ step }) => step.name === until);
  if (last === -1) throw unknownName("step", until, [...new Set(phases.map(({ step }) => step.name))]);
  return phases.slice(0, last + 1);
}

function unknownName(what: string, name: string, known: readonly string[]): UserError {
  return new UserError({ what: `this forge has no ${what} \`${name}\``, expected: `one of ${known.join(", ")}` });
}

async function runPhase(
  placed: PlacedPhase,
  index: number,
  partitions: number,
  pool: TaskPool,
  { part, onProgress }: RunOptions,
): Promise<PhaseOutcome> {
  const began = performance.now();
  const mine = tasksOf(placed, partitions).filter((partition) => (partition ?? 0) % part.of === part.index);
  const finished = await Promise.all(
    mine.map((partition) => finishedTask(taskFolder(placed.folder, partition), placed.fingerprint)),
  );
  const open = mine.filter((_, task) => finished[task] === null);
  const shares = new Array<number>(open.length).fill(0);
  const seconds = (): number => (performance.now() - began) / 1000;
  const fresh = await pool.runAll(
    open.map((partition) => ({ phase: index, partition })),
    (task, share) => {
      shares[task] = share;
      onProgress({ phase: placed, shares, seconds: seconds(), waitingFor: 0 });
    },
  );
  const records = finished.map((record) => record ?? fresh.shift()).filter((record) => record !== undefined);
  return { placed, ran: open.length, stood: mine.length - open.length, seconds: seconds(), records };
}

/** Waits until the tasks of every part are done. */
async function meet(
  placed: PlacedPhase,
  partitions: number,
  { onProgress, pollMs = POLL_MS }: RunOptions,
): Promise<void> {
  const began = performance.now();
  for (;;) {
    const missing = await unfinished(placed, partitions);
    if (missing.length === 0) return;
    onProgress({ phase: placed, shares: [], seconds: (performance.now() - began) / 1000, waitingFor: missing.length });
    await wait(pollMs);
  }
}

/** Whether all tasks of a phase are done. */
export async function isFinished(placed: PlacedPhase, partitions: number): Promise<boolean> {
  return (await unfinished(placed, partitions)).length === 0;
}

async function checkEarlier(phases: readonly PlacedPhase[], partitions: number): Promise<void> {
  for (const placed of phases) {
    const missing = await unfinished(placed, partitions);
    if (missing.length > 0)
      throw new UserError({
        what: `the phase ${placed.name} is not done, and this one needs it`,
        where: placed.folder,
        got: `${missing.length} of its tasks are missing`,
        hint: "run it first; `--phases` lists all phases in order",
      });
  }
}

async function unfinished(placed: PlacedPhase, partitions: number): Promise<(number | null)[]> {
  const tasks = tasksOf(placed, partitions);
  const records = await Promise.all(
    tasks.map((partition) => finishedTask(taskFolder(placed.folder, partition), placed.fingerprint)),
  );
  return tasks.filter((_, task) => records[task] === null);
}
