/** Loss curves as people read them: where each begins and ends, and how far it goes from the first. */
import { formatTable } from "../base/format.js";
import type { Curve } from "./curve.js";

/** Steps whose mean stands for a curve's end. */
const LAST = 20;

export function renderCurves(curves: readonly Curve[]): string[] {
  const rows = curves.map(({ side, losses, against }) => [
    ...[side, loss(losses[0]), loss(endOf(losses))],
    ...(against === null ? ["", "", ""] : [percent(against.largest), String(against.at), percent(against.mean)]),
  ]);
  const [{ side, losses }] = curves;
  return [
    ...formatTable([["side", "first loss", "at the end", "largest difference", "at step", "mean difference"], ...rows]),
    `${losses.length} steps; differences of the loss of each step relative to ${side}; at the end: mean of the last ${Math.min(LAST, losses.length)}`,
  ];
}

function endOf(losses: readonly number[]): number {
  const last = losses.slice(-LAST);
  return last.reduce((sum, one) => sum + one, 0) / last.length;
}

function loss(value: number): string {
  return value.toFixed(5);
}

/** Three significant digits, which may be very small. */
function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toPrecision(3)} %` : "not a number";
}
