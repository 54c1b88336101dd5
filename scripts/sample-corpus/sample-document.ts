/** A line of a sample domain file. */
export interface SampleDocument {
  readonly text: string;
  readonly source: string;
  readonly licence: string;
}
