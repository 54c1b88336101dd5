/** Who encodes: this thread, or a number of worker threads. Either way the answer to a list of texts is the same. */
import { Worker } from "node:worker_threads";
import { UserError } from "../../base/errors.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { type EncodableText, type EncodeChoices, type EncodedTexts, encodeTexts } from "./prepare-encode.js";
import type { WorkerAnswer } from "./prepare-worker.js";

export interface EncodePool extends AsyncDisposable {
  /** How many lists are worth having under way at once. */
  readonly depth: number;
  encode(texts: readonly EncodableText[]): Promise<EncodedTexts>;
}

/** The compiled worker: worker threads start from JavaScript. */
const WORKER = new URL("./prepare-worker.js", import.meta.url);

/**
 * A pool of `workers` threads; one means that this thread encodes. `script` is where the compiled worker is.
 * Threads load the tokenizer from its file again.
 */
export function openPool(
  tokenizer: Tokenizer,
  choices: EncodeChoices,
  workers: number,
  script: URL = WORKER,
): EncodePool {
  return workers === 1 ? new OwnThread(tokenizer, choices) : new WorkerThreads(choices, workers, script);
}

class OwnThread implements EncodePool {
  readonly depth = 1;

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly choices: EncodeChoices,
  ) {}

  async encode(texts: readonly EncodableText[]): Promise<EncodedTexts> {
    return encodeTexts(this.tokenizer, texts, this.choices.specialTokens);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

class WorkerThreads implements EncodePool {
  readonly depth: number;
  private readonly threads: Thread[];
  private turn = 0;

  constructor(choices: EncodeChoices, workers: number, script: URL) {
    // One list in work and one waiting, for each thread.
    this.depth = 2 * workers;
    this.threads = Array.from({ length: workers }, () => new Thread(script, choices));
  }

  encode(texts: readonly EncodableText[]): Promise<EncodedTexts> {
    return this.threads[this.turn++ % this.threads.length].encode(texts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.end()));
  }
}

interface Question {
  readonly resolve: (encoded: EncodedTexts) => void;
  readonly reject: (error: unknown) => void;
}

/** One worker thread: it answers in the order of asking. */
class Thread {
  private readonly worker: Worker;
  private readonly questions: Question[] = [];
  private broken: { readonly error: unknown } | null = null;

  constructor(script: URL, choices: EncodeChoices) {
    this.worker = new Worker(script, { workerData: choices });
    this.worker.on("message", (answer: WorkerAnswer) => this.take(answer));
    this.worker.on("error", (error) => this.breakOff(error));
    this.worker.on("exit", (code) => this.breakOff(new Error(`an encoding thread ended early with code ${code}`)));
  }

  encode(texts: readonly EncodableText[]): Promise<EncodedTexts> {
    if (this.broken !== null) return Promise.reject(this.broken.error);
    return new Promise((resolve, reject) => {
      this.questions.push({ resolve, reject });
      this.worker.postMessage(texts);
    });
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }

  private take(answer: WorkerAnswer): void {
    const question = this.questions.shift();
    if ("encoded" in answer) question?.resolve(answer.encoded);
    else question?.reject("problems" in answer ? new UserError(answer.problems) : answer.failure);
  }

  private breakOff(error: unknown): void {
    this.broken ??= { error };
    for (const question of this.questions.splice(0)) question.reject(error);
  }
}
