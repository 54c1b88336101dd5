import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { random32 } from "../../../src/base/random.js";
import { Classifier, type Features, featuresOf } from "../../../src/corpus/quality/classifier.js";
import { NgramCounter } from "../../../src/corpus/text/ngram-counter.js";

const BUCKETS = 64;
const CHOICE = { epochs: 5, learningRate: 0.5, buckets: BUCKETS };

/** Ten n-grams of as many buckets as may be equal, each a tenth of the text. */
function drawnText(number: number): Features {
  const buckets = Uint32Array.from({ length: 10 }, (_, at) => random32(3, number, at) % BUCKETS);
  return { buckets, shares: new Float32Array(10).fill(0.1) };
}

/** A rule to find: the even buckets speak for a text, the odd ones against it. */
function isGood({ buckets }: Features): boolean {
  return buckets.reduce((sum, bucket) => sum + (bucket % 2 === 0 ? 1 : -1), 0) > 0;
}

function balancedTexts(from: number, count: number): Features[] {
  const texts = Array.from({ length: count }, (_, at) => drawnText(from + at));
  const difference = ({ buckets }: Features): number => buckets.filter((bucket) => bucket % 2 === 0).length - 5;
  return texts.filter((text) => difference(text) !== 0);
}

const labelsOf = (texts: readonly Features[]): Uint8Array => Uint8Array.from(texts, (text) => (isGood(text) ? 1 : 0));

describe("a classifier", () => {
  it("finds a linear rule from texts that follow it, and applies it to others", () => {
    const teaching = balancedTexts(0, 3000);
    const classifier = Classifier.train(teaching, labelsOf(teaching), CHOICE);
    const others = balancedTexts(10_000, 1000);
    const right = others.filter((text) => classifier.probability(text) >= 0.5 === isGood(text));
    expect(right.length / others.length).toBeGreaterThan(0.98);
    for (let bucket = 0; bucket < BUCKETS; bucket++)
      expect(Math.sign(classifier.weights[bucket]), `bucket ${bucket}`).toBe(bucket % 2 === 0 ? 1 : -1);
  });

  it("is the same bit for bit from the same texts", () => {
    const teaching = balancedTexts(0, 300);
    const [one, other] = [0, 1].map(() => Classifier.train(teaching, labelsOf(teaching), CHOICE).weights);
    expect(one).toEqual(other);
  });

  it("takes its first step along the gradient of the logistic loss, as AdaGrad scales it", () => {
    const text = { buckets: Uint32Array.of(3), shares: Float32Array.of(1) };
    const { weights } = Classifier.train([text, text], Uint8Array.of(1, 0), { ...CHOICE, epochs: 1 });
    // Whichever comes first moves weight and bias by the learning rate, since AdaGrad divides the first gradient by itself.
    const first = Classifier.train([text], Uint8Array.of(1), { ...CHOICE, epochs: 1 }).weights;
    expect(first[3]).toBeCloseTo(0.5, 6);
    expect(first[BUCKETS]).toBeCloseTo(0.5, 6);
    expect(Math.abs(weights[3])).toBeLessThan(0.5);
  });

  it("weighs both classes the same, however many texts they have", () => {
    // One bucket says nothing: what is left is the bias, which stays near even although one class is nine times as large.
    const texts = Array.from({ length: 1000 }, () => ({ buckets: Uint32Array.of(0), shares: Float32Array.of(1) }));
    const labels = Uint8Array.from(texts, (_, at) => (at % 10 === 0 ? 1 : 0));
    const uneven = Classifier.train(texts, labels, { ...CHOICE, epochs: 40, learningRate: 0.01 });
    expect(Math.abs(uneven.probability(texts[0]) - 0.5)).toBeLessThan(0.2);
  });

  it("gives a probability for any text and any finite weights", () => {
    const weights = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 17, maxLength: 17 });
    const counter = new NgramCounter(4);
    fc.assert(
      fc.property(weights, fc.string(), (list, text) => {
        const probability = new Classifier(Float64Array.from(list)).probability(featuresOf(counter.count(text)));
        expect(probability).toBeGreaterThanOrEqual(0);
        expect(probability).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe("features", () => {
  it("are shares of all n-grams of a text, and none for one without words", () => {
    const counter = new NgramCounter(18);
    const { buckets, shares } = featuresOf(counter.count("a a a b"));
    // Words a, a, a, b and pairs a a, a a, a b.
    expect([...shares].sort()).toEqual([3 / 7, 1 / 7, 2 / 7, 1 / 7].map(Math.fround).sort());
    expect(buckets.length).toBe(4);
    expect(featuresOf(counter.count("…")).buckets.length).toBe(0);
    counter.count("something else altogether");
    expect(buckets).toEqual(featuresOf(counter.count("a a a b")).buckets);
  });
});
