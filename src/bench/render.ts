/** A bench's report as people read it. */
import { formatBytes, formatCount, formatTable } from "../base/format.js";
import type { BenchReport, TorchComparison } from "./report.js";
import type { Spread } from "./statistics.js";

export function renderReport(report: BenchReport): string[] {
  const { engine, stepMs, torch } = report;
  const threads = engine.threads === null ? "" : `, ${engine.threads} threads`;
  return [
    `shape      ${shapeText(report)}`,
    `engine     ${engine.name} (${engine.device}${threads}), ${engine.precision}; open after ${formatMs(report.openMs)}, first step ${formatMs(report.firstStepMs)}`,
    `step       median ${formatMs(stepMs.median)}, ${range(stepMs, formatMs)}: ${report.steps} steps after ${report.warmUp} untimed`,
    `speed      ${formatCount(report.tokensPerSecond)} tok/s at the median`,
    `compute    ${formatPerSecond(report.flopsPerSecond, "FLOP")} of the model (${report.flopsConvention})`,
    `ceiling    ${ceilingText(report)}`,
    `memory     ${memoryText(report)}`,
    ...(report.bytesPerStep === null ? [] : [`moved      ${formatBytes(Math.round(report.bytesPerStep))} a step`]),
    "",
    ...operationLines(report),
    ...(torch === null ? [] : ["", ...torchLines(report, torch)]),
  ];
}

/** Milliseconds with three significant digits or whole. */
export function formatMs(ms: number): string {
  return `${ms >= 100 ? Math.round(ms) : Number(ms.toPrecision(3))} ms`;
}

/** A rate in decimal units, as machines are compared: `412 GFLOP/s`, `0.0402 GFLOP/s`, `1.2 TB/s`. */
export function formatPerSecond(value: number, unit: string): string {
  const [scale, prefix] = value >= 1e12 ? [1e12, "T"] : [1e9, "G"];
  return `${Number((value / scale).toPrecision(3))} ${prefix}${unit}/s`;
}

function range({ min, max }: Spread, format: (value: number) => string): string {
  return `${format(min)} to ${format(max)}`;
}

function shapeText({ shape, parameters, tokensPerStep }: BenchReport): string {
  const { architecture: a, rows, length, accumulate } = shape;
  const heads = a.kvHeads === a.heads ? `${a.heads} heads` : `${a.heads} heads (${a.kvHeads} key/value)`;
  const pieces = accumulate === 1 ? "" : `${accumulate} × `;
  return [
    `width ${a.width}, ${a.layers} layers, ${heads}, feed-forward ${a.feedForward}, vocabulary ${a.vocabulary}${a.tied ? ", tied" : ""}`,
    `${formatCount(parameters)} parameters`,
    `${pieces}${rows} × ${length} = ${tokensPerStep} tokens a step`,
  ].join("; ");
}

function ceilingText({ ceiling, ceilingShare, engine }: BenchReport): string {
  if (ceiling === null || ceilingShare === null) return `not measured: ${engine.name} cannot run a product by itself`;
  const { rows, columns, inner, flopsPerSecond } = ceiling;
  return `${percent(ceilingShare)} of ${formatPerSecond(flopsPerSecond, "FLOP")}, measured now: product of ${rows} × ${inner} and ${inner} × ${columns}`;
}

function memoryText({ memory }: BenchReport): string {
  const { peakBytes, beforeBytes, predictedBytes, predictedBy, ratio } = memory;
  const by = predictedBy === "engine" ? "the engine predicts" : "the plan's formula predicts";
  return `peak ${formatBytes(peakBytes)}, ${formatBytes(beforeBytes)} of it before the engine; ${by} ${formatBytes(predictedBytes)}: ${percent(ratio)}`;
}

function operationLines({ operations, stepMs, engine }: BenchReport): string[] {
  if (operations === null) return [`operations not timed: ${engine.name} does not tell`];
  const total = operations.reduce((sum, { ms }) => sum + ms, 0);
  const rows = operations.map(({ kind, ms, calls, bytes }) => [
    kind,
    formatMs(ms),
    percent(ms / total),
    formatCount(calls),
    bytes === undefined ? "-" : formatBytes(Math.round(bytes)),
    bytes === undefined ? "-" : formatPerSecond((1000 * bytes) / ms, "B"),
  ]);
  return [
    ...formatTable([["operation", "a step", "share", "calls", "moved", "rate"], ...rows]),
    `${formatMs(total)} in operations of a step of ${formatMs(stepMs.median)}`,
  ];
}

function torchLines(report: BenchReport, torch: TorchComparison): string[] {
  const { engine, tokensPerStep } = report;
  const rate = (ms: number): string => formatCount((1000 * tokensPerStep) / ms);
  const own = [
    engine.name,
    String(engine.threads ?? "-"),
    formatMs(torch.stepMs.median),
    range(torch.stepMs, formatMs),
  ];
  const rows = torch.modes.map(({ peer, mode, threads, stepMs, ratio, ratios }) => [
    ...[`${peer} ${mode}`, String(threads), formatMs(stepMs.median), range(stepMs, formatMs), rate(stepMs.median)],
    ...[factor(ratio), range(ratios, factor)],
  ]);
  return [
    ...formatTable([
      ["side", "threads", "a step", "of the rounds", "tok/s", "ours / theirs", "of the rounds"],
      [...own, rate(torch.stepMs.median), "", ""],
      ...rows,
    ]),
    `${torch.rounds} rounds; ${torch.method}`,
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function factor(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}
