/** All pairs of similar sets, without hashing them further: the truth that locality-sensitive hashing is measured against. */
import { similarityOf } from "../../src/corpus/dedup/similarity.js";

export interface Pair {
  readonly a: number;
  readonly b: number;
  readonly similarity: number;
}

/**
 * Every pair a < b with a Jaccard similarity of at least `least`. Exact: with the values in one order, rare ones first, two such sets share
 * one of their first |A| − ⌈least · |A|⌉ + 1 values (prefix filter; Chaudhuri, Ganti, Kaushik, ICDE 2006), so an inverted index over those
 * gives every candidate, and each is compared as a whole.
 */
export function* similarPairs(sets: readonly Uint32Array[], least: number): Generator<Pair> {
  const frequencies = new Map<number, number>();
  for (const set of sets) for (const value of set) frequencies.set(value, (frequencies.get(value) ?? 0) + 1);
  const rank = (value: number): number => frequencies.get(value) ?? 0;
  const index = new Map<number, number[]>();
  const seen = new Int32Array(sets.length).fill(-1);
  for (const [b, set] of sets.entries()) {
    const rareFirst = Array.from(set).sort((x, y) => rank(x) - rank(y) || x - y);
    for (const value of rareFirst.slice(0, set.length - Math.ceil(least * set.length) + 1)) {
      const holders = index.get(value) ?? [];
      for (const a of holders) {
        if (seen[a] === b) continue;
        seen[a] = b;
        const similarity = similarityOf(sets[a], set, least);
        if (similarity !== null) yield { a, b, similarity };
      }
      holders.push(b);
      index.set(value, holders);
    }
  }
}
