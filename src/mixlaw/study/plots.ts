/** The plots of a study: loss by share with the laws' curves and intervals, gain against forgetting, predicted against observed. */
import type { Layer, Plot } from "../../base/plot.js";
import { lineOf } from "../answer.js";
import { curveInterval } from "../fit/bootstrap.js";
import { predict } from "../fit/fit.js";
import { shareOf } from "../observation.js";
import { outcomesByShare, paretoFront } from "./outcomes.js";
import { type LawFit, lawsByTrust, type Study, shareCurve } from "./study.js";
import { longestRuns } from "./table.js";

export interface NamedPlot {
  /** Part of a file's name. */
  readonly name: string;
  readonly plot: Plot;
}

const POINTS = 60;
/** More curves in one plot than these cannot be told apart. */
const CURVES = 3;

export function plotsOf(study: Study): NamedPlot[] {
  const sets = [...new Set(study.fits.map(({ set }) => set.name))];
  const pareto = paretoPlot(study);
  return [
    ...sets.map((set) => ({ name: `loss-${set}`, plot: lossPlot(study, set) })),
    ...(pareto === null ? [] : [{ name: "gain-forgetting", plot: pareto }]),
    ...sets.map((set) => ({ name: `predicted-${set}`, plot: predictedPlot(lawsByTrust(study, set)[0]) })),
  ];
}

/** Of the longest runs of the chosen size, with the laws that say something of them. */
function lossPlot(study: Study, set: string): Plot {
  const { table } = study;
  const { tokens, ends } = longestRuns(table);
  const runs = ends.filter((one) => one.domain === set);
  const [low, high] = [table.seen.shares[0], table.seen.shares[table.seen.shares.length - 1]];
  const x = Array.from({ length: POINTS + 1 }, (_, i) => low + ((high - low) * i) / POINTS);
  const curves = lawsByTrust(study, set).flatMap((fit) => {
    const curve = shareCurve(fit, { parameters: table.size, tokens });
    return curve === null ? [] : [{ name: fit.bootstrap.fit.law.name, curve }];
  });
  const measured: Layer = {
    ...{ kind: "points", name: "runs" },
    x: runs.map((one) => shareOf(one, [table.domain])),
    y: runs.map(({ loss }) => loss ?? Number.NaN),
  };
  const lines = curves
    .slice(0, CURVES)
    .map(({ name, curve }): Layer => ({ kind: "line", name, x, y: x.map(lineOf(curve)) }));
  const bands = curves.slice(0, 1).flatMap(({ name, curve }): Layer[] => {
    const intervals = x.map((share) => curveInterval(curve.bootstrap, curve.inputsAt(share)));
    if (intervals.every((interval) => interval === null)) return [];
    const ends = (end: "low" | "high") => intervals.map((interval) => interval?.[end] ?? Number.NaN);
    return [{ kind: "band", name, x, low: ends("low"), high: ends("high") }];
  });
  return {
    title: `Loss on ${set} by the share of ${table.domain}`,
    xLabel: `share of ${table.domain}`,
    yLabel: "nats per token",
    layers: [measured, ...bands, ...lines],
  };
}

function paretoPlot({ table }: Study): Plot | null {
  const outcomes = outcomesByShare(table);
  if (outcomes.length === 0) return null;
  const front = paretoFront(outcomes).sort((a, b) => a.forgetting.mean - b.forgetting.mean);
  return {
    title: `What is gained in ${table.domain} against what is forgotten`,
    xLabel: `rise of the loss on ${table.general}, nats`,
    yLabel: `fall of the loss on ${table.domain}, nats`,
    layers: [
      {
        ...{ kind: "points", name: "shares" },
        x: outcomes.map(({ forgetting }) => forgetting.mean),
        y: outcomes.map(({ gain }) => gain.mean),
      },
      {
        ...{ kind: "line", name: "front" },
        x: front.map(({ forgetting }) => forgetting.mean),
        y: front.map(({ gain }) => gain.mean),
      },
    ],
  };
}

function predictedPlot({ set, bootstrap: { fit } }: LawFit): Plot {
  const observed = fit.samples.map((sample) => sample.observed);
  const ends = [Math.min(...observed), Math.max(...observed)];
  return {
    title: `${fit.law.name} on ${set.name}: predicted against observed`,
    xLabel: "observed, nats per token",
    yLabel: "predicted",
    layers: [
      { kind: "points", name: "losses", x: observed, y: fit.samples.map(({ inputs }) => predict(fit, inputs)) },
      { kind: "line", name: "equal", x: ends, y: ends },
    ],
  };
}
