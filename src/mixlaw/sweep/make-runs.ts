/**
 * Makes runs, each a process of `hephaestus train`, one at a time or one a device. Killed at any moment the same call goes on where it was:
 * finished runs stand, and a run that was cut off resumes itself.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UserError } from "../../base/errors.js";
import { writeFileAtomic } from "../../base/files.js";
import { lockFolder } from "../../base/folder-lock.js";
import { formatSeconds } from "../../base/format.js";
import { ProgressLine, type ProgressStream } from "../../base/report.js";
import { lastWords, runProcess } from "../../bench/process.js";
import { listCheckpoints } from "../../checkpoint/load.js";
import type { SweepPlan } from "../../config/load-sweep.js";
import { openSources } from "../../data/sources.js";
import { startLedgerOf } from "../../train/begin.js";
import { checkDemand, orderOfPlan } from "../../train/order.js";
import type { FinishedRun } from "./observations.js";
import { outcomeOf, plannedFlops } from "./outcome.js";
import type { SweepRun } from "./plan-maker.js";

export interface SweepOptions {
  /** Program and arguments that come before `train`. */
  readonly command: readonly string[];
  /** Cards, one process each; null: one process after another, on the device that the plan names. */
  readonly devices: readonly number[] | null;
  readonly stop: AbortSignal;
  readonly progress: ProgressStream;
}

export interface FailedRun {
  readonly run: SweepRun;
  readonly why: string;
}

export interface SweepResult {
  readonly finished: readonly FinishedRun[];
  readonly failed: readonly FailedRun[];
  /** Not made, because the sweep was stopped. */
  readonly left: readonly SweepRun[];
}

/** A failure may be the machine's; the second one is the run's. */
const ATTEMPTS = 2;
const WAIT_MS = 1000;

/**
 * @param runs all that will be made, for the checks of the data and the time left; a mixture that is known later may stand for another.
 * @param work makes them.
 * @throws UserError before the first run, where the data cannot feed one, or another process works in the sweep's folder.
 */
export async function withMaker(
  sweep: SweepPlan,
  runs: readonly SweepRun[],
  options: SweepOptions,
  work: (maker: RunMaker) => Promise<void>,
): Promise<SweepResult> {
  await using _lock = await lockFolder(sweep.folder, "sweep");
  const vocabulary = await checkData(runs);
  using line = new ProgressLine(options.progress);
  const maker = new RunMaker(sweep, runs, options, line, vocabulary);
  await work(maker);
  return maker.result();
}

/** Runs that others begin from first, then the others. @throws UserError as `withMaker` does. */
export function makeRuns(sweep: SweepPlan, runs: readonly SweepRun[], options: SweepOptions): Promise<SweepResult> {
  return withMaker(sweep, runs, options, async (maker) => {
    await maker.makeAll(runs.filter(({ base }) => base === null));
    await maker.makeAll(runs.filter(({ base }) => base !== null));
  });
}

/** Returns the vocabulary's size. Runs that go on with the ledger of a run to be made are checked when they begin. */
async function checkData(runs: readonly SweepRun[]): Promise<number> {
  await using sources = await openSources(runs[0].plan.data);
  for (const { name, base, plan } of runs) {
    if (base !== null && plan.begin.mode === "continue") continue;
    try {
      const start = await startLedgerOf(plan.begin);
      checkDemand(plan, await orderOfPlan(plan, sources.domains, start), sources.domains);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(
        error.problems.map((problem) => ({ ...problem, where: `run ${name} ${problem.where ?? ""}` })),
      );
    }
  }
  return sources.tokenizer.vocabulary;
}

/** The runs of one call, made or not. */
export class RunMaker {
  readonly #finished = new Map<string, FinishedRun>();
  readonly #failed = new Map<string, FailedRun>();
  readonly #cost: Map<string, number>;
  #costLeft: number;
  #costMade = 0;
  readonly #began = performance.now();

  constructor(
    private readonly sweep: SweepPlan,
    private readonly runs: readonly SweepRun[],
    private readonly options: SweepOptions,
    private readonly line: ProgressLine,
    vocabulary: number,
  ) {
    this.#cost = new Map(runs.map((run) => [run.name, plannedFlops(run, vocabulary)]));
    this.#costLeft = [...this.#cost.values()].reduce((sum, cost) => sum + cost, 0);
  }

  /** Every device takes the next run that is not made yet. */
  async makeAll(runs: readonly SweepRun[]): Promise<void> {
    const queue = runs.values();
    const work = async (device: number | null): Promise<void> => {
      for (const run of queue) {
        if (this.options.stop.aborted) return;
        await this.#make(run, device);
      }
    };
    await Promise.all((this.options.devices ?? [null]).map(work));
  }

