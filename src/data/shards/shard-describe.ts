/** What can be said of a shard without reading its tokens. */
import { listShards } from "./shard-folder.js";
import type { ShardClaims } from "./shard-format.js";
import { ShardReader } from "./shard-reader.js";

export interface ShardDescription {
  readonly path: string;
  /** Arrow's file format or its stream format. */
  readonly format: "file" | "stream";
  readonly bytes: number;
  readonly documents: number;
  readonly tokens: number;
  readonly columns: readonly string[];
  /** Arrow's name of the type of an id. */
  readonly idType: string;
  readonly hasMask: boolean;
  readonly batches: number;
  readonly largestBatchTokens: number;
  /** Null for a file that another program wrote. */
  readonly header: ShardClaims | null;
}

/** Describes a shard, or each shard of a folder. @throws UserError as when opening them. */
export async function describeShards(path: string): Promise<readonly ShardDescription[]> {
  return (await listShards(path)).map((file) => {
    using reader = new ShardReader(file);
    return describe(reader);
  });
}

function describe(reader: ShardReader): ShardDescription {
  const { path, bytes, documents, tokens, hasMask, claims: header } = reader;
  const { format, layout, batches } = reader.index;
  let largestBatchTokens = 0;
  for (let i = 0; i < batches.length; i++) largestBatchTokens = Math.max(largestBatchTokens, batches.at(i).tokens);
  return {
    path,
    format,
    bytes,
    documents,
    tokens,
    columns: layout.columns,
    idType: layout.ids.value,
    hasMask,
    batches: batches.length,
    largestBatchTokens,
    header,
  };
}
