/** `hephaestus plan`: the resolved run before any step, and a refusal when the data cannot feed it or the memory cannot hold it. */
import { UserError } from "../base/errors.js";
import { formatCount, formatRate, formatSeconds, formatTable } from "../base/format.js";
import { type PeakPrediction, thisMachine } from "../bench/prediction.js";
import type { Plan } from "../config/plan.js";
import { emptyCard, knownCard } from "../engine/native/cuda/cards.js";
import { engineThatRuns, type Places } from "../engine/select.js";
import { type Architecture, architectureOf } from "../model/architecture.js";
import { engineOptionsOf, memoryOfRun } from "../train/memory.js";
import { explainPlan, type StageExplanation } from "./explain.js";
import { renderExplanation } from "./explain-text.js";
import { measureSpeed } from "./measure.js";
import { isDataHere, plannedVocabulary, readPlannedData } from "./plan-data.js";
import { renderMemory } from "./plan-memory.js";
import { type PlanSummary, ratesOf, type StageSummary, summarize } from "./plan-summary.js";
import { plotCurve } from "./plot.js";

export interface PlanOptions {
  readonly json: boolean;
  /** Run two micro-batches to estimate the time. */
  readonly measure: boolean;
  /** Say of every stage why it has its schedule, with sources. */
  readonly explain?: boolean;
  /** A card by name, to plan for a machine that has it and, where it is not here, the data. */
  readonly card?: string;
  /** Where a card's libraries may be. */
  readonly places?: Places;
  readonly write: (text: string) => void;
}

export interface PlanReport extends PlanSummary {
  /** Where stages depart from what the sources of their recipes advise, in words. */
  readonly advice: readonly string[];
  /** By stage; null unless asked for. */
  readonly explanation: readonly StageExplanation[] | null;
}

