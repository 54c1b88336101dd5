/** How good a classifier of two classes is, from its probabilities of labelled texts that it has not learnt from. */
import { rocAuc, rounded } from "../selection/ranking.js";
import type { StepReport } from "../step-report.js";

export interface Judged {
  readonly probabilities: Float64Array;
  /** 1 for good texts, else 0. */
  readonly labels: Uint8Array;
}

export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly trueNegatives: number;
  readonly falseNegatives: number;
}

/** What is kept at a threshold, and rightly so. */
export function confusionAt({ probabilities, labels }: Judged, threshold: number): Confusion {
  const counts = [0, 0, 0, 0];
  for (const [at, probability] of probabilities.entries())
    counts[2 * labels[at] + (probability >= threshold ? 1 : 0)]++;
  const [trueNegatives, falsePositives, falseNegatives, truePositives] = counts;
  return { truePositives, falsePositives, trueNegatives, falseNegatives };
}

/** Shares of 0 of 0 are 0. */
export function ratesOf({ truePositives, falsePositives, trueNegatives, falseNegatives }: Confusion) {
  const share = (part: number, rest: number): number => (part + rest === 0 ? 0 : part / (part + rest));
  const kept = truePositives + falsePositives;
  const right = truePositives + trueNegatives;
  return {
    precision: share(truePositives, falsePositives),
    recall: share(truePositives, falseNegatives),
    f1: share(2 * truePositives, falsePositives + falseNegatives),
    accuracy: share(right, falsePositives + falseNegatives),
    kept: share(kept, trueNegatives + falseNegatives),
  };
}

const CURVE = Array.from({ length: 19 }, (_, index) => (index + 1) / 20);
const BINS = 10;

/** The probability at which F1 is largest; the lowest of several, and 0.5 where there is nothing to judge by. */
export function bestF1({ probabilities, labels }: Judged): number {
  const ascending = Uint32Array.from(probabilities.keys()).sort((a, b) => probabilities[a] - probabilities[b]);
  const positives = labels.reduce((sum, label) => sum + label, 0);
  let best = { threshold: 0.5, f1: -1 };
  let droppedPositives = 0;
  for (let at = 0; at < ascending.length; at++) {
    const threshold = probabilities[ascending[at]];
    // F1 = 2 TP / (TP + FP + TP + FN): what is kept, and what should be.
    const f1 = (2 * (positives - droppedPositives)) / (ascending.length - at + positives);
    if (threshold !== probabilities[ascending[at - 1]] && f1 > best.f1) best = { threshold, f1 };
    droppedPositives += labels[ascending[at]];
  }
  return best.threshold;
}

/** All of it, for people. */
export function qualityReport(judged: Judged, threshold: number, counts: Readonly<Record<string, number>>): StepReport {
  if (judged.labels.length === 0) {
    const facts = { ...counts, threshold, "quality on held-out labels": "not measured: no label is held out" };
    return { facts, tables: [], plots: [] };
  }
  const rates = ratesOf(confusionAt(judged, threshold));
  const curve = CURVE.map((each) => ratesOf(confusionAt(judged, each)));
  const positives = judged.probabilities.filter((_, at) => judged.labels[at] === 1);
  const negatives = judged.probabilities.filter((_, at) => judged.labels[at] === 0);
  const auc = rocAuc(positives, negatives);
  const facts = Object.entries({ threshold, ...rates, ...(auc === null ? {} : { "ROC AUC": auc }) });
  return {
    facts: {
      ...counts,
      ...Object.fromEntries(
        facts.map(([name, value]) => [`${name}${name === "threshold" ? "" : " on held-out labels"}`, rounded(value)]),
      ),
    },
    tables: [
      {
        title: "what a threshold costs, on held-out labels",
        head: ["threshold", "kept", "precision", "recall", "F1"],
        rows: CURVE.map((each, at) => [
          each,
          ...[curve[at].kept, curve[at].precision, curve[at].recall, curve[at].f1].map(rounded),
        ]),
      },
      calibration(judged),
    ],
    plots: [
      {
        ...{ title: "Precision and recall by threshold", kind: "line", xLabel: "threshold", yLabel: "share", x: CURVE },
        series: (["precision", "recall", "kept"] as const).map((name) => ({
          name,
          y: curve.map((each) => rounded(each[name])),
        })),
      },
    ],
  };
}

/** Whether texts of which the classifier says 0.8 are good in four of five cases. */
function calibration({ probabilities, labels }: Judged): StepReport["tables"][number] {
  const bins = Array.from({ length: BINS }, () => ({ texts: 0, said: 0, good: 0 }));
  for (const [at, probability] of probabilities.entries()) {
    const bin = bins[Math.min(BINS - 1, Math.floor(probability * BINS))];
    bin.texts++;
    bin.said += probability;
    bin.good += labels[at];
  }
  return {
    title: "calibration on held-out labels",
    head: ["said", "texts", "mean said", "share good"],
    rows: bins.map(({ texts, said, good }, at) => [
      `${at / BINS} to ${(at + 1) / BINS}`,
      texts,
      texts === 0 ? 0 : rounded(said / texts),
      texts === 0 ? 0 : rounded(good / texts),
    ]),
  };
}
