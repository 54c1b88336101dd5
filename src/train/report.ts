/**
 * What a run says: a live line on a terminal, plain lines elsewhere, and every event as a JSON line in the run's folder.
 * The JSON events are `begin`, `warning`, `step`, `skip`, `evaluation`, `checkpoint` and `end`; their fields are those written below.
 */
import { formatChange, formatCount, formatRate, formatSeconds, formatTable } from "../base/format.js";
import { ProgressLine, type ProgressStream, type RunLog } from "../base/report.js";
import type { PeakPrediction } from "../bench/prediction.js";
import type { Plan } from "../config/plan.js";
import type { DataOrder } from "../data/order.js";
import type { Row } from "../data/stage-order.js";
import type { EngineDescription } from "../engine/engine.js";
import { type Evaluation, forgetting } from "../eval/held-out.js";
import type { Beginning } from "./begin.js";
import { boundOfCopies } from "./memory.js";

export interface StepReport {
  readonly step: number;
  readonly stage: string;
  /** Tokens of the step, whether or not they count in the loss, padding among them. */
  readonly tokens: number;
  /** Mean over the step's counted targets, in nats. */
  readonly loss: number;
  /** Summed loss and counted targets of every domain of the order. */
  readonly lossOf: readonly { readonly nats: number; readonly tokens: number }[];
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** False when loss or gradient was not finite and the weights were left alone. */
  readonly applied: boolean;
  readonly ms: number;
}

/** Weight of the newest step in the running speed, so that the time left follows changes within some twenty steps. */
const SPEED_WEIGHT = 0.1;

export class TrainReport implements Disposable {
  readonly #plan: Plan;
  readonly #order: DataOrder;
  readonly #domains: readonly string[];
  readonly #log: RunLog;
  readonly #line: ProgressLine;
  readonly #totalTokens: number;
  #msPerToken: number | null = null;
  #status = "";

  /** @param options.domains names, in the order's order. */
  constructor(options: {
    plan: Plan;
    order: DataOrder;
    domains: readonly string[];
    log: RunLog;
    stream: ProgressStream;
  }) {
    this.#plan = options.plan;
    this.#domains = options.domains;
    this.#order = options.order;
    this.#log = options.log;
    this.#line = new ProgressLine(options.stream);
    this.#totalTokens = options.plan.stages.reduce((sum, { tokens }) => sum + tokens, 0);
  }