export async function plan(resolved: Plan, options: PlanOptions): Promise<PlanReport> {
  const { card, places } = options;
  if (card !== undefined) checkCard(resolved, options);
  const data = card === undefined || (await isDataHere(resolved)) ? await readPlannedData(resolved) : null;
  const architecture = architectureOf(resolved.model, data?.vocabulary ?? plannedVocabulary(resolved));
  const memory = await memoryOf(resolved, architecture, options);
  const speed = options.measure ? await measureSpeed(resolved, architecture, memory, places) : null;
  const summary = summarize(resolved, architecture, data, { memory, speed });
  const explanation = explainPlan(resolved, summary.stages);
  const report = {
    ...summary,
    advice: explanation.flatMap(({ warnings }) => warnings),
    explanation: options.explain === true ? explanation : null,
  };
  options.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${render(resolved, report).join("\n")}\n`);
  return report;
}

async function memoryOf(
  plan: Plan,
  architecture: Architecture,
  { card, places }: PlanOptions,
): Promise<PeakPrediction> {
  if (card !== undefined) {
    // Nobody knows how much memory the machine with that card has.
    const machine = { ...thisMachine(), attainableBytes: Number.POSITIVE_INFINITY, card: emptyCard(knownCard(card)) };
    return memoryOfRun(plan, architecture, "native-cuda", { machine });
  }
  const engine = await engineThatRuns(engineOptionsOf(plan, places));
  return memoryOfRun(plan, architecture, engine, places === undefined ? {} : { places });
}

/** @throws UserError for what cannot go with a card that is not here. */
function checkCard({ engine }: Plan, { measure }: PlanOptions): void {
  if (measure)
    throw new UserError({
      what: "--measure needs the card itself",
      where: "--card",
      hint: "on the machine that has it, leave --card out",
    });
  if (engine.kind !== "auto" && engine.kind !== "native-cuda")
    throw new UserError({
      what: `the plan asks for the engine ${engine.kind}, which uses no card`,
      where: "--card",
      hint: "set `engine.kind: native-cuda`, or `auto`",
    });
}

const PLOT = { width: 64, height: 6 };

function render(plan: Plan, summary: PlanReport): string[] {
  const { architecture: a, explanation } = summary;
  return [
    `run        ${summary.run} (${summary.runFolder})`,
    `begins     ${plan.begin.mode === "scratch" ? `from random weights, seed ${plan.seed}` : `${plan.begin.mode} of ${plan.begin.from}`}`,
    `model      ${formatCount(summary.parameters)} parameters: width ${a.width}, ${a.layers} layers, ${a.heads} heads (${a.kvHeads} key/value), feed-forward ${a.feedForward}, vocabulary ${a.vocabulary}${a.tied ? ", tied" : ""}`,
    ...(plan.model.from === null ? [] : aboutBase(plan.model.from)),
    `compute    ${formatCount(summary.flopsPerToken)}FLOP per token, ${formatCount(summary.trainingFlops)}FLOP in all (6·N_matmul + causal half of attention)`,
    ...renderMemory(summary.memory, plan.engine.microBatchRows),
    `length     ${summary.steps} steps, ${formatCount(summary.tokens)} tokens`,
    summary.speed === null || summary.seconds === null
      ? timeOf(summary)
      : `time       about ${formatSeconds(summary.seconds)} at ${formatCount(summary.speed.tokensPerSecond)} tok/s on ${summary.speed.engine} (measured now; evaluation and saving come on top)`,
    "",
    ...renderDomains(plan, summary),
    ...[...summary.unread, ...summary.advice].map((line) => `warning: ${line}`),
    ...plan.stages.flatMap((stage, index) => [
      "",
      ...renderStage(stage, summary.stages[index], index),
      ...(explanation === null ? namedRecipe(stage) : renderExplanation(explanation[index])),
    ]),
  ];
}

function namedRecipe({ recipe }: Plan["stages"][number]): string[] {
  return recipe === null ? [] : [`  recipe ${recipe}; --explain says why`];
}

function aboutBase({ folder, modelType, vocabulary, ignored }: NonNullable<Plan["model"]["from"]>): string[] {
  return [
    `from       ${folder}, a ${modelType} of ${vocabulary} rows`,
    ...(ignored.length > 0 ? [`  without meaning here, in its config.json: ${ignored.join(", ")}`] : []),
  ];
}

function timeOf({ peak, memory: { onCard } }: PlanSummary): string {
  if (peak === null || onCard === undefined) return "time       not measured; add --measure";
  return `time       at least ${formatSeconds(peak.seconds)} at the ${formatCount(peak.flopsPerSecond)}FLOP/s that ${onCard.card.name} promises in bf16; real runs reach about half of that`;
}

function renderDomains(plan: Plan, { domains }: PlanSummary): string[] {
  if (domains === null) return [`data       not here (${plan.data.tokenizer.path}), so neither read nor checked`];
  return formatTable([
    ["domain", "documents", "tokens", "held-out"],
    ...domains.map((domain) => [
      domain.name,
      formatCount(domain.documents),
      formatCount(domain.tokens),
      domain.heldOutTokens === null ? "none" : formatCount(domain.heldOutTokens),
    ]),
  ]);
}

function renderStage(stage: Plan["stages"][number], summary: StageSummary, index: number): string[] {
  return [
    `stage ${index + 1}    ${summary.name}: ${summary.steps} steps of ${summary.rowsPerStep} × ${summary.sequenceLength} tokens, ${formatCount(summary.tokens)} in all`,
    ...formatTable([
      ["  domain", "share", "tokens", "epochs at its end", ...(summary.packing === "whole" ? ["rows filled"] : [])],
      ...summary.domains.map(({ name, share, tokens, epochs, filled }) => [
        `  ${name}`,
        `${(100 * share).toFixed(1)} %`,
        formatCount(tokens),
        epochs === null ? "?" : epochs.toFixed(3),
        ...(summary.packing === "whole" ? [filled === null ? "?" : `${(100 * filled).toFixed(1)} %`] : []),
      ]),
    ]),
    `  ${summary.schedule} schedule, learning rate ${formatRate(summary.firstRate)} → ${formatRate(summary.highestRate)} → ${formatRate(summary.lastRate)}`,
    ...plotCurve(ratesOf(stage), stage.steps, PLOT).map((line) => `  │${line}`),
    `  └${"─".repeat(Math.min(PLOT.width, stage.steps))} step ${summary.steps}`,
  ];
}
