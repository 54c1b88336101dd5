/** A study in words and tables: what was seen, how well each law holds, what came of each share, beside what was published. */
import { formatChange, formatCount, formatShare } from "../../base/format.js";
import type { ReportTable } from "../../base/report-table.js";
import { type Interval, parameterIntervals } from "../fit/bootstrap.js";
import type { LeftOut } from "../fit/cross-validate.js";
import { IBRAHIM_STRONG, IBRAHIM_WEAK } from "../replay.js";
import { outcomesByShare, paretoFront, type SeedSpread } from "./outcomes.js";
import type { Regressions } from "./regressions.js";
import { type LawFit, lawsByTrust, type Study } from "./study.js";
import { longestRuns } from "./table.js";

export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
  readonly tables: readonly ReportTable[];
  /** Those of the tables that are short and say what is asked for first. */
  readonly summary: readonly ReportTable[];
  /** Names of the plots that belong here. */
  readonly plots: readonly string[];
}

export function sectionsOf(study: Study, regressions: Regressions): Section[] {
  const sets = [...new Set(study.fits.map(({ set }) => set.name))];
  return [
    seenSection(study),
    ...sets.map((set) => setSection(study, set)),
    ...replaySection(study),
    ...criticalSection(study),
    ...regressionSection(regressions),
    ...(study.refused.length === 0 ? [] : [refusedSection(study)]),
  ];
}

function seenSection({ table }: Study): Section {
  const { runs, seeds, sizes, budgets, shares } = table.seen;
  return {
    title: "What was seen",
    lines: [
      `${runs} runs, ${seeds.length} seeds`,
      `model sizes: ${sizes.map(formatCount).join(", ")} parameters; laws of one size are of ${formatCount(table.size)}`,
      `budgets: ${budgets.map(formatCount).join(", ")} tokens`,
      `shares of ${table.domain}: ${shares.map(formatShare).join(", ")}`,
      `forgetting is told by the loss on ${table.general}`,
      table.comparable.length < table.observations.length
        ? "the learning rate falls along the runs: laws of tokens are fitted to the ends of runs, the learning-dynamics law to all evaluations"
        : "the learning rate does not fall along the runs: laws are fitted to all evaluations",
    ],
    tables: [],
    summary: [],
    plots: [],
  };
}

function setSection(study: Study, set: string): Section {
  const fits = lawsByTrust(study, set);
  const error = (fit: LawFit, factor: string): string => {
    const found = fit.leftOut.find(({ by }) => by.startsWith(factor));
    return found === undefined ? "" : leftOutText(found);
  };
  const quality: ReportTable = {
    title: `Laws on ${set}, the most trusted first`,
    head: ["law", "losses", "R²", "Huber", "RMSE", "error without a share", "without a size", "without a budget"],
    rows: fits.map((fit) => {
      const { law, samples, quality: of } = fit.bootstrap.fit;
      return [
        ...[law.name, samples.length, of.r2?.toFixed(4) ?? "-", of.huber.toExponential(2), of.rmse.toFixed(4)],
        ...["share", "model size", "tokens"].map((factor) => error(fit, factor)),
      ];
    }),
  };
  const impossible = fits.flatMap((fit) => fit.leftOut.flatMap((one) => one.impossible.slice(0, 1)));
  return {
    title: `Loss on ${set}`,
    lines: [...new Set(impossible)],
    tables: [quality, ...fits.map(parameterTable)],
    summary: [quality],
    plots: [`loss-${set}`, `predicted-${set}`],
  };
}

function leftOutText({ quality, worst, groups, impossible }: LeftOut): string {
  if (quality === null) return "not possible";
  const relative = quality.relative === null ? quality.rmse.toFixed(4) : formatShare(quality.relative);
  const at = worst === null ? "" : `, worst ${formatShare(worst.relative)} at ${worst.group}`;
  return `${relative}${at}${impossible.length > 0 ? ` (${groups - impossible.length} of ${groups})` : ""}`;
}

function parameterTable({ bootstrap }: LawFit): ReportTable {
  const { law, parameters, seen } = bootstrap.fit;
  const intervals = parameterIntervals(bootstrap);
  const units = seen
    .filter(({ unit }) => unit !== 1)
    .map(({ name, unit }) => `${name} in units of ${formatCount(unit)}`);
  return {
    title: `${law.name}: ${law.formula}${units.length > 0 ? `, ${units.join(", ")}` : ""} (${law.source})`,
    head: ["parameter", "value", "interval"],
    rows: law.parameters.map(({ symbol }, i) => [symbol, parameters[i].toPrecision(4), intervalText(intervals[i])]),
  };
}

