/** A bench's report as people read it. */
import { formatBytes, formatCount, formatTable } from "../base/format.js";
import type { PrecisionName } from "../engine/native/precision.js";
import type { BenchReport } from "./report.js";
import type { Spread } from "./statistics.js";

/** Parts of the memory that are shown: at least this share of it. */
const LEAST_PART = 0.01;

export function renderReport(report: BenchReport): string[] {
  const { engine, stepMs } = report;
  const told = engine.threads === null || engine.device.includes("thread");
  const threads = told ? "" : `, ${engine.threads} threads`;
  return [
    `shape      ${shapeText(report)}`,
    `engine     ${engine.name} (${engine.device}${threads}), ${MODES[report.mode ?? engine.precision]}; open after ${formatMs(report.openMs)}, first step ${formatMs(report.firstStepMs)}`,
    ...startLines(report),
    `step       median ${formatMs(stepMs.median)}, ${range(stepMs, formatMs)}: ${report.steps} steps after ${report.warmUp} untimed`,
    `speed      ${formatCount(report.tokensPerSecond)} tok/s at the median`,
    `compute    ${formatPerSecond(report.flopsPerSecond, "FLOP")} of the model (${report.flopsConvention})`,
    ...peakLines(report),
    `ceiling    ${ceilingText(report)}`,
    `loss       ${lossText(report)}`,
    ...memoryLines(report),
    ...(report.bytesPerStep === null ? [] : [`moved      ${formatBytes(Math.round(report.bytesPerStep))} a step`]),
    "",
    ...operationLines(report),
    ...comparisonLines(report),
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

/** What numbers are kept in. */
const MODES: Readonly<Record<PrecisionName, string>> = {
  fp32: "fp32",
  bf16: "bf16 with an optimizer in fp32",
  "bf16-lean": "bf16 throughout",
};

function startLines({ cold, saving }: BenchReport): string[] {
  return [
    ...(cold === null
      ? []
      : [
          `cold       with nothing compiled before: open after ${formatMs(cold.openMs)}, first step ${formatMs(cold.firstStepMs)}`,
        ]),
    ...(saving === null
      ? []
      : [
          `saving     weights and moments are copied out in ${formatMs(saving.copyMs)}; the step beside it took ${saving.stallMs <= 0 ? "no" : `${formatMs(saving.stallMs)}`} longer`,
        ]),
  ];
}

function peakLines({ peak }: BenchReport): string[] {
  if (peak === null) return [];
  return [
    `peak       ${percent(peak.share)} of ${formatPerSecond(peak.flopsPerSecond, "FLOP")}, dense bf16 of ${peak.card} by its data sheet`,
  ];
}

function lossText({ loss: { first, expected, sane } }: BenchReport): string {
  if (first === null) return "the first step's is not a number";
  const judged = sane ? "as of new weights" : "NOT as of new weights, whose is about";
  return `${first.toFixed(3)} in the first step, ${judged} (${expected.toFixed(3)})`;
}

function memoryLines({ memory }: BenchReport): string[] {
  const { peakBytes, total, predictedBy, parts, choice, ratio, device, onCard } = memory;
  const by = predictedBy === "engine" ? "predicted" : "predicted by the formula for all engines";
  const seen = parts.filter(({ bytes }) => bytes >= total * LEAST_PART);
  return [
    `memory     peak ${formatBytes(peakBytes)}${onCard === undefined ? "" : " of the card"}, ${formatBytes(total)} ${by}: ${percent(ratio)}`,
    ...(device === null || onCard !== undefined
      ? []
      : [`           ${formatBytes(device.usedBytes)} of the device's ${formatBytes(device.totalBytes)} in use`]),
    `           predicted: ${seen.map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`).join(", ")}`,
    ...(choice === null ? [] : [`           ${choice.why}`]),
  ];
}

function operationLines(report: BenchReport): string[] {
  const { operations, stepMs, engine } = report;
  if (operations === null) return [`operations not timed: ${engine.name} does not tell`];
  const total = operations.reduce((sum, { ms }) => sum + ms, 0);
  const rows = operations.map(({ kind, ms, calls, bytes, flops = 0, floorMs }) => [
    kind,
    formatMs(ms),
    percent(ms / total),
    formatCount(calls),
    bytes === undefined ? "-" : formatBytes(Math.round(bytes)),
    bytes === undefined ? "-" : formatPerSecond((1000 * bytes) / ms, "B"),
    flops === 0 ? "-" : formatPerSecond((1000 * flops) / ms, "FLOP"),
    ...(floorMs === null ? ["-", "-"] : [formatMs(floorMs), factor(ms / floorMs)]),
  ]);
  const titles = ["operation", "a step", "share", "calls", "moved", "rate", "products", "floor", "of floor"];
  return [
    ...formatTable([titles, ...rows]),
    `${formatMs(total)} in operations of a step of ${formatMs(stepMs.median)}; moved: what is read and written at the least`,
    ...floorLines(report),
  ];
}

function floorLines({ operations, copyCeiling }: BenchReport): string[] {
  const floors = operations?.map(({ floorMs }) => floorMs) ?? [];
  if (copyCeiling === null || floors.includes(null)) return [];
  const sum = floors.reduce<number>((total, floor) => total + (floor ?? 0), 0);
  return [
    `floor: ${formatMs(sum)} in all; of each the longer of what it moves at the ${formatPerSecond(copyCeiling.bytesPerSecond, "B")} of a copy, measured now, and its products at the ceiling`,
  ];
}

/** All comparisons in one table, ours first. */
function comparisonLines(report: BenchReport): string[] {
  const { engine, tokensPerStep, torch, engines } = report;
  const all = [engines, torch].filter((each) => each !== null);
  if (all.length === 0) return [];
  const [{ rounds, method, stepMs: ours }] = all;
  const row = (side: string, threads: number | null, stepMs: Spread, peakBytes: number | null) => [
    ...[side, String(threads ?? "-"), formatMs(stepMs.median), range(stepMs, formatMs)],
    ...[formatCount((1000 * tokensPerStep) / stepMs.median), peakBytes === null ? "-" : formatBytes(peakBytes)],
  ];
  const rows = all.flatMap(({ modes }) =>
    modes.map(({ peer, mode, threads, stepMs, peakBytes, ratio, ratios }) => [
      ...row(peer === null ? mode : `${peer} ${mode}`, threads, stepMs, peakBytes),
      ...[factor(ratio), range(ratios, factor)],
    ]),
  );
  return [
    "",
    ...formatTable([
      ["side", "threads", "a step", "of the rounds", "tok/s", "memory", "ours / theirs", "of the rounds"],
      [...row(engine.name, engine.threads, ours, report.memory.peakBytes), "", ""],
      ...rows,
    ]),
    `${rounds} rounds; ${method}`,
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function factor(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}
