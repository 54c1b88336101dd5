/** A domain whose tokens count, so that a misread shows: token i is `first + i`. */
import type { WindowSource } from "../../src/data/batches.js";
import type { StreamWindow } from "../../src/data/shards/token-stream.js";

export class CountingStream implements WindowSource {
  /** Reads under way, the most there ever were at once, and all that were begun. */
  running = 0;
  mostRunning = 0;
  begun = 0;

  constructor(
    readonly options: {
      readonly first: number;
      readonly tokens: number;
      /** Documents start at its multiples. */
      readonly documentLength: number;
      readonly masked: boolean;
      /** A read of this token fails. */
      readonly broken?: number;
    },
  ) {}

  get tokens(): number {
    return this.options.tokens;
  }

  /** The mask bit of a token, as a document with prompts and answers might have it. */
  static maskOf(id: number): number {
    return id % 5 < 2 ? 0 : 1;
  }

  /** All of `documentLength`, but the last where the tokens end. */
  async documentLengths(): Promise<Int32Array> {
    const { tokens, documentLength } = this.options;
    return Int32Array.from({ length: Math.ceil(tokens / documentLength) }, (_, document) =>
      Math.min(documentLength, tokens - document * documentLength),
    );
  }

  async read(start: number, length: number): Promise<StreamWindow> {
    this.begun++;
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    // Later reads may come back sooner.
    await new Promise((resolve) => setTimeout(resolve, (start * 7919) % 4));
    this.running--;
    return this.window(start, length);
  }

  /** What a read gives, at once. */
  window(start: number, length: number): StreamWindow {
    const { first, tokens, documentLength, masked, broken } = this.options;
    if (broken !== undefined && start <= broken && broken < start + length)
      throw new Error(`token ${broken} is broken`);
    if (!(start >= 0 && start + length <= tokens)) throw new Error(`read ${start}+${length} of ${tokens} tokens`);
    const positions = Int32Array.from({ length }, (_, i) => start + i);
    return {
      ids: positions.map((position) => first + position),
      lossMask: masked ? Uint8Array.from(positions, (position) => CountingStream.maskOf(first + position)) : null,
      documentStarts: positions
        .filter((position) => position % documentLength === 0)
        .map((position) => position - start),
    };
  }
}

/** All that a generator yields. */
export async function drain<Item>(generator: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of generator) items.push(item);
  return items;
}
