/**
 * A fixed sample of a domain's training documents: those with the smallest hashes, as many as fit. It does not depend on their order, repeated
 * documents count once, and one pass in the memory of the sample finds it.
 */
import { documentKey, emptyReport, isHeldOut, readDocuments } from "../../corpus/documents.js";

export interface SampleOptions {
  readonly paths: readonly string[];
  /** Held-out documents are left out. */
  readonly heldOut: number;
  /** UTF-8 bytes wanted; the last document is cut to fit. */
  readonly bytes: number;
  readonly skipInvalid: number;
  /** Hears the bytes of text read. */
  readonly onRead?: (bytes: number) => void;
}

interface Candidate {
  readonly key: string;
  readonly text: string;
  readonly bytes: number;
}

/** The sampled texts, in the order of their hashes. */
export async function sampleTexts(options: SampleOptions): Promise<string[]> {
  const report = emptyReport();
  let candidates: Candidate[] = [];
  let held = 0;
  /** No text with a larger key can be in the sample. */
  let bound: string | null = null;
  for await (const { text } of readDocuments(options.paths, { skipInvalid: options.skipInvalid, report })) {
    options.onRead?.(report.bytes);
    const key = documentKey(text);
    if ((bound !== null && key > bound) || isHeldOut(text, options.heldOut)) continue;
    const bytes = Buffer.byteLength(text);
    candidates.push({ key, text, bytes });
    held += bytes;
    if (held < 2 * options.bytes) continue;
    candidates = smallest(candidates, options.bytes);
    held = candidates.reduce((sum, each) => sum + each.bytes, 0);
    // Repeated documents may have filled the list; then larger keys are still wanted.
    if (held >= options.bytes) bound = candidates.at(-1)?.key ?? null;
  }
  return cutToSize(smallest(candidates, options.bytes), options.bytes);
}

/** The distinct candidates with the smallest keys, up to the one that completes the bytes. */
function smallest(candidates: readonly Candidate[], bytes: number): Candidate[] {
  const sorted = [...new Map(candidates.map((each) => [each.key, each])).values()].sort((a, b) =>
    a.key < b.key ? -1 : 1,
  );
  let sum = 0;
  return sorted.filter((each) => {
    const needed = sum < bytes;
    sum += each.bytes;
    return needed;
  });
}

function cutToSize(chosen: readonly Candidate[], bytes: number): string[] {
  let left = bytes;
  return chosen.map((each) => {
    const text = each.bytes <= left ? each.text : firstBytes(each.text, left);
    left -= each.bytes;
    return text;
  });
}

/** The start of a text, without half a character at its end. */
function firstBytes(text: string, bytes: number): string {
  return Buffer.from(text, "utf8")
    .subarray(0, bytes)
    .toString("utf8")
    .replace(/\ufffd+$/u, "");
}
