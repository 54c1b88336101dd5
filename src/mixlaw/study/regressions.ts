/** RegMix on a study's table: how well it ranks mixtures, and the best mixture for each validation set. */
import { UserError } from "../../base/errors.js";
import { type BestMixture, bestMixture, fitRegression, foldedRankCorrelation } from "../laws/regmix.js";
import { shareOf } from "../observation.js";
import { longestRuns, type Table } from "./table.js";

export interface Regressions {
  /** Of the mixture's dimensions, in the order of the shares. */
  readonly names: readonly string[];
  readonly ranks: readonly { readonly set: string; readonly ridge: number; readonly trees: number }[];
  /** By the regressor of the better rank correlation. */
  readonly best: readonly { readonly set: string; readonly mixture: BestMixture }[];
  /** Why there are none; null where there are. */
  readonly skipped: string | null;
}

/** A tenth of the paper's million: the mean of the best hundred changes in the third digit. */
const MIXTURES = 100_000;

/** Of the chosen size's longest runs. One free share is a line, and the other laws draw it better: RegMix wants two. */
export function regressionsOf(table: Table, seed: number): Regressions {
  const { groups, sets } = table;
  const names = groups.map((group) => group.join("+"));
  if (groups.length < 3)
    return {
      ...{ names, ranks: [], best: [] },
      skipped: "the mixtures vary in one direction only: draw them from a Dirichlet distribution for RegMix",
    };
  const { ends } = longestRuns(table);
  try {
    const found = sets.map(({ name: set }) => {
      const runs = ends
        .filter((one) => one.domain === set)
        .map((one) => ({
          run: one.run,
          shares: groups.map((group) => shareOf(one, group)),
          loss: one.loss ?? Number.NaN,
        }));
      const ridge = foldedRankCorrelation("ridge", runs, names);
      const trees = foldedRankCorrelation("trees", runs, names);
      const around = groups.map((_, i) => runs.reduce((sum, { shares }) => sum + shares[i], 0) / runs.length);
      const regression = fitRegression(ridge > trees ? "ridge" : "trees", runs, names);
      return { set, ridge, trees, mixture: bestMixture(regression, around, { mixtures: MIXTURES, seed }) };
    });
    return { names, ranks: found, best: found, skipped: null };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { names, ranks: [], best: [], skipped: error.problems.map(({ what }) => what).join("; ") };
  }
}
