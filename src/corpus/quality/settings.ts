/** What the step `filter` can be told. */
import type { DocumentMatch } from "../selection/document-match.js";

export interface LabelFile {
  /** Files of records with a text and somebody's judgement of it. */
  readonly paths: readonly string[];
  /** The records' names for both; by default `text` and `label`. */
  readonly text: string;
  readonly label: string;
  /** The judgements that are good ones, as text: `1`, `true`, `keep`. */
  readonly positive: readonly string[];
}

export interface FilterSettings {
  /** Judgements; null: the documents below teach alone. */
  readonly labels: LabelFile | null;
  /** Documents that are good, and bad, by where they come from: seeds against a crawl; null for none. */
  readonly positives: DocumentMatch | null;
  readonly negatives: DocumentMatch | null;
  /** The documents that are judged; all others pass. */
  readonly applyTo: DocumentMatch;
  /** Documents below this probability of being good go; `best-f1`: where F1 is largest on the held-out labels, whose F1 is then a little too good. By default 0.5. */
  readonly threshold: number | "best-f1";
  /** Share of the labelled texts that measures instead of teaching; by default 0.2. */
  readonly heldOut: number;
  /** The most texts of each side that are learnt from and measured with, drawn by their text; by default 10,000. */
  readonly samples: number;
  /** By default 5, as fastText. */
  readonly epochs: number;
  /** By default 0.5. */
  readonly learningRate: number;
  /** Words and pairs of words are told apart by this many bits of their hash; by default 18. */
  readonly bucketBits: number;
}
