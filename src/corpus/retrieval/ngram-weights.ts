/**
 * What an n-gram says about being like the seeds: the logarithm of how much more frequent it is in them than in the pool. A document's
 * score is about the mean over its distinct n-grams: a naive Bayes likelihood ratio per n-gram, as the importance weights of DSIR are (Xie,
 * Santurkar, Ma, Liang, "Data selection for language models via importance resampling", NeurIPS 2023: hashed words and pairs). Unlike
 * there, an n-gram counts once a document, the sum is divided by their number so that length does not decide, and the best are
 * taken instead of a sample. Both frequencies are mixed half and half with that of all documents (Jelinek–Mercer smoothing, as in Zhai,
 * Lafferty, SIGIR 2001), so that no n-gram, however rare, decides alone: one that neither has seen says nothing.
 */
import type { NgramCounts } from "../text/ngram-counter.js";

/** In how many documents of a set each bucket occurs. */
export type Frequencies = Float64Array;

/** Share of the distribution of all documents in each of the two. */
const BACKGROUND = 0.5;
/** Chosen of 0, 5, 20 and 50: over six real pools 5 moved the AUC of documents like the seeds by at most 0.0012, 50 cost up to 0.01. */
const PRIOR_NGRAMS = 5;

/** The weight of every bucket; 0 where neither set has it. */
export function ngramWeights(seeds: Frequencies, pool: Frequencies): Float64Array {
  const seedTotal = sum(seeds);
  const poolTotal = sum(pool);
  const share = (frequency: number, total: number): number => (total === 0 ? 0 : frequency / total);
  return seeds.map((seed, bucket) => {
    const all = share(seed + pool[bucket], seedTotal + poolTotal);
    if (all === 0) return 0;
    const mixed = (own: number): number => (1 - BACKGROUND) * own + BACKGROUND * all;
    return Math.log(mixed(share(seed, seedTotal)) / mixed(share(pool[bucket], poolTotal)));
  });
}

/**
 * How much a text is like the seeds: the mean weight of its distinct n-grams, among which so many of the lowest weight are always counted.
 * So a text of few words has to be better than a long one, and one without words is like no seed at all.
 */
export class Similarity {
  private readonly lowest: number;

  constructor(private readonly weights: Float64Array) {
    this.lowest = weights.reduce((lowest, weight) => Math.min(lowest, weight), 0);
  }

  of({ buckets }: NgramCounts): number {
    let total = PRIOR_NGRAMS * this.lowest;
    for (let i = 0; i < buckets.length; i++) total += this.weights[buckets[i]];
    return total / (PRIOR_NGRAMS + buckets.length);
  }
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
