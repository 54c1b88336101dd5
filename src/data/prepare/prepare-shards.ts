/** Writes one side of a domain as a series of shards, skipping the documents of shards that an interrupted run has already finished. */
import { join } from "node:path";
import type { ShardHeader } from "../shards/shard-format.js";
import { ShardWriter } from "../shards/shard-writer.js";
import type { ShardEntry, Side } from "./manifest.js";

/** Folder of each side, inside the domain's. */
export const SIDE_FOLDERS: Readonly<Record<Side, string>> = { train: "train", heldOut: "held-out" };

export interface SeriesOptions {
  readonly folder: string;
  readonly side: Side;
  readonly header: ShardHeader;
  readonly shardTokens: number;
  /** Shards that are there already, from the first on. */
  readonly finished: readonly ShardEntry[];
  /** Called when a further shard is on the disk. */
  readonly onShard: () => Promise<void>;
}

export class ShardSeries implements AsyncDisposable {
  readonly entries: ShardEntry[];
  private toSkip: number;
  private writer: ShardWriter | null = null;
  private tokens = 0;

  constructor(private readonly options: SeriesOptions) {
    this.entries = [...options.finished];
    this.toSkip = this.entries.reduce((sum, { documents }) => sum + documents, 0);
  }

  /** Whether the next document is still to be written; asked once for each document, in order. */
  needsNext(): boolean {
    if (this.toSkip === 0) return true;
    this.toSkip--;
    return false;
  }

  /** Adds a document; `lossMask` exactly where the header announces masks. */
  async append(ids: Int32Array, source: string, lossMask: Uint8Array | null): Promise<void> {
    this.writer ??= await ShardWriter.create(join(this.options.folder, this.nextPath()), this.options.header);
    this.writer.append(ids, lossMask === null ? { source } : { source, lossMask });
    this.tokens += ids.length;
    if (this.tokens >= this.options.shardTokens) await this.finishShard();
  }

  /** Completes the shard in work, if there is one. */
  async finishShard(): Promise<void> {
    if (this.writer === null) return;
    const path = this.nextPath();
    const { bytes, documents, tokens, contentHash } = await this.writer.finish();
    this.writer = null;
    this.tokens = 0;
    this.entries.push({ path, bytes, documents, tokens, contentHash });
    await this.options.onShard();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.writer?.[Symbol.asyncDispose]();
  }

  private nextPath(): string {
    return `${SIDE_FOLDERS[this.options.side]}/part-${String(this.entries.length).padStart(5, "0")}.arrow`;
  }
}
