/** Saving while training goes on: at most one save at a time, and no error lost. */
import { setTimeout as delay } from "node:timers/promises";
import type { CheckpointContent } from "./format.js";
import { applyRetention, type RetentionPolicy } from "./retention.js";
import { checkpointFolder } from "./run-folder.js";
import { saveCheckpoint } from "./save.js";

/** The tensors of a checkpoint and their description. Disposed when they are written or will not be. */
export interface Copies extends Pick<CheckpointContent, "config" | "weights" | "moments">, Disposable {}

export interface SaveRequest extends Omit<CheckpointContent, "config" | "weights" | "moments"> {
  /** Called when the save begins. */
  readonly copies: () => Copies;
  /** Applied once this checkpoint is whole; null: everything is kept. */
  readonly retention: RetentionPolicy | null;
  /** Called with the checkpoint's folder once it is whole. */
  readonly onSaved?: (folder: string) => void;
}

const TURN_MS = 5;

/** Owns the save in flight. Disposing waits for it in silence; a run that goes well calls `finish` first, to learn how it went. */
export class BackgroundSaver implements AsyncDisposable {
  /** The newest save until somebody has learnt how it went. */
  #inFlight: Promise<void> | null = null;
  #busy = false;
  /** Times that the event loop turned while a save was in flight, at most one every `TURN_MS`. */
  #turns = 0;

  /** @param write how one checkpoint is written. */
  constructor(
    private readonly runFolder: string,
    private readonly write: (runFolder: string, content: CheckpointContent) => Promise<string> = saveCheckpoint,
  ) {}

  /**
   * Starts a save once the previous one is done, so that there is one copy of the model at a time, and returns when it has begun with the
   * path that the checkpoint will have. Nothing in `request` may change until it is written.
   * @throws what the previous save failed with; the new one is then not begun.
   */
  async save(request: SaveRequest): Promise<string> {
    while (this.#inFlight !== null) await this.finish();
    this.#inFlight = this.#run(request);
    // The promise keeps the error for the next call; without this, Node.js would end the process because nobody looked at it yet.
    this.#inFlight.catch(() => undefined);
    return checkpointFolder(this.runFolder, request.step);
  }

  /** Waits for the save in flight. @throws what it failed with, once. */
  async finish(): Promise<void> {
    const waitedFor = this.#inFlight;
    try {
      await waitedFor;
    } finally {
      if (this.#inFlight === waitedFor) this.#inFlight = null;
    }
  }

  /**
   * Waits for the save in flight, but only until it has had `ms` milliseconds since the last call; returns at once when there is none. An
   * engine that blocks the thread for whole steps must call this between them: a save is a long chain of small waits, and would else
   * advance by one of them a step. With an engine that leaves the thread free, the save has had its time already.
   */
  async giveTime(ms: number): Promise<void> {
    const left = ms - this.#turns * TURN_MS;
    if (this.#busy && left > 0) {
      const given = new AbortController();
      await Promise.race([
        this.#inFlight?.catch(() => undefined),
        delay(left, undefined, { signal: given.signal }).catch(() => undefined),
      ]);
      given.abort();
    }
    this.#turns = 0;
  }

  /** Waits for the save in flight, whatever becomes of it: for the way out, when another error is already under way. */
  async settle(): Promise<void> {
    await this.finish().catch(() => undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.settle();
  }

  async #run({ retention, onSaved, copies, ...content }: SaveRequest): Promise<void> {
    this.#busy = true;
    const clock = setInterval(() => this.#turns++, TURN_MS);
    try {
      using copied = copies();
      const { config, weights, moments } = copied;
      const folder = await this.write(this.runFolder, { ...content, config, weights, moments });
      if (retention !== null) await applyRetention(this.runFolder, retention);
      onSaved?.(folder);
    } finally {
      clearInterval(clock);
      this.#busy = false;
    }
  }
}
