/**
 * A linear classifier of texts over hashed words and pairs of words: the core of fastText's supervised mode (Joulin et al. 2016, "Bag of
 * tricks for efficient text classification") without its hidden layer, so that a bucket has one weight instead of a vector. A text is the mean of
 * its n-grams' weights, through the logistic function. Trained by AdaGrad (Duchi, Hazan, Singer 2011) on the logistic loss, text by text in a
 * fixed order: the same texts give the same weights, bit for bit.
 */
import { random32 } from "../../base/random.js";
import type { NgramCounts } from "../text/ngram-counter.js";

/** A text as its n-grams' buckets and shares; the shares add up to one. */
export interface Features {
  readonly buckets: Uint32Array;
  readonly shares: Float32Array;
}

export interface TrainingChoice {
  readonly epochs: number;
  readonly learningRate: number;
  readonly buckets: number;
}

/** A mean of weights is small where texts are long: scaled up, so that the usual learning rates fit. */
const SCALE = 16;
const EPSILON = 1e-8;

export function featuresOf({ buckets, counts }: NgramCounts): Features {
  let total = 0;
  for (const count of counts) total += count;
  return { buckets: buckets.slice(), shares: Float32Array.from(counts, (count) => count / total) };
}

export class Classifier {
  /** The last one is the bias. */
  constructor(readonly weights: Float64Array) {}

  /** The probability that a text is good, 0 to 1; a text without words has the bias's. */
  probability(features: Features): number {
    return 1 / (1 + Math.exp(-this.logit(features)));
  }

  private logit({ buckets, shares }: Features): number {
    let sum = 0;
    for (let i = 0; i < buckets.length; i++) sum += this.weights[buckets[i]] * shares[i];
    return SCALE * sum + this.weights[this.weights.length - 1];
  }

  /** @param labels 1 for good texts, else 0; classes of different size weigh the same. */
  static train(
    texts: readonly Features[],
    labels: Uint8Array,
    { epochs, learningRate, buckets }: TrainingChoice,
  ): Classifier {
    const weights = new Float64Array(buckets + 1);
    const squares = new Float64Array(buckets + 1);
    const classifier = new Classifier(weights);
    const good = labels.reduce((sum, label) => sum + label, 0);
    const importance = [labels.length / (2 * (labels.length - good)), labels.length / (2 * good)];
    const step = (at: number, gradient: number): void => {
      squares[at] += gradient * gradient;
      weights[at] -= (learningRate * gradient) / (Math.sqrt(squares[at]) + EPSILON);
    };
    for (let epoch = 0; epoch < epochs; epoch++)
      for (const at of shuffled(texts.length, epoch)) {
        const { buckets: own, shares } = texts[at];
        const error = importance[labels[at]] * (classifier.probability(texts[at]) - labels[at]);
        for (let i = 0; i < own.length; i++) step(own[i], SCALE * error * shares[i]);
        step(buckets, error);
      }
    return classifier;
  }
}

/** The numbers below `count` in the order of an epoch (Fisher and Yates). */
function shuffled(count: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let at = count - 1; at > 0; at--) {
    const other = random32(0, epoch, at) % (at + 1);
    [order[at], order[other]] = [order[other], order[at]];
  }
  return order;
}
