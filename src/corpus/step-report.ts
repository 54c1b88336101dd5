/**
 * What a step tells people about its decisions, beside the counts that the forge keeps itself: a phase that runs once may write it as
 * `report.json`. The forge's report shows it without knowing the step.
 */
import type { Chart } from "../base/chart.js";
import type { ReportTable } from "../base/report-table.js";

/** Name of the file in the folder of a phase that runs once. */
export const STEP_REPORT = "report.json";

export interface StepReport {
  /** Sentences and numbers: `recall of held-out seeds at the kept share` → `0.93`. */
  readonly facts: Readonly<Record<string, string | number>>;
  readonly tables: readonly ReportTable[];
  readonly plots: readonly Chart[];
}