  begins(begin: Beginning, engine: EngineDescription, why: string, prediction: PeakPrediction): void {
    const { total, choice } = prediction;
    for (const warning of begin.warnings) this.warn(warning);
    this.#line.line(`run ${this.#plan.run}: ${begin.words}`);
    for (const note of begin.notes) this.#line.line(`  ${note}`);
    this.#line.line(`engine ${why}`);
    if (choice !== null) this.#line.line(choice.why);
    for (const line of boundOfCopies(prediction)) this.#line.line(line);
    this.#line.line(
      `${this.#order.steps - begin.step} of ${this.#order.steps} steps, ${formatCount(this.#totalTokens)} tokens in all`,
    );
    this.#log.event("begin", {
      step: begin.step,
      how: begin.words,
      engine: engine.name,
      device: engine.device,
      order: this.#order.fingerprint,
      predictedPeakBytes: total,
      precision: choice?.precision ?? engine.precision,
      recomputation: choice?.recomputation ?? null,
      plan: this.#plan,
    });
  }

  note(line: string): void {
    this.#line.line(line);
  }

  warn(warning: string): void {
    this.#log.event("warning", { warning });
    this.#line.line(`warning: ${warning}`);
  }

  stepped(report: StepReport, skipped: number): void {
    const ms = report.ms / report.tokens;
    this.#msPerToken = this.#msPerToken === null ? ms : this.#msPerToken + SPEED_WEIGHT * (ms - this.#msPerToken);
    const domains = this.#domainLosses(report);
    const done = report.step + 1;
    this.#log.event(report.applied ? "step" : "skip", {
      step: done,
      stage: report.stage,
      tokens: report.tokens,
      countedTokens: report.lossOf.reduce((sum, { tokens }) => sum + tokens, 0),
      padding: report.tokens - tokensOf(this.#order.batchAt(report.step)),
      loss: report.loss,
      domains,
      learningRate: report.learningRate,
      gradientNorm: report.gradientNorm,
      tokensPerSecond: Math.round((1000 * report.tokens) / report.ms),
      ledger: this.#order.ledgerAt(done).domains,
    });
    if (!report.applied)
      this.#line.line(
        `step ${done}: loss ${report.loss}, gradient norm ${report.gradientNorm}: not finite, weights left alone (${skipped} in a row)`,
      );
    this.#status = this.#stepText(report, domains);
    if (this.#line.live) this.#line.update(this.#status);
    else if (done % this.#plan.report.everySteps === 0 || done === this.#order.steps) this.#line.line(this.#status);
  }

  evaluating(domain: string, tokens: number): void {
    this.#line.update(`${this.#status} · evaluating ${domain}, ${formatCount(tokens)} tokens`);
  }

  evaluated(evaluation: Evaluation, start: Evaluation): void {
    const change = forgetting(start, evaluation);
    this.#log.event("evaluation", {
      step: evaluation.step,
      stage: evaluation.stage,
      domains: evaluation.domains,
      change,
    });
    const losses = Object.entries(evaluation.domains).map(
      ([name, { loss }]) =>
        `${name} ${loss.toFixed(4)}${evaluation.step === start.step ? "" : ` (${formatChange(change[name] ?? 0)})`}`,
    );
    if (losses.length > 0) this.#line.line(`held-out loss after step ${evaluation.step}: ${losses.join(", ")}`);
  }

  saved(folder: string, step: number): void {
    this.#log.event("checkpoint", { step, folder });
    this.#line.line(`checkpoint ${folder}`);
  }

  ends(status: "finished" | "interrupted", step: number, evaluations: readonly Evaluation[]): void {
    this.#log.event("end", { status, step });
    const shown = stageEnds(evaluations, this.#order);
    if (shown.length > 1) for (const line of evaluationTable(shown)) this.#line.line(line);
  }

  [Symbol.dispose](): void {
    this.#line[Symbol.dispose]();
  }

  #domainLosses(report: StepReport): Record<string, number> {
    const losses: Record<string, number> = {};
    for (const [index, { nats, tokens }] of report.lossOf.entries())
      if (tokens > 0) losses[this.#domains[index]] = nats / tokens;
    return losses;
  }

  #stepText(report: StepReport, domains: Readonly<Record<string, number>>): string {
    const done = report.step + 1;
    const tokens = tokensDone(this.#plan, done);
    const left = ((this.#totalTokens - tokens) * (this.#msPerToken ?? 0)) / 1000;
    return [
      `step ${done}/${this.#order.steps}`,
      report.stage,
      `${formatCount(tokens)} tokens`,
      `loss ${report.loss.toFixed(4)}`,
      Object.entries(domains)
        .map(([name, loss]) => `${name} ${loss.toFixed(3)}`)
        .join(" "),
      `lr ${formatRate(report.learningRate)}`,
      `grad ${report.gradientNorm.toFixed(3)}`,
      `${formatCount(Math.round(1000 / (this.#msPerToken ?? 1)))} tok/s`,
      `${formatSeconds(left)} left`,
    ].join(" · ");
  }
}

function tokensOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { pieces }) => sum + pieces.reduce((inRow, { length }) => inRow + length, 0), 0);
}

/** Tokens trained on after `step` steps. */
function tokensDone(plan: Plan, step: number): number {
  let tokens = 0;
  let first = 0;
  for (const stage of plan.stages) {
    tokens += Math.max(0, Math.min(step - first, stage.steps)) * stage.tokensPerStep;
    first += stage.steps;
  }
  return tokens;
}

/** Step 0 and the last evaluation of every stage. */
function stageEnds(evaluations: readonly Evaluation[], order: DataOrder): readonly Evaluation[] {
  return evaluations.filter(({ step }) => step === 0 || step === order.steps || order.stageAt(step).firstStep === step);
}

/** Held-out loss of every domain at some points of a run, with the change since the first and the bits per byte at the last. */
export function evaluationTable(evaluations: readonly Evaluation[]): string[] {
  const first = evaluations[0];
  const last = evaluations.at(-1);
  if (first === undefined || last === undefined || Object.keys(first.domains).length === 0) return [];
  const head = [
    "held-out loss",
    ...evaluations.map(({ step, stage }) => (stage === null ? "step 0" : `end of ${stage} (${step})`)),
    "change",
    "bits/byte",
  ];
  const change = forgetting(first, last);
  const rows = Object.keys(first.domains).map((name) => [
    name,
    ...evaluations.map(({ domains }) => domains[name]?.loss.toFixed(4) ?? "-"),
    formatChange(change[name] ?? 0),
    last.domains[name]?.bitsPerByte.toFixed(3) ?? "-",
  ]);
  return formatTable([head, ...rows]);
}
