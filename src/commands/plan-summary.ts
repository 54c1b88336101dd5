/** The numbers that `plan` shows, also as JSON. */
import { toNumber } from "../base/rational.js";
import { cardPeak } from "../bench/card-peak.js";
import type { PeakPrediction } from "../bench/prediction.js";
import type { Packing, Plan } from "../config/plan.js";
import type { StageDemand } from "../data/order.js";
import type { Architecture } from "../model/architecture.js";
import { flopsPerToken } from "../model/costs.js";
import { countParameters, parameterTable } from "../model/parameters.js";
import { learningRateAt } from "../optim/schedules.js";
import type { Speed } from "./measure.js";
import type { PlannedData, PlannedDomain } from "./plan-data.js";

export interface PlanSummary {
  readonly run: string;
  readonly runFolder: string;
  readonly begin: Plan["begin"];
  readonly parameters: number;
  readonly architecture: Architecture;
  /** Of one training token at the longest sequence, by the convention in `model/costs.ts`. */
  readonly flopsPerToken: number;
  readonly trainingFlops: number;
  /** At the peak, of the whole process or of what it has on a card. */
  readonly memory: PeakPrediction;
  readonly steps: number;
  readonly tokens: number;
  /** Null when the data is not here. */
  readonly domains: readonly PlannedDomain[] | null;
  readonly stages: readonly StageSummary[];
  /** What stages will not read of the domains in their mixtures, in words; empty without the data. */
  readonly unread: readonly string[];
  /** Null when it was not measured. */
  readonly speed: Speed | null;
  /** Seconds of all steps at the measured speed; evaluation and saving come on top. */
  readonly seconds: number | null;
  /** What a card promises, and the seconds that no run on it can stay below; null without a card, in fp32, or for one that we do not know. */
  readonly peak: { readonly flopsPerSecond: number; readonly seconds: number } | null;
}

export interface StageSummary {
  readonly name: string;
  readonly steps: number;
  readonly tokens: number;
  readonly sequenceLength: number;
  readonly rowsPerStep: number;
  readonly packing: Packing;
  readonly schedule: string;
  readonly firstRate: number;
  readonly highestRate: number;
  readonly lastRate: number;
  /** Tokens that this stage takes of each domain, without padding, and the epochs of it that the run has made when the stage ends; null without the data. */
  readonly domains: readonly {
    readonly name: string;
    readonly share: number;
    readonly tokens: number;
    readonly epochs: number | null;
    /** Part of the stage's rows that is tokens and not padding; null without the data, and where the stage has no row of the domain. */
    readonly filled: number | null;
  }[];
}

export function summarize(
  plan: Plan,
  architecture: Architecture,
  data: PlannedData | null,
  { memory, speed }: Pick<PlanSummary, "memory" | "speed">,
): PlanSummary {
  const length = Math.max(...plan.stages.map(({ sequenceLength }) => sequenceLength));
  const tokens = plan.stages.reduce((sum, stage) => sum + stage.tokens, 0);
  const trainingFlops = plan.stages.reduce(
    (sum, stage) => sum + stage.tokens * flopsPerToken(architecture, stage.sequenceLength),
    0,
  );
  return {
    run: plan.run,
    runFolder: plan.runFolder,
    begin: plan.begin,
    parameters: countParameters(parameterTable(architecture)),
    architecture,
    flopsPerToken: flopsPerToken(architecture, length),
    trainingFlops,
    memory,
    steps: plan.stages.reduce((sum, stage) => sum + stage.steps, 0),
    tokens,
    domains: data?.domains ?? null,
    stages: plan.stages.map((stage, index) => summarizeStage(stage, data?.demand[index] ?? null)),
    unread: data?.unread ?? [],
    speed,
    seconds: speed === null ? null : tokens / speed.tokensPerSecond,
    peak: peakOf(memory, trainingFlops),
  };
}

function peakOf({ onCard, choice }: PeakPrediction, flops: number): PlanSummary["peak"] {
  if (onCard === undefined || choice === null || choice.precision === "fp32") return null;
  const { flopsPerSecond = null } = cardPeak(onCard.card.name) ?? {};
  return flopsPerSecond === null ? null : { flopsPerSecond, seconds: flops / flopsPerSecond };
}

function summarizeStage(stage: Plan["stages"][number], demand: StageDemand | null): StageSummary {
  const rates = ratesOf(stage);
  return {
    name: stage.name,
    steps: stage.steps,
    tokens: stage.tokens,
    sequenceLength: stage.sequenceLength,
    rowsPerStep: stage.rowsPerStep,
    packing: stage.packing,
    schedule: stage.schedule.kind,
    firstRate: rates(0),
    highestRate: stage.schedule.peak,
    lastRate: rates(stage.steps - 1),
    domains: stage.mixture.map(({ domain, share }) => {
      const part = toNumber(share);
      const tokens = Math.round(part * stage.tokens);
      if (demand === null) return { name: domain, share: part, tokens, epochs: null, filled: null };
      const need = demand.domains.find((entry) => entry.domain === domain);
      if (need === undefined) throw new Error(`nobody asked what stage ${stage.name} needs of ${domain}`);
      const filled = need.rows > 0 ? need.tokens / (need.rows * stage.sequenceLength) : null;
      return { name: domain, share: part, tokens: need.tokens, epochs: need.epochs, filled };
    }),
  };
}

export function ratesOf(stage: Plan["stages"][number]): (step: number) => number {
  return (step) => learningRateAt(stage.schedule, step, stage.steps);
}
