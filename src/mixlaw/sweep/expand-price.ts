/**
 * The anneals that price data sources: from one checkpoint, one anneal without any source and one with a share of each, the learning rate
 * falling linearly to zero without a warm-up. After Llama 3 (arXiv 2407.21783), which annealed a half-trained model on 30 % of the new
 * data, and the micro-anneals of OLMo 2. Pure: the same file gives the same runs.
 */
import type { SweepPlan } from "../../config/load-sweep.js";
import type { PriceSource } from "../../config/schema-experiments.js";
import { basesOf, checkCount } from "./expand.js";
import { shareLabel, sharesOf, withShare } from "./mixtures.js";
import { PlanMaker, type SweepRun, shortCount, type WantedRun } from "./plan-maker.js";

export interface Anneal {
  readonly run: SweepRun;
  /** Null: the control, which reads the rest alone. */
  readonly source: string | null;
}

export interface PriceRuns {
  /** None where the file names a checkpoint. */
  readonly bases: readonly SweepRun[];
  readonly anneals: readonly Anneal[];
}

/** What a size is called where the model is that of `price.from`. */
const GIVEN = "from";

/** @throws UserError with what is wrong with the runs' plans. */
export function expandPrice(sweep: SweepPlan): PriceRuns {
  const price = priceOf(sweep);
  checkCount(sweep, sweep.sizes.length * sweep.seeds.length * (price.sources.length + 1));
  const maker = new PlanMaker(sweep);
  const bases = price.from === null ? basesOf(sweep).map(({ size, seed }) => maker.makeBase(size, seed)) : [];
  const anneals = beginningsOf(sweep, price, maker).flatMap(({ size, seed, base, begin }) =>
    [null, ...price.sources].map((source) => {
      const label = source === null ? "control" : `${source}-${shareLabel(price.share)}`;
      const name = `price-${size.name}-s${seed}-${shortCount(price.tokens)}-${label}`;
      const run = maker.make({
        ...{ name, size, seed, base, begin, successors: "none", stage: "price", tokens: price.tokens },
        mixture: source === null ? sharesOf(price.rest) : withShare(source, price.share, price.rest),
        schedule: { kind: "linear", peak: price.peak, min: 0, warmup: 0 },
        maxEpochs: sweep.continue.maxEpochs,
        points: 1,
      });
      return { run, source };
    }),
  );
  maker.throwIfAny();
  return {
    bases: bases.filter((run) => run !== null),
    anneals: anneals.flatMap(({ run, source }) => (run === null ? [] : [{ run, source }])),
  };
}

type Beginning = Pick<WantedRun, "size" | "seed" | "base" | "begin">;

/** Of each size and seed: the sweep's base, or the checkpoint that the file names. */
function beginningsOf(sweep: SweepPlan, { begin: mode, from }: PriceSource, maker: PlanMaker): Beginning[] {
  const { seeds, pretrain } = sweep;
  if (from !== null) {
    const size = { name: GIVEN, model: { from } };
    return seeds.map((seed) => ({ size, seed, base: null, begin: { mode, from } }));
  }
  return basesOf(sweep).flatMap(({ size, seed: baseSeed, name: base }) =>
    (pretrain.eachSeed ? [baseSeed] : seeds).map((seed) => ({ size, seed, base, begin: maker.afterBase(base, mode) })),
  );
}

export function priceOf({ price }: SweepPlan): PriceSource {
  if (price === null) throw new Error("the sweep was loaded without its section `price`");
  return price;
}

/** Whether all seeds of a size begin from the same checkpoint. */
export function sharesBase(sweep: SweepPlan): boolean {
  return sweep.price?.from !== null || !sweep.pretrain.eachSeed;
}
