/** `hephaestus export` and `hephaestus merge`: a Hugging Face folder out of one model or several. */
import { UserError } from "../base/errors.js";
import { formatBytes, formatCount } from "../base/format.js";
import { ProgressLine, type ProgressStream } from "../base/report.js";
import type { Plan } from "../config/plan.js";
import { createEngine, type EngineOptions } from "../engine/select.js";
import { type ExportOptions, type ExportReport, exportModel } from "../export/export.js";
import { type Merge, mergedModel, openAgreeing } from "../export/merge.js";
import { openModel } from "../export/model.js";
import { newestFolder } from "../train/load-model.js";

export interface WriteOptions extends Omit<ExportOptions, "openEngine" | "onProgress"> {
  /** What computes the logits that are compared. */
  readonly engine: EngineOptions;
  readonly json: boolean;
  readonly progress: ProgressStream;
  readonly write: (text: string) => void;
}

/** Float32 where there is a choice: bf16 weights are exact in it, and what rounding costs is measured against it. */
const EXACT = { precision: "fp32", optimizerMemory: "auto", purpose: "evaluation" } as const;

/** @param source a folder, or the plan whose run's newest whole checkpoint is meant. */
export async function exportFolder(source: string | Plan, options: WriteOptions): Promise<ExportReport> {
  const folder = typeof source === "string" ? source : await newestFolder(source);
  return reported(options, async (own) => exportModel(await openModel(folder), [folder], own));
}

/** @throws UserError when a number does not fit the merge or the folders do not fit each other. */
export async function mergeFolders(
  folders: readonly [string, ...string[]],
  merge: Merge,
  options: WriteOptions,
): Promise<ExportReport> {
  checkMerge(folders, merge);
  return reported(options, async (own) => {
    const { models, warnings } = await openAgreeing(folders);
    const [first, ...others] = models;
    const report = await exportModel(mergedModel([first, ...others], merge), folders, own);
    return { ...report, warnings: [...warnings, ...report.warnings] };
  });
}

async function reported(
  { engine, json, progress, write, ...options }: WriteOptions,
  run: (options: ExportOptions) => Promise<ExportReport>,
): Promise<ExportReport> {
  using line = new ProgressLine(progress);
  const report = await run({
    ...options,
    onProgress: (text) => line.update(text),
    openEngine: async (architecture) => (await createEngine(architecture, undefined, { ...engine, ...EXACT })).engine,
  });
  line.clear();
  for (const warning of report.warnings) line.line(`warning: ${warning}`);
  write(json ? `${JSON.stringify(report, null, 2)}\n` : `${render(report).join("\n")}\n`);
  return report;
}

function render({ output, dtype, parameters, files, bytes, verified, engine, drift }: ExportReport): string[] {
  const size = `${formatCount(parameters)} parameters as ${dtype.toLowerCase()}`;
  const lines = [`${output}: ${size}, ${files.length} files, ${formatBytes(bytes)}`];
  lines.push(verified === "none" ? "not verified" : "verified: every tensor reads back bit for bit");
  if (engine !== null) lines.push(`verified: the files give the model's own logits bit for bit on ${engine}`);
  if (drift !== null)
    lines.push(
      `rounding to bf16 moves a logit by ${drift.logit.toExponential(2)} at most, ` +
        `the next token's distribution by ${drift.divergence.toExponential(2)} nats in the mean`,
    );
  return lines;
}

function checkMerge(folders: readonly string[], merge: Merge): void {
  if (merge.kind === "average") {
    const { weights } = merge;
    const problems = [
      weights.length === folders.length
        ? null
        : {
            what: "--weights must have one number for each folder",
            expected: `${folders.length}`,
            got: `${weights.length}`,
          },
      weights.every((weight) => Number.isFinite(weight) && weight >= 0) && weights.some((weight) => weight > 0)
        ? null
        : { what: "--weights must not be negative, nor all zero", got: weights.join(",") },
    ].filter((problem) => problem !== null);
    if (problems.length > 0) throw new UserError(problems);
  } else if (merge.kind === "interpolate" && !(merge.alpha >= 0 && merge.alpha <= 1))
    throw new UserError({
      what: "--alpha must be from 0 (base) to 1 (tuned)",
      got: String(merge.alpha),
      hint: "`merge add-difference <base> <tuned> <base> --scale ...` goes beyond",
    });
}
