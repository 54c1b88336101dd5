/** What the phase `scan` leaves of a document that has a run of an evaluation set, and what of it counts. */
import { readLines } from "../json-lines.js";
import type { Hit, RunIndex } from "./run-index.js";

export const OVERLAPS = "overlaps.jsonl";
/** One byte a run: 1 where it is too common to be evidence. */
export const COMMON = "common.bin";

export interface Overlap {
  /** Number of the document in its partition. */
  readonly place: number;
  /** Source and origin. */
  readonly origin: string;
  /** How many runs of words the document has. */
  readonly runs: number;
  /** Run, first word and end of every hit. */
  readonly hits: readonly (readonly [run: number, start: number, end: number])[];
  /** The first overlapping passages by their first word, cut to a few hundred characters. */
  readonly passages: readonly { readonly start: number; readonly text: string }[];
}

/** The overlaps of one partition, in the order of its documents. */
export async function* readOverlaps(path: string): AsyncGenerator<Overlap> {
  for await (const line of readLines(path)) yield JSON.parse(line);
}

/** Where the evaluation items come from, beside their runs. */
export interface Evaluation {
  readonly index: RunIndex;
  /** By item. */
  readonly items: readonly { readonly set: string; readonly where: string }[];
}

/** The hits that count, none where the document has too few of them. */
export function evidenceOf({ hits, runs }: Pick<Overlap, "hits" | "runs">, common: Uint8Array, share: number): Hit[] {
  const evidence = hits.filter(([run]) => common[run] === 0).map(([run, start, end]) => ({ run, start, end }));
  return evidence.length >= share * runs ? evidence : [];
}
