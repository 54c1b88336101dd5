/**
 * Drawing the next token from logits: temperature, top-k, top-p, with counter-based random numbers.
 *
 * Tokens are taken from the most likely one down only as far as a draw needs them, out of a heap: V steps to build it and log V for each
 * token, where sorting would take V·log V. A draw from all tokens seldom goes far, since its numbers are used up by the likely ones.
 */
import { randomUniform, streamOf } from "../base/random.js";

export interface SamplingOptions {
  /** 0 takes the most likely token. */
  readonly temperature: number;
  /** Keep this many of the most likely tokens; null keeps all. */
  readonly topK: number | null;
  /** Keep the fewest tokens whose probabilities reach this sum (Holtzman et al., arXiv 1904.09751); null keeps all. */
  readonly topP: number | null;
  readonly seed: number;
}

/** Which draw it is. Each row has random numbers of its own, so what is drawn for it does not depend on its neighbours. */
export interface Draw {
  readonly row: number;
  readonly position: number;
}

/** The token drawn, the same for the same logits, options and draw. Ties go to the lower id. */
export function sampleToken(logits_V: Float32Array, options: SamplingOptions, { row, position }: Draw): number {
  if (options.temperature === 0) return mostLikely(logits_V);
  const { topK, topP, temperature, seed } = options;
  const descending = new Descending(logits_V);
  const top = logits_V[descending.at(0)];
  const weightOf = (id: number): number => Math.exp((logits_V[id] - top) / temperature);
  const kept = Math.min(topK ?? logits_V.length, logits_V.length);
  const all = kept < logits_V.length ? sumOfFirst(descending, kept, weightOf) : sumOfAll(logits_V, weightOf);
  const nucleus = topP === null ? { size: kept, total: all } : nucleusOf(descending, kept, topP * all, weightOf);
  let left = randomUniform(seed, streamOf(`sampling row ${row}`), position) * nucleus.total;
  for (let rank = 0; rank < nucleus.size; rank++) {
    left -= weightOf(descending.at(rank));
    if (left < 0) return descending.at(rank);
  }
  return descending.at(nucleus.size - 1);
}

function mostLikely(logits_V: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits_V.length; id++) if (logits_V[id] > logits_V[best]) best = id;
  return best;
}

/** In the order of ids. */
function sumOfAll(logits_V: Float32Array, weightOf: (id: number) => number): number {
  let total = 0;
  for (let id = 0; id < logits_V.length; id++) total += weightOf(id);
  return total;
}

/** From the most likely token down. */
function sumOfFirst(descending: Descending, count: number, weightOf: (id: number) => number): number {
  let total = 0;
  for (let rank = 0; rank < count; rank++) total += weightOf(descending.at(rank));
  return total;
}

/** How many of the `kept` most likely tokens it takes to reach the weight `wanted`, at least one, and what they weigh. */
function nucleusOf(descending: Descending, kept: number, wanted: number, weightOf: (id: number) => number) {
  let total = 0;
  for (let rank = 0; rank < kept; rank++) {
    total += weightOf(descending.at(rank));
    if (total >= wanted) return { size: rank + 1, total };
  }
  return { size: kept, total };
}

/** The ids of logits from the greatest down, sorted as far as they are asked for. */
class Descending {
  /** A binary heap of the ids that were not asked for yet: each before its children, 2i + 1 and 2i + 2. */
  private readonly heap: Int32Array;
  private size: number;
  private readonly sorted: number[] = [];

  constructor(private readonly logits: Float32Array) {
    this.size = logits.length;
    this.heap = new Int32Array(this.size);
    for (let id = 0; id < this.size; id++) this.heap[id] = id;
    for (let at = (this.size >> 1) - 1; at >= 0; at--) this.sink(this.heap[at], at);
  }

  at(rank: number): number {
    while (this.sorted.length <= rank) {
      this.sorted.push(this.heap[0]);
      this.size -= 1;
      this.sink(this.heap[this.size], 0);
    }
    return this.sorted[rank];
  }

  /** Puts an id where it belongs below a place that is free. */
  private sink(id: number, free: number): void {
    const { heap, size } = this;
    let at = free;
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && this.before(heap[child + 1], heap[child])) child++;
      if (!this.before(heap[child], id)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = id;
  }

  private before(a: number, b: number): boolean {
    const difference = this.logits[a] - this.logits[b];
    return difference > 0 || (difference === 0 && a < b);
  }
}
