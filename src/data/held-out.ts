/** A domain's held-out batches, the same every time: its first windows one after the other, or its first documents where those are whole. */
import type { Batch } from "./batch.js";
import { type AssembleOptions, assemble, type WindowSource } from "./batches.js";
import type { Piece } from "./epoch.js";
import { WholeDocuments } from "./whole-documents.js";

export interface HeldOutOptions extends AssembleOptions {
  /** Index that the batches carry. */
  readonly domain: number;
  /** Targets to read at most, rounded down to whole windows or documents, of which there is at least one. */
  readonly maxTokens: number;
  /** B. */
  readonly rows: number;
}

export interface HeldOutSource extends WindowSource {
  readonly tokens: number;
  documentLengths(): Promise<Int32Array>;
}

/**
 * A stream that is shorter than a window gives one shorter row; one with nothing to predict gives none. Whole documents that are longer
 * than a row are left out.
 */
export async function* heldOutBatches(
  stream: HeldOutSource,
  { domain, length, maxTokens, rows, packing }: HeldOutOptions,
): AsyncGenerator<Batch> {
  const windowTokens = packing === "whole" ? length : Math.min(length, stream.tokens - 1);
  const windows =
    packing === "whole"
      ? wholeRows(await stream.documentLengths(), length, maxTokens)
      : cutRows(stream.tokens, windowTokens, maxTokens);
  for (let first = 0; first < windows.length; first += rows) {
    const batch = windows.slice(first, first + rows).map((pieces) => ({ domain: 0, epoch: 0, pieces }));
    const assembled = await assemble(batch, [stream], { packing, length: windowTokens });
    yield { ...assembled, domains_B: assembled.domains_B.fill(domain) };
  }
}

function cutRows(tokens: number, windowTokens: number, maxTokens: number): Piece[][] {
  if (tokens < 2) return [];
  const windows = Math.min(Math.floor((tokens - 1) / windowTokens), Math.max(1, Math.floor(maxTokens / windowTokens)));
  return Array.from({ length: windows }, (_, row) => [{ start: row * windowTokens, length: windowTokens }]);
}

/** The first documents that fit a row, packed as in training. */
function wholeRows(lengths: Int32Array, windowTokens: number, maxTokens: number): Piece[][] {
  let tokens = 0;
  let end = 0;
  for (; end < lengths.length; end++) {
    const inputs = lengths[end] > windowTokens + 1 ? 0 : Math.max(0, lengths[end] - 1);
    if (tokens > 0 && tokens + inputs > maxTokens) break;
    tokens += inputs;
  }
  const documents = new WholeDocuments(lengths.subarray(0, end));
  const { count, starts, documents: inBins } = documents.packed(windowTokens);
  return Array.from({ length: count }, (_, bin) =>
    Array.from(inBins.subarray(starts[bin], starts[bin + 1]), (document) => documents.pieceOf(document)),
  );
}
