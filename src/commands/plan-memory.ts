/** The memory that a planned run will take, for people: the peak, its parts, and what is computed again to stay within it. */
import { formatBytes, formatTable } from "../base/format.js";
import type { PeakPrediction } from "../bench/prediction.js";

export function renderMemory({ engine, predictedBy, parts, total, choice }: PeakPrediction, rows: number): string[] {
  const about = predictedBy === "engine" ? "" : "about ";
  return [
    `memory     ${about}${formatBytes(total)} at the peak on ${engine}, with micro-batches of ${rows} rows${predictedBy === "engine" ? "" : " (a formula for every engine that does not plan its memory)"}`,
    ...formatTable(parts.map(({ name, bytes }) => [`  ${name}`, formatBytes(bytes), percent(bytes / total)])),
    ...(choice === null ? [] : [`  ${choice.why}`]),
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
