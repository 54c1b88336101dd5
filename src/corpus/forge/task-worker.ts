/** A worker thread of the forge: it is told the plan once, then which tasks to run, one after another. */
import { parentPort, workerData } from "node:worker_threads";
import { type Problem, UserError } from "../../base/errors.js";
import type { ForgePlan } from "../../config/forge-plan.js";
import type { Listing } from "./listing.js";
import { runTask } from "./run-task.js";
import { forgePhases } from "./steps.js";
import type { TaskRecord } from "./task-folder.js";

export interface ForgeWork {
  readonly plan: ForgePlan;
  readonly listing: Listing;
}

/** A task by the phase's place in the table. */
export interface TaskQuestion {
  readonly phase: number;
  readonly partition: number | null;
}

export type TaskAnswer =
  | { readonly progress: number }
  | { readonly record: TaskRecord }
  | { readonly problems: readonly Problem[] }
  | { readonly failure: unknown };

const port = parentPort;
if (port === null) throw new Error("this file runs as a worker thread only");

const { plan, listing } = workerData as ForgeWork;
const placing = forgePhases(plan, listing);
// It is awaited with the first question; until then a failure must not count as unhandled.
placing.catch(() => {});
const answer = (message: TaskAnswer): void => port.postMessage(message);

port.on("message", async ({ phase, partition }: TaskQuestion) => {
  try {
    const phases = await placing;
    const progress = (share: number): void => answer({ progress: share });
    answer({ record: await runTask(phases[phase], partition, plan.partitions, throttled(progress)) });
  } catch (error) {
    answer(error instanceof UserError ? { problems: error.problems } : { failure: error });
  }
});

const PROGRESS_MS = 100;

/** Steps tell their progress as often as they like; nobody reads it that often. */
function throttled(progress: (share: number) => void): (share: number) => void {
  let last = 0;
  return (share) => {
    const now = performance.now();
    if (now - last < PROGRESS_MS) return;
    last = now;
    progress(share);
  };
}
