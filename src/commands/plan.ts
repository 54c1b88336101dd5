/** `hephaestus plan`: the resolved run before any step, and a refusal when the data cannot feed it. */
import { formatCount, formatRate, formatSeconds, formatTable } from "../base/format.js";
import { toNumber } from "../base/rational.js";
import type { PeakPrediction } from "../bench/prediction.js";
import type { Plan } from "../config/plan.js";
import type { StageDemand } from "../data/order.js";
import { type DataSources, openSources } from "../data/sources.js";
import { engineThatRuns } from "../engine/select.js";
import { type Architecture, architectureOf } from "../model/architecture.js";
import { flopsPerToken } from "../model/costs.js";
import { countParameters, parameterTable } from "../model/parameters.js";
import { learningRateAt } from "../optim/schedules.js";
import { startLedgerOf } from "../train/begin.js";
import { memoryOfRun } from "../train/memory.js";
import { checkDemand, orderOfPlan } from "../train/order.js";
import { measureSpeed, type Speed } from "./measure.js";
import { renderMemory } from "./plan-memory.js";
import { plotCurve } from "./plot.js";

export interface PlanSummary {
  readonly run: string;
  readonly runFolder: string;
  readonly begin: Plan["begin"];
  readonly parameters: number;
  readonly architecture: Architecture;
  /** Of one training token at the longest sequence, by the convention in `model/costs.ts`. */
  readonly flopsPerToken: number;
  readonly trainingFlops: number;
  /** Of the whole process at its peak. */
  readonly memory: PeakPrediction;
  readonly steps: number;
  readonly tokens: number;
  readonly domains: readonly {
    readonly name: string;
    readonly tokens: number;
    readonly documents: number;
    readonly heldOutTokens: number | null;
  }[];
  readonly stages: readonly StageSummary[];
  /** Null when it was not measured. */
  readonly speed: Speed | null;
  /** Seconds of all steps at the measured speed; evaluation and saving come on top. */
  readonly seconds: number | null;
}

interface StageSummary {
  readonly name: string;
  readonly steps: number;
  readonly tokens: number;
  readonly sequenceLength: number;
  readonly rowsPerStep: number;
  readonly schedule: string;
  readonly firstRate: number;
  readonly highestRate: number;
  readonly lastRate: number;
  /** Tokens that this stage takes of each domain, and the epochs of it that the run has made when the stage ends. */
  readonly domains: readonly {
    readonly name: string;
    readonly share: number;
    readonly tokens: number;
    readonly epochs: number;
  }[];
}

export interface PlanOptions {
  readonly json: boolean;
  /** Run two micro-batches to estimate the time. */
  readonly measure: boolean;
  readonly write: (text: string) => void;
}

export async function plan(resolved: Plan, options: PlanOptions): Promise<PlanSummary> {
  await using sources = await openSources(resolved.data);
  const architecture = architectureOf(resolved.model, sources.tokenizer.vocabulary);
  const order = orderOfPlan(resolved, sources.domains, await startLedgerOf(resolved.begin));
  checkDemand(resolved, order, sources.domains);
  const memory = memoryOfRun(resolved, architecture, await engineThatRuns({ kind: resolved.engine.kind }));
  const speed = options.measure ? await measureSpeed(resolved, architecture, memory) : null;
  const summary = summarize(resolved, architecture, sources, order.demand(), { memory, speed });
  options.write(options.json ? `${JSON.stringify(summary, null, 2)}\n` : `${render(resolved, summary).join("\n")}\n`);
  return summary;
}

function summarize(
  plan: Plan,
  architecture: Architecture,
  sources: DataSources,
  demand: readonly StageDemand[],
  { memory, speed }: Pick<PlanSummary, "memory" | "speed">,
): PlanSummary {
  const length = Math.max(...plan.stages.map(({ sequenceLength }) => sequenceLength));
  const tokens = plan.stages.reduce((sum, stage) => sum + stage.tokens, 0);
  return {
    run: plan.run,
    runFolder: plan.runFolder,
    begin: plan.begin,
    parameters: countParameters(parameterTable(architecture)),
    architecture,
    flopsPerToken: flopsPerToken(architecture, length),
    trainingFlops: plan.stages.reduce(
      (sum, stage) => sum + stage.tokens * flopsPerToken(architecture, stage.sequenceLength),
      0,
    ),
    memory,
    steps: plan.stages.reduce((sum, stage) => sum + stage.steps, 0),
    tokens,
    domains: sources.domains.map(({ name, train, heldOut }) => ({
      name,
      tokens: train.tokens,
      documents: train.documents,
      heldOutTokens: heldOut?.tokens ?? null,
    })),
    stages: plan.stages.map((stage, index) => summarizeStage(stage, demand[index])),
    speed,
    seconds: speed === null ? null : tokens / speed.tokensPerSecond,
  };
}

