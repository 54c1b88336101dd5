/** A study as a plain value, for `fit.json` and for those who read it with another program. */
import { parameterIntervals } from "../fit/bootstrap.js";
import { outcomesByShare } from "./outcomes.js";
import type { Regressions } from "./regressions.js";
import type { LawFit, Study } from "./study.js";

export function studyRecord(study: Study, regressions: Regressions): unknown {
  const { table, fits, critical, refused } = study;
  const { domain, general, size, sets, groups, seen } = table;
  return {
    ...{ domain, general, size, sets, groups, seen },
    fits: fits.map((fit) => ({ set: fit.set.name, ...fitRecord(fit.bootstrap), leftOut: fit.leftOut })),
    criticalRatio:
      critical === null
        ? null
        : { epsilon: critical.epsilon, skipped: critical.skipped, ...fitRecord(critical.bootstrap) },
    outcomes: outcomesByShare(table),
    regressions,
    refused,
  };
}

function fitRecord(bootstrap: LawFit["bootstrap"]): Record<string, unknown> {
  const { law, parameters, seen, quality, samples, options } = bootstrap.fit;
  const intervals = parameterIntervals(bootstrap);
  return {
    ...{ law: law.name, formula: law.formula, source: law.source, losses: samples.length, quality, seed: options.seed },
    parameters: law.parameters.map(({ symbol }, i) => ({ symbol, value: parameters[i], interval: intervals[i] })),
    factors: seen,
  };
}
