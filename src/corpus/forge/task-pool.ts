/** Who runs tasks: this thread, or a number of worker threads, each with one task at a time. */
import { Worker } from "node:worker_threads";
import { UserError } from "../../base/errors.js";
import { runTask } from "./run-task.js";
import type { TaskRecord } from "./task-folder.js";
import type { ForgeWork, TaskAnswer, TaskQuestion } from "./task-worker.js";
import type { PlacedPhase } from "./tasks.js";

export interface TaskPool extends AsyncDisposable {
  /** Runs the tasks, as many at once as there are threads; hears how far each is. */
  runAll(questions: readonly TaskQuestion[], heard: (task: number, share: number) => void): Promise<TaskRecord[]>;
}

/** The compiled worker: worker threads start from JavaScript. */
const WORKER = new URL("./task-worker.js", import.meta.url);

export function openTaskPool(work: ForgeWork, phases: readonly PlacedPhase[], workers: number): TaskPool {
  return workers > 1 ? new WorkerThreads(work, workers) : new OwnThread(phases, work.plan.partitions);
}

/** Runs tasks one after another, without a thread of their own. */
export class OwnThread implements TaskPool {
  constructor(
    private readonly phases: readonly PlacedPhase[],
    private readonly partitions: number,
  ) {}

  async runAll(
    questions: readonly TaskQuestion[],
    heard: (task: number, share: number) => void,
  ): Promise<TaskRecord[]> {
    const records: TaskRecord[] = [];
    for (const [task, { phase, partition }] of questions.entries()) {
      const record = await runTask(this.phases[phase], partition, this.partitions, (share) => heard(task, share));
      heard(task, 1);
      records.push(record);
    }
    return records;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

class WorkerThreads implements TaskPool {
  private readonly threads: Worker[] = [];

  constructor(
    private readonly work: ForgeWork,
    private readonly workers: number,
  ) {}

  async runAll(
    questions: readonly TaskQuestion[],
    heard: (task: number, share: number) => void,
  ): Promise<TaskRecord[]> {
    const records: TaskRecord[] = [];
    const waiting = questions.map((question, task) => ({ question, task }));
    const serve = async (thread: Worker): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { question, task } = next;
        records[task] = await ask(thread, question, (share) => heard(task, share));
        heard(task, 1);
      }
    };
    while (this.threads.length < Math.min(this.workers, questions.length))
      this.threads.push(new Worker(WORKER, { workerData: this.work }));
    await Promise.all(this.threads.slice(0, questions.length).map(serve));
    return records;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.terminate()));
  }
}

function ask(thread: Worker, question: TaskQuestion, heard: (share: number) => void): Promise<TaskRecord> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void): void => {
      thread.off("message", onMessage).off("error", onError).off("exit", onExit);
      act();
    };
    const onMessage = (answer: TaskAnswer): void => {
      if ("progress" in answer) heard(answer.progress);
      else if ("record" in answer) finish(() => resolve(answer.record));
      else finish(() => reject("problems" in answer ? new UserError(answer.problems) : answer.failure));
    };
    const onError = (error: unknown): void => finish(() => reject(error));
    const onExit = (code: number): void =>
      finish(() => reject(new Error(`a thread of the forge ended early with code ${code}`)));
    thread.on("message", onMessage).on("error", onError).on("exit", onExit);
    thread.postMessage(question);
  });
}