function summarizeStage(stage: Plan["stages"][number], demand: StageDemand): StageSummary {
  const rates = ratesOf(stage);
  return {
    name: stage.name,
    steps: stage.steps,
    tokens: stage.tokens,
    sequenceLength: stage.sequenceLength,
    rowsPerStep: stage.rowsPerStep,
    schedule: stage.schedule.kind,
    firstRate: rates(0),
    highestRate: stage.schedule.peak,
    lastRate: rates(stage.steps - 1),
    domains: stage.mixture.map(({ domain, share }) => {
      const need = demand.domains.find((entry) => entry.domain === domain);
      return { name: domain, share: toNumber(share), tokens: need?.tokens ?? 0, epochs: need?.epochs ?? 0 };
    }),
  };
}

function ratesOf(stage: Plan["stages"][number]): (step: number) => number {
  return (step) => learningRateAt(stage.schedule, step, stage.steps);
}

const PLOT = { width: 64, height: 6 };

function render(plan: Plan, summary: PlanSummary): string[] {
  const { architecture: a } = summary;
  return [
    `run        ${summary.run} (${summary.runFolder})`,
    `begins     ${plan.begin.mode === "scratch" ? `from random weights, seed ${plan.seed}` : `${plan.begin.mode} of ${plan.begin.from}`}`,
    `model      ${formatCount(summary.parameters)} parameters: width ${a.width}, ${a.layers} layers, ${a.heads} heads (${a.kvHeads} key/value), feed-forward ${a.feedForward}, vocabulary ${a.vocabulary}${a.tied ? ", tied" : ""}`,
    `compute    ${formatCount(summary.flopsPerToken)}FLOP per token, ${formatCount(summary.trainingFlops)}FLOP in all (6·N_matmul + causal half of attention)`,
    ...renderMemory(summary.memory, plan.engine.microBatchRows),
    `length     ${summary.steps} steps, ${formatCount(summary.tokens)} tokens`,
    summary.speed === null || summary.seconds === null
      ? "time       not measured; add --measure"
      : `time       about ${formatSeconds(summary.seconds)} at ${formatCount(summary.speed.tokensPerSecond)} tok/s on ${summary.speed.engine} (measured now; evaluation and saving come on top)`,
    "",
    ...formatTable([
      ["domain", "documents", "tokens", "held-out"],
      ...summary.domains.map((domain) => [
        domain.name,
        formatCount(domain.documents),
        formatCount(domain.tokens),
        domain.heldOutTokens === null ? "none" : formatCount(domain.heldOutTokens),
      ]),
    ]),
    ...plan.stages.flatMap((stage, index) => ["", ...renderStage(stage, summary.stages[index], index)]),
  ];
}

function renderStage(stage: Plan["stages"][number], summary: StageSummary, index: number): string[] {
  return [
    `stage ${index + 1}    ${summary.name}: ${summary.steps} steps of ${summary.rowsPerStep} × ${summary.sequenceLength} tokens, ${formatCount(summary.tokens)} in all`,
    ...formatTable([
      ["  domain", "share", "tokens", "epochs at its end"],
      ...summary.domains.map(({ name, share, tokens, epochs }) => [
        `  ${name}`,
        `${(100 * share).toFixed(1)} %`,
        formatCount(tokens),
        epochs.toFixed(3),
      ]),
    ]),
    `  ${summary.schedule} schedule, learning rate ${formatRate(summary.firstRate)} → ${formatRate(summary.highestRate)} → ${formatRate(summary.lastRate)}`,
    ...plotCurve(ratesOf(stage), stage.steps, PLOT).map((line) => `  │${line}`),
    `  └${"─".repeat(Math.min(PLOT.width, stage.steps))} step ${summary.steps}`,
  ];
}
