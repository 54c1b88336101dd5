/** Keeps the encoding pool busy while documents are written strictly in the order of reading. */

import type { Side } from "./manifest.js";
import type { EncodePool } from "./prepare-pool.js";
import type { Chunk, DomainReader } from "./prepare-read.js";
import type { ShardSeries } from "./prepare-shards.js";

/** Encodes chunks ahead, as many as the pool can work on, and appends their documents to their sides. `onTokens` hears how many are written. */
export async function encodeInOrder(
  reader: Pick<DomainReader, "chunks">,
  pool: EncodePool,
  sides: Readonly<Record<Side, Pick<ShardSeries, "append">>>,
  onTokens: (tokens: number) => void,
): Promise<void> {
  const pending: { readonly chunk: Chunk; readonly encoded: ReturnType<EncodePool["encode"]> }[] = [];
  let tokens = 0;
  const writeFirst = async (): Promise<void> => {
    const first = pending.shift();
    if (first === undefined) return;
    const { ids, lengths, mask } = await first.encoded;
    let at = 0;
    for (const [document, { side, source }] of first.chunk.entries()) {
      const end = at + lengths[document];
      await sides[side].append(ids.subarray(at, end), source, mask?.subarray(at, end) ?? null);
      at = end;
    }
    tokens += ids.length;
    onTokens(tokens);
  };
  for await (const chunk of reader.chunks()) {
    const encoded = pool.encode(chunk.map(({ text, counted }) => (counted === null ? text : { text, counted })));
    // It is awaited in its turn; until then a failure must not count as unhandled.
    encoded.catch(() => {});
    pending.push({ chunk, encoded });
    if (pending.length >= pool.depth) await writeFirst();
  }
  while (pending.length > 0) await writeFirst();
}
