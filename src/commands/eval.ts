/** `hephaestus eval`: held-out loss and bits per byte of every domain for a checkpoint, and forgetting against the run's step 0. */
import { UserError } from "../base/errors.js";
import { formatChange, formatCount, formatTable } from "../base/format.js";
import { ProgressLine, type ProgressStream } from "../base/report.js";
import type { Plan } from "../config/plan.js";
import { openSources } from "../data/sources.js";
import type { Places } from "../engine/select.js";
import {
  type DomainLoss,
  type Evaluation,
  evaluateHeldOut,
  forgetting,
  heldOutOptionsOf,
  parseEvaluations,
} from "../eval/held-out.js";
import { loadModel } from "../train/load-model.js";

export interface EvalReport {
  readonly checkpoint: string;
  readonly step: number | null;
  readonly engine: string;
  readonly domains: Readonly<Record<string, DomainLoss>>;
  /** Change of loss since step 0 of the checkpoint's run, in nats per token; null when it has none. */
  readonly change: Readonly<Record<string, number>> | null;
}

export interface EvalOptions {
  /** A checkpoint's folder, or null for the newest whole one of the plan's run. */
  readonly checkpoint: string | null;
  /** Held-out tokens of each domain; null for what the plan says. */
  readonly tokens: number | null;
  readonly json: boolean;
  readonly progress: ProgressStream;
  readonly write: (text: string) => void;
  /** Where a card's libraries may be. */
  readonly places?: Places;
}

export async function evaluate(plan: Plan, options: EvalOptions): Promise<EvalReport> {
  await using sources = await openSources(plan.data);
  if (sources.domains.every(({ heldOut }) => heldOut === null))
    throw new UserError({
      what: "no domain of the plan has held-out shards",
      where: "data.domains",
      hint: "give `heldOut` or `heldOutShards` to at least one domain",
    });
  const model = await loadModel(plan, options.checkpoint, options.places);
  using engine = model.engine;
  if (model.tokenizer !== null && model.tokenizer !== sources.tokenizer.fingerprint)
    throw new UserError({
      what: "this checkpoint was trained with another tokenizer than the plan's",
      where: model.folder,
      expected: model.tokenizer.slice(0, 12),
      got: sources.tokenizer.fingerprint.slice(0, 12),
    });
  using line = new ProgressLine(options.progress);
  const domains = await evaluateHeldOut(engine, sources, {
    ...heldOutOptionsOf(plan),
    ...(options.tokens === null ? {} : { tokensPerDomain: options.tokens }),
    onBatch: (domain, tokens) => line.update(`evaluating ${domain}: ${formatCount(tokens)} tokens`),
  });
  line.clear();
  const start = model.trainer === null ? undefined : parseEvaluations(model.trainer.evaluations)[0];
  const now: Evaluation = { step: model.trainer?.step ?? 0, stage: null, domains };
  const report: EvalReport = {
    checkpoint: model.folder,
    step: model.trainer?.step ?? null,
    engine: engine.describe().name,
    domains,
    change: start === undefined ? null : forgetting(start, now),
  };
  options.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${render(report).join("\n")}\n`);
  return report;
}

function render(report: EvalReport): string[] {
  const rows = Object.entries(report.domains).map(([name, { loss, bitsPerByte, tokens }]) => [
    name,
    loss.toFixed(4),
    bitsPerByte.toFixed(3),
    formatCount(tokens),
    report.change?.[name] === undefined ? "-" : formatChange(report.change[name]),
  ]);
  return [
    `${report.checkpoint}${report.step === null ? "" : ` (step ${report.step})`}, ${report.engine}`,
    ...formatTable([["domain", "loss", "bits/byte", "tokens", "since step 0"], ...rows]),
  ];
}
