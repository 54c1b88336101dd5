/** What a task did with documents and records, in numbers that can be added up over partitions. */
import type { ForgeDocument, Rejection } from "../forge-document.js";

export interface Amount {
  documents: number;
  /** UTF-8 bytes of text. */
  bytes: number;
}

export interface Tally {
  /** By the source's name. */
  readonly kept: Record<string, Amount>;
  readonly dropped: Record<string, Amount>;
  /** Documents by why they were dropped. */
  readonly reasons: Record<string, Amount>;
  /** Records of sources that are no documents, by why. */
  readonly rejected: Record<string, number>;
  /** The first few of them. */
  readonly examples: { readonly where: string; readonly why: string }[];
  /** What the step itself counts. */
  readonly counts: Record<string, number>;
}

/** Rejected records that a report shows. */
const SHOWN_EXAMPLES = 8;
/** Reasons may quote what was found there; with this many different ones the rest is counted together. */
const MOST_REASONS = 200;
const OTHER_REASONS = "other reasons";

export function emptyTally(): Tally {
  return { kept: {}, dropped: {}, reasons: {}, rejected: {}, examples: [], counts: {} };
}

export function tallyKept(tally: Tally, { source, text }: ForgeDocument): void {
  add(tally.kept, source, 1, Buffer.byteLength(text));
}

export function tallyDropped(tally: Tally, { source, text }: ForgeDocument, reason: string): void {
  const bytes = Buffer.byteLength(text);
  add(tally.dropped, source, 1, bytes);
  add(tally.reasons, known(tally.reasons, reason), 1, bytes);
}

export function tallyRejected(tally: Tally, { where, why }: Rejection): void {
  const reason = known(tally.rejected, why);
  tally.rejected[reason] = (tally.rejected[reason] ?? 0) + 1;
  if (tally.examples.length < SHOWN_EXAMPLES) tally.examples.push({ where, why });
}

/** The sum of several tallies; the examples are the first ones. */
export function sumTallies(tallies: readonly Tally[]): Tally {
  const sum = emptyTally();
  for (const tally of tallies) {
    for (const group of ["kept", "dropped", "reasons"] as const)
      for (const [name, { documents, bytes }] of Object.entries(tally[group])) add(sum[group], name, documents, bytes);
    for (const [why, count] of Object.entries(tally.rejected)) {
      const reason = known(sum.rejected, why);
      sum.rejected[reason] = (sum.rejected[reason] ?? 0) + count;
    }
    for (const [name, count] of Object.entries(tally.counts)) sum.counts[name] = (sum.counts[name] ?? 0) + count;
    sum.examples.push(...tally.examples.slice(0, SHOWN_EXAMPLES - sum.examples.length));
  }
  return sum;
}

/** All amounts of a group together. */
export function total(amounts: Readonly<Record<string, Amount>>): Amount {
  const sum = { documents: 0, bytes: 0 };
  for (const { documents, bytes } of Object.values(amounts)) {
    sum.documents += documents;
    sum.bytes += bytes;
  }
  return sum;
}

function add(amounts: Record<string, Amount>, name: string, documents: number, bytes: number): void {
  amounts[name] ??= { documents: 0, bytes: 0 };
  const amount = amounts[name];
  amount.documents += documents;
  amount.bytes += bytes;
}

function known(reasons: Readonly<Record<string, unknown>>, reason: string): string {
  return Object.hasOwn(reasons, reason) || Object.keys(reasons).length < MOST_REASONS ? reason : OTHER_REASONS;
}
