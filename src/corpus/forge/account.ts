/** What a corpus consists of, in numbers that can be added up over partitions. */
import type { ForgeDocument } from "../forge-document.js";

export interface Extent {
  documents: number;
  /** UTF-8 bytes of text. */
  bytes: number;
  /** Exact where a tokenizer counted, else 0. */
  tokens: number;
}

/** By what a corpus is broken down. */
export const BREAKDOWNS = ["domain", "source", "licence", "form", "style", "language"] as const;
export type Breakdown = (typeof BREAKDOWNS)[number];

export interface Account {
  readonly total: Extent;
  /** Names to extents; documents that a breakdown says nothing of are left out. */
  readonly by: Readonly<Record<Breakdown, Record<string, Extent>>>;
  /** Documents by domain and by the power of two below their bytes. */
  readonly lengths: Record<string, number[]>;
  /** Distinct operations, as `host operation`. */
  readonly operations: Set<string>;
}

/** Texts beyond this power of two are counted with it. */
const LONGEST = 31;

export function emptyAccount(): Account {
  const by = { domain: {}, source: {}, licence: {}, form: {}, style: {}, language: {} };
  return { total: extent(), by, lengths: {}, operations: new Set() };
}

/** @param tokens of the document; 0 where nobody counts. */
export function accountFor(account: Account, document: ForgeDocument, tokens: number): void {
  const bytes = Buffer.byteLength(document.text);
  const add = (sum: Extent): void => addExtent(sum, { documents: 1, bytes, tokens });
  add(account.total);
  for (const breakdown of BREAKDOWNS) {
    const name = document[breakdown];
    if (name !== null) add(at(account.by[breakdown], name));
  }
  const power = Math.min(LONGEST, Math.floor(Math.log2(bytes)));
  account.lengths[document.domain] ??= [];
  const lengths = account.lengths[document.domain];
  while (lengths.length <= power) lengths.push(0);
  lengths[power]++;
  if (document.operation !== null) account.operations.add(document.operation);
}

/** The account of several parts together. */
export function sumAccounts(parts: readonly Account[]): Account {
  const sum = emptyAccount();
  for (const part of parts) {
    addExtent(sum.total, part.total);
    for (const breakdown of BREAKDOWNS)
      for (const [name, each] of Object.entries(part.by[breakdown])) addExtent(at(sum.by[breakdown], name), each);
    for (const [domain, counts] of Object.entries(part.lengths)) {
      sum.lengths[domain] ??= [];
      for (const [power, count] of counts.entries())
        sum.lengths[domain][power] = (sum.lengths[domain][power] ?? 0) + count;
    }
    for (const operation of part.operations) sum.operations.add(operation);
  }
  return sum;
}

/** An account as JSON; names in the order of the alphabet, so that equal accounts are equal texts. */
export function accountToJson({ operations, ...rest }: Account): unknown {
  const by = Object.fromEntries(BREAKDOWNS.map((breakdown) => [breakdown, sorted(rest.by[breakdown])]));
  return { total: rest.total, by, lengths: sorted(rest.lengths), operations: [...operations].sort() };
}

/** The account behind `accountToJson`. */
export function accountFromJson(json: unknown): Account {
  const { operations, ...rest } = json as Omit<Account, "operations"> & { readonly operations: readonly string[] };
  return { ...rest, operations: new Set(operations) };
}

/** Distinct operations by host, most first. */
export function operationsByHost(operations: Iterable<string>): [string, number][] {
  const hosts = new Map<string, number>();
  for (const operation of operations) {
    const host = operation.slice(0, operation.indexOf(" "));
    hosts.set(host, (hosts.get(host) ?? 0) + 1);
  }
  return [...hosts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

function extent(): Extent {
  return { documents: 0, bytes: 0, tokens: 0 };
}

function addExtent(sum: Extent, { documents, bytes, tokens }: Extent): void {
  sum.documents += documents;
  sum.bytes += bytes;
  sum.tokens += tokens;
}

function at(group: Record<string, Extent>, name: string): Extent {
  group[name] ??= extent();
  return group[name];
}

function sorted<T>(group: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(group).sort(([a], [b]) => (a < b ? -1 : 1)));
}