  /** Null where it is not finished. */
  finished(name: string): FinishedRun | null {
    return this.#finished.get(name) ?? null;
  }

  result(): SweepResult {
    const made = (name: string): boolean => this.#finished.has(name) || this.#failed.has(name);
    return {
      finished: this.runs.flatMap(({ name }) => this.#finished.get(name) ?? []),
      failed: this.runs.flatMap(({ name }) => this.#failed.get(name) ?? []),
      left: this.runs.filter(({ name }) => !made(name)),
    };
  }

  async #make(run: SweepRun, device: number | null): Promise<void> {
    const cost = this.#cost.get(run.name) ?? 0;
    if (run.base !== null && this.#failed.has(run.base)) {
      this.#fail(run, `its base ${run.base} failed`);
      return;
    }
    if (!(await this.#collect(run))) {
      for (let attempt = 1; ; attempt++) {
        const why = await this.#train(run, device);
        if (why === null || this.options.stop.aborted) break;
        if (attempt === ATTEMPTS) return this.#fail(run, why);
        this.line.line(`run ${run.name} failed and is tried once more: ${why}`);
      }
      this.#costMade += cost;
      if (this.#finished.has(run.name)) this.line.line(`${this.#standing()} · ${run.name}${this.#endOf(run)}`);
    }
    this.#costLeft -= cost;
  }

  #fail(run: SweepRun, why: string): void {
    this.#failed.set(run.name, { run, why });
    this.#costLeft -= this.#cost.get(run.name) ?? 0;
    this.line.line(`run ${run.name} failed: ${why}`);
  }

  /** Whether the run is finished. */
  async #collect(run: SweepRun): Promise<boolean> {
    const outcome = await outcomeOf(run);
    if (outcome === null) return false;
    this.#finished.set(run.name, { run, outcome });
    if (!this.sweep.keepCheckpoints) await this.#removeSpent(run);
    return true;
  }

  /** Checkpoints that nothing will begin from, now that a run is finished: its own, or those of the run before it. */
  async #removeSpent(run: SweepRun): Promise<void> {
    const before = run.base === null ? undefined : this.#finished.get(run.base)?.run;
    const spent = [...(run.successors === "none" ? [run] : []), ...(before?.successors === "next" ? [before] : [])];
    for (const { plan } of spent)
      for (const { folder } of await listCheckpoints(plan.runFolder)) await rm(folder, { recursive: true });
  }

  /** Null when the run is finished or stopped; else why not. */
  async #train(run: SweepRun, device: number | null): Promise<string | null> {
    const config = join(this.sweep.folder, "plans", `${run.name}.yaml`);
    await writeFileAtomic(config, `${JSON.stringify(run.source, null, 2)}\n`);
    // Of a sweep that was killed a process may be left that still makes this run.
    const free = await lockFolder(run.plan.runFolder, "run", async () => {
      this.line.update(`waiting for the process that makes ${run.name}`);
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
      if (this.options.stop.aborted) throw new UserError({ what: "stopped while waiting", where: run.name });
    }).catch((error: unknown) => messageOf(error));
    if (typeof free === "string") return free;
    await free[Symbol.asyncDispose]();
    if (await this.#collect(run)) return null;
    const resume = (await listCheckpoints(run.plan.runFolder)).length > 0 ? ["--resume", "auto"] : [];
    const card = device === null ? [] : ["--set", `engine.device=${device}`];
    const ended = await runProcess(
      [...this.options.command, "train", "--config", config, ...resume, ...card],
      (seconds) => this.line.update(`${this.#standing()} · ${run.name} for ${formatSeconds(seconds)}`),
      this.options.stop,
    ).catch((error: unknown) => `the process cannot be started: ${messageOf(error)}`);
    if (typeof ended === "string") return ended;
    return (await this.#collect(run)) ? null : lastWords(ended);
  }

  #standing(): string {
    const done = this.#finished.size + this.#failed.size;
    const seconds = (performance.now() - this.#began) / 1000;
    const left = this.#costMade === 0 ? "" : ` · ${formatSeconds((seconds * this.#costLeft) / this.#costMade)} left`;
    return `${done} of ${this.runs.length} runs${left}`;
  }

  #endOf({ name }: SweepRun): string {
    const last = this.#finished.get(name)?.outcome.evaluations.at(-1);
    const losses = Object.entries(last?.domains ?? {}).map(([domain, { loss }]) => `${domain} ${loss.toFixed(4)}`);
    return losses.length === 0 ? "" : `: ${losses.join(", ")}`;
  }
}
