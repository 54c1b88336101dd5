/** What the step `decontaminate` can be told. */

export interface EvaluationSet {
  readonly name: string;
  /** Files (JSON lines, also gzipped, JSON, Parquet, plain text) and folders of such files; in folders plain text is passed over. */
  readonly paths: readonly string[];
  /**
   * The fields of a record that are looked for, `a.b` for a field within a field; by default `DEFAULT_FIELDS`. A field may be a text, or a list
   * of texts, messages or turns as in BFCL's `question`. Plain text files have no fields: every paragraph is an item.
   */
  readonly fields: readonly string[];
}

export interface ContaminationSettings {
  readonly sets: readonly EvaluationSet[];
  /** A run of this many words in common is an overlap; by default 13 (GPT-3, Brown et al. 2020, appendix C). */
  readonly run: number;
  /**
   * An item of fewer words than a run is looked for as a whole, if it has at least this many; by default 8 (the least that GPT-3 looked for).
   * Shorter ones are counted and never found.
   */
  readonly shortest: number;
  /** Runs in more than this many documents are no evidence, as of licences or boilerplate; null (the default) for all runs; GPT-3 used 10. */
  readonly common: number | null;
  /** The least share of a document's runs that has to overlap, 0 to 1; by default 0: one run is enough. */
  readonly share: number;
  /**
   * `drop` (the default) takes the document out, `cut` only the overlapping passage and `margin` around it, `report` nothing.
   * What cannot be cut clean is dropped.
   */
  readonly action: "drop" | "cut" | "report";
  /** Characters that go on both sides of a passage; by default 200 (GPT-3). */
  readonly margin: number;
  /** Pieces between cuts that are shorter than this many characters go too; by default 200 (GPT-3). */
  readonly shortestPiece: number;
}

export const DEFAULT_FIELDS: readonly string[] = [
  "question",
  "prompt",
  "query",
  "instruction",
  "input",
  "problem",
  "text",
];

export const DEFAULT_CONTAMINATION: ContaminationSettings = {
  sets: [],
  run: 13,
  shortest: 8,
  common: null,
  share: 0,
  action: "drop",
  margin: 200,
  shortestPiece: 200,
};
