/**
 * What a step tells people about its decisions, beside the counts that the forge keeps itself: a phase that runs once may write it as
 * `report.json`. The forge's report shows it without knowing the step.
 */

/** Name of the file in the folder of a phase that runs once. */
export const STEP_REPORT = "report.json";

export interface ReportTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** Lines or bars over numbers or names, each series with as many values as there are `x`. */
export interface ReportPlot {
  readonly title: string;
  readonly kind: "line" | "bar";
  readonly xLabel: string;
  readonly yLabel: string;
  readonly x: readonly (string | number)[];
  readonly series: readonly { readonly name: string; readonly y: readonly (number | null)[] }[];
}

export interface StepReport {
  /** Sentences and numbers: `recall of held-out seeds at the kept share` → `0.93`. */
  readonly facts: Readonly<Record<string, string | number>>;
  readonly tables: readonly ReportTable[];
  readonly plots: readonly ReportPlot[];
}
