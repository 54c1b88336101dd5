/**
 * The merges of a byte-pair encoding (Sennrich et al. 2016): merge the most frequent pair of neighbours, everywhere, until the vocabulary is full.
 * Counts are kept up to date change by change. Of equally frequent pairs the one with the smaller left token, then the smaller right token,
 * goes first: the order of words and texts never matters.
 */
import { Heap } from "./bpe-heap.js";
import { PairTable } from "./bpe-pairs.js";
import type { Words } from "./bpe-words.js";

/** A pair seen once teaches nothing. */
const LEAST_COUNT = 2;

export interface Merge {
  readonly left: number;
  readonly right: number;
  readonly result: number;
}

/**
 * Finds merges until `tokens` (the texts of the tokens so far, which grows) has `vocabulary` entries or no pair is left. Changes `words`.
 * Two pairs that spell the same token share its id.
 */
export function findMerges(words: Words, tokens: string[], vocabulary: number, onMerge: () => void): Merge[] {
  const neighbours = new Neighbours(words);
  const idByText = new Map(tokens.map((text, id) => [text, id]));
  const results = new Map<number, number>();
  const merges: Merge[] = [];
  while (tokens.length < vocabulary) {
    const pair = neighbours.takeMostFrequent();
    if (pair === null) break;
    const left = neighbours.pairs.left(pair);
    const right = neighbours.pairs.right(pair);
    const text = `${tokens[left]}${tokens[right]}`;
    const known = results.get(pair) ?? idByText.get(text);
    const result = known ?? tokens.push(text) - 1;
    idByText.set(text, result);
    // A pair can come back when another pair spells one of its tokens; it is then merged again under its first rank.
    if (!results.has(pair)) merges.push({ left, right, result });
    results.set(pair, result);
    neighbours.merge(pair, result);
    onMerge();
  }
  return merges;
}

/** Every pair of neighbouring tokens in the words: how often it occurs and where. */
class Neighbours {
  readonly pairs = new PairTable(1 << 16);
  private readonly counts: number[] = [];
  /** Words in which a pair occurs, or once did. */
  private readonly places: number[][] = [];
  /** Entries may be out of date: too high a count is put back with the true one, too low a count has a later entry. */
  private readonly queue: Heap;
  private readonly entryPair: number[] = [];
  private readonly entryCount: number[] = [];
  private readonly risen = new Set<number>();

  constructor(private readonly words: Words) {
    this.queue = new Heap((a, b) => this.goesBefore(a, b));
    const { tokens, starts, lengths } = words;
    for (let word = 0; word < starts.length; word++)
      for (let at = starts[word]; at + 1 < starts[word] + lengths[word]; at++)
        this.change(tokens[at], tokens[at + 1], word, 1);
    this.enqueueRisen();
  }

  /** The most frequent pair; null when none occurs often enough. */
  takeMostFrequent(): number | null {
    for (let entry = this.queue.pop(); entry !== null; entry = this.queue.pop()) {
      const pair = this.entryPair[entry];
      const count = this.counts[pair];
      if (count === this.entryCount[entry]) return count < LEAST_COUNT ? null : pair;
      if (count < this.entryCount[entry] && count >= LEAST_COUNT) this.enqueue(pair);
    }
    return null;
  }

  /** Replaces the pair by one token everywhere. */
  merge(pair: number, result: number): void {
    const places = this.places[pair];
    this.places[pair] = [];
    for (const word of places) this.mergeInWord(word, this.pairs.left(pair), this.pairs.right(pair), result);
    this.enqueueRisen();
  }

  private mergeInWord(word: number, left: number, right: number, result: number): void {
    const { tokens, starts, lengths } = this.words;
    const start = starts[word];
    const end = start + lengths[word];
    let to = start;
    for (let from = start; from < end; from++) {
      if (tokens[from] !== left || from + 1 >= end || tokens[from + 1] !== right) {
        tokens[to++] = tokens[from];
        continue;
      }
      this.change(left, right, word, -1);
      if (to > start) {
        this.change(tokens[to - 1], left, word, -1);
        this.change(tokens[to - 1], result, word, 1);
      }
      if (from + 2 < end) {
        this.change(right, tokens[from + 2], word, -1);
        this.change(result, tokens[from + 2], word, 1);
      }
      tokens[to++] = result;
      from++;
    }
    lengths[word] = to - start;
  }

  /** One occurrence of a pair in a word more or less. */
  private change(left: number, right: number, word: number, by: 1 | -1): void {
    const pair = this.pairs.add(left, right);
    if (pair === this.counts.length) {
      this.counts.push(0);
      this.places.push([]);
    }
    this.counts[pair] += by * this.words.counts[word];
    if (by < 0) return;
    this.risen.add(pair);
    const places = this.places[pair];
    if (places[places.length - 1] !== word) places.push(word);
  }

  private enqueueRisen(): void {
    for (const pair of this.risen) if (this.counts[pair] >= LEAST_COUNT) this.enqueue(pair);
    this.risen.clear();
  }

  private enqueue(pair: number): void {
    this.entryCount.push(this.counts[pair]);
    this.queue.push(this.entryPair.push(pair) - 1);
  }

  private goesBefore(a: number, b: number): boolean {
    const byCount = this.entryCount[a] - this.entryCount[b];
    if (byCount !== 0) return byCount > 0;
    const first = this.entryPair[a];
    const second = this.entryPair[b];
    const byLeft = this.pairs.left(first) - this.pairs.left(second);
    return byLeft < 0 || (byLeft === 0 && this.pairs.right(first) < this.pairs.right(second));
  }
}