export function intervalText(
  interval: Interval | null,
  text = (value: number): string => value.toPrecision(4),
): string {
  return interval === null
    ? "none"
    : `${text(interval.low)} to ${text(interval.high)} (${formatShare(interval.level)})`;
}

/** Our replay beside the published one: the two tables of Ibrahim et al. are at other scales, so their signs are compared, not their sizes. */
function replaySection(study: Study): Section[] {
  const outcomes = outcomesByShare(study.table);
  if (outcomes.length === 0) return [];
  const { domain, general } = study.table;
  const front = new Set(paretoFront(outcomes).map(({ share }) => share));
  const ours: ReportTable = {
    title: `Replay here, runs of ${formatCount(study.table.size)} parameters and ${formatCount(longestRuns(study.table).tokens)} tokens`,
    head: ["replay", `${domain} share`, "runs", `change on ${general}`, `loss on ${domain}`, "on the front"],
    rows: outcomes
      .toReversed()
      .map(({ share, runs, forgetting, domainLoss }) => [
        ...[formatShare(1 - share), formatShare(share), runs, spreadText(forgetting, formatChange)],
        ...[spreadText(domainLoss, (value) => value.toFixed(4)), front.has(share) ? "yes" : ""],
      ]),
  };
  const published = [IBRAHIM_STRONG, IBRAHIM_WEAK].map(
    ({ setting, source, baseOldLoss, rows }): ReportTable => ({
      title: `Published: ${setting} (${source})`,
      head: ["replay", "change on old data", "loss on new data"],
      rows: rows.map(({ replay, oldLoss, newLoss }) => [
        formatShare(replay),
        formatChange(oldLoss - baseOldLoss, 2),
        newLoss.toFixed(2),
      ]),
    }),
  );
  return [
    {
      title: "Gain, forgetting, replay",
      lines: [],
      tables: [ours, ...published],
      summary: [ours],
      plots: ["gain-forgetting"],
    },
  ];
}

function criticalSection({ critical, table }: Study): Section[] {
  if (critical === null) return [];
  const { fit } = critical.bootstrap;
  const points: ReportTable = {
    title: `Where the loss on ${table.general} has risen by ${critical.epsilon}`,
    head: ["tokens", "critical share"],
    rows: fit.samples.map(({ inputs, observed }) => [formatCount(inputs[0]), formatShare(observed)]),
  };
  const set = { name: table.general, role: "general" as const };
  const fitted = parameterTable({ set, bootstrap: critical.bootstrap, leftOut: [], inputsAt: () => null });
  return [
    {
      title: "Critical mixture ratio",
      lines: critical.skipped,
      tables: [points, fitted],
      summary: [points],
      plots: [],
    },
  ];
}

function regressionSection({ ranks, best, names, skipped }: Regressions): Section[] {
  if (ranks.length === 0 && skipped === null) return [];
  const tables: ReportTable[] = [
    {
      title: "Rank correlation of losses with predictions by fits without them",
      head: ["set", "ridge", "trees"],
      rows: ranks.map(({ set, ridge, trees }) => [set, ridge.toFixed(3), trees.toFixed(3)]),
    },
    {
      title: "Best mixture of each set, mean of the best of many that were scored",
      head: ["set", ...names, "predicted loss"],
      rows: best.map(({ set, mixture }) => [set, ...mixture.shares.map(formatShare), mixture.loss.toFixed(4)]),
    },
  ];
  const filled = tables.filter(({ rows }) => rows.length > 0);
  return [
    {
      title: "RegMix",
      lines: skipped === null ? [] : [skipped],
      tables: filled,
      summary: filled,
      plots: [],
    },
  ];
}

function refusedSection({ refused }: Study): Section {
  return {
    title: "Laws that were not fitted",
    lines: [],
    tables: [{ title: "", head: ["set", "law", "why"], rows: refused.map(({ set, law, why }) => [set, law, why]) }],
    summary: [],
    plots: [],
  };
}

function spreadText({ mean, deviation }: SeedSpread, text: (value: number) => string): string {
  return deviation === null ? text(mean) : `${text(mean)} ± ${deviation.toFixed(4)}`;
}
