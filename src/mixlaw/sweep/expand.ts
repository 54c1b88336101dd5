/** A sweep as runs: each a training plan, in the order in which they are made. Pure: the same file gives the same runs. */
import { UserError } from "../../base/errors.js";
import type { SweepPlan } from "../../config/load-sweep.js";
import { mixturesOf } from "./mixtures.js";
import { baseName, PlanMaker, type SweepRun, shortCount } from "./plan-maker.js";

/** More runs than anyone means. */
const MOST_RUNS = 100_000;

/** @throws UserError with what is wrong with the runs' plans, each problem once with the first run that has it. */
export function expandSweep(sweep: SweepPlan): SweepRun[] {
  const { pretrain, continue: continued, schedules, evaluation } = sweep;
  const mixtures = mixturesOf(continued.mixtures, sweep.domain);
  checkCount(sweep, sweep.sizes.length * sweep.seeds.length * mixtures.length * continued.tokens.length);
  const bases = basesOf(sweep);
  const maker = new PlanMaker(sweep);
  const first = bases.map(({ size, seed }) => maker.makeBase(size, seed));
  const rest = bases.flatMap(({ size, seed: baseSeed, name: base }) =>
    (pretrain.eachSeed ? [baseSeed] : sweep.seeds).flatMap((seed) =>
      continued.tokens.flatMap((tokens) =>
        mixtures.map(({ label, shares: mixture }) => {
          const name = `${size.name}-s${seed}-${shortCount(tokens)}-${label}`;
          return maker.make({
            ...{ name, size, seed, base, successors: "none", stage: "continue", tokens, mixture },
            begin: maker.afterBase(base, continued.begin),
            schedule: schedules.continue,
            maxEpochs: continued.maxEpochs,
            points: evaluation.points,
          });
        }),
      ),
    ),
  );
  maker.throwIfAny();
  return [...first, ...rest].filter((run) => run !== null);
}

export function checkCount(sweep: SweepPlan, count: number): void {
  if (count > MOST_RUNS)
    throw new UserError({ what: "this sweep is too large", where: sweep.path, got: `${count} runs` });
}

export interface SweepBase {
  readonly size: SweepPlan["sizes"][number];
  readonly seed: number;
  readonly name: string;
}

/** One for each size and, with `eachSeed`, each seed. */
export function basesOf({ sizes, seeds, pretrain }: SweepPlan): SweepBase[] {
  return sizes.flatMap((size) =>
    (pretrain.eachSeed ? seeds : seeds.slice(0, 1)).map((seed) => ({ size, seed, name: baseName(size.name, seed) })),
  );
}
