/** The memory that a planned run will take, for people: the peak, its parts, and how it was made to fit. */
import { formatBytes, formatTable } from "../base/format.js";
import type { PeakPrediction } from "../bench/prediction.js";
import { type MemoryPart, totalBytes } from "../model/costs.js";
import { boundOfCopies } from "../train/memory.js";

export function renderMemory(prediction: PeakPrediction, rows: number): string[] {
  const { engine, predictedBy, parts, total, choice, onCard } = prediction;
  const about = predictedBy === "engine" ? "" : "about ";
  const on =
    onCard === undefined
      ? engine
      : `${onCard.card.name} (${engine}, ${choice?.precision === "fp32" ? "fp32" : "bf16"})`;
  return [
    `memory     ${about}${formatBytes(total)} at the peak on ${on}, with micro-batches of ${rows} rows${predictedBy === "engine" ? "" : " (a formula for every engine that does not plan its memory)"}`,
    ...formatTable(rowsOf(parts)),
    ...(choice === null ? [] : [`  ${choice.why}`]),
    ...(onCard === undefined
      ? []
      : [`  and ${formatBytes(totalBytes(onCard.host))} of the machine's memory`, ...formatTable(rowsOf(onCard.host))]),
    ...boundOfCopies(prediction).map((line) => `  ${line}`),
  ];
}

function rowsOf(parts: readonly MemoryPart[]): string[][] {
  const total = totalBytes(parts);
  return parts.map(({ name, bytes }) => [`  ${name}`, formatBytes(bytes), `${((100 * bytes) / total).toFixed(1)} %`]);
}
