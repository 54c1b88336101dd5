/** Shards for tests: counting tokens, so that any misread shows as a gap. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ShardHeader } from "../../../src/data/shards/shard-format.js";
import { type ShardSummary, ShardWriter } from "../../../src/data/shards/shard-writer.js";
import { openTokenStream, type StreamWindow } from "../../../src/data/shards/token-stream.js";

export const HEADER: ShardHeader = {
  domain: "tools",
  tokenizer: "f00d",
  vocabulary: 60_000,
  endOfText: 59_999,
  lossMask: false,
  source: false,
};

export interface SampleDocument {
  readonly ids: Int32Array;
  readonly mask: Uint8Array;
  readonly source: string;
}

/** Documents of the given lengths whose tokens count 0, 1, 2, … through all of them, each ending with end-of-text instead of its number. */
export function countingDocuments(lengths: readonly number[], header: ShardHeader = HEADER): SampleDocument[] {
  let token = 0;
  return lengths.map((length, document) => {
    const ids = Int32Array.from({ length }, () => token++ % header.endOfText);
    ids[length - 1] = header.endOfText;
    return { ids, mask: Uint8Array.from(ids, (id, i) => ((id * 7 + i) % 3) & 1), source: `source ${document % 4}` };
  });
}

/** Writes documents as a shard with the columns that its header announces. */
export async function writeShard(
  path: string,
  documents: readonly SampleDocument[],
  header: ShardHeader = HEADER,
  batchTokens = 64,
): Promise<ShardSummary> {
  await using writer = await ShardWriter.create(path, header, { batchTokens });
  for (const { ids, mask, source } of documents)
    writer.append(ids, { ...(header.lossMask ? { lossMask: mask } : {}), ...(header.source ? { source } : {}) });
  // Awaited here: otherwise the scope removes the file while it is being renamed.
  return await writer.finish();
}

/** What a read of tokens `[start, start + length)` must give. */
export function expectedWindow(
  documents: readonly SampleDocument[],
  hasMask: boolean,
  start: number,
  length: number,
): StreamWindow {
  const ids = documents.flatMap((document) => Array.from(document.ids)).slice(start, start + length);
  const mask = documents.flatMap((document) => Array.from(document.mask)).slice(start, start + length);
  const starts: number[] = [];
  let position = 0;
  for (const document of documents) {
    if (position >= start && position < start + length) starts.push(position - start);
    position += document.ids.length;
  }
  return {
    ids: Int32Array.from(ids),
    lossMask: hasMask ? Uint8Array.from(mask) : null,
    documentStarts: Int32Array.from(starts),
  };
}

/** Everything in a stream. */
export async function readAll(path: string): Promise<StreamWindow> {
  await using stream = await openTokenStream(path);
  return await stream.read(0, stream.tokens);
}

/** A folder that is removed with its scope. */
export async function temporaryFolder(): Promise<
  { readonly path: string; file(name: string): string } & AsyncDisposable
> {
  const path = await mkdtemp(join(tmpdir(), "hephaestus-shard-"));
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
