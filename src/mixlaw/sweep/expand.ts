/** A sweep as runs: each a training plan, in the order in which they are made. Pure: the same file gives the same runs. */
import { join } from "node:path";
import { type Problem, UserError } from "../../base/errors.js";
import type { Rational } from "../../base/rational.js";
import { checkpointFolder } from "../../checkpoint/run-folder.js";
import { planOf } from "../../config/load.js";
import type { SweepPlan } from "../../config/load-sweep.js";
import type { Plan } from "../../config/plan.js";
import { isRecord } from "../../config/schema-walk.js";
import { mixturesOf, type SweptMixture, sharesOf } from "./mixtures.js";

export interface SweepRun {
  readonly name: string;
  readonly size: string;
  readonly seed: number;
  /** The run whose last checkpoint it begins from; null: it is such a base. */
  readonly base: string | null;
  readonly mixture: Readonly<Record<string, Rational>>;
  readonly plan: Plan;
  /** What the plan is made of, as a plan file holds it. */
  readonly source: unknown;
}

/** More runs than anyone means. */
const MOST_RUNS = 100_000;

/** @throws UserError with what is wrong with the runs' plans, each problem once with the first run that has it. */
export function expandSweep(sweep: SweepPlan): SweepRun[] {
  const { sizes, seeds, pretrain, continue: continued } = sweep;
  const mixtures = mixturesOf(continued.mixtures, sweep.domain);
  const count = sizes.length * seeds.length * mixtures.length * continued.tokens.length;
  if (count > MOST_RUNS)
    throw new UserError({ what: "this sweep is too large", where: sweep.path, got: `${count} runs` });
  const bases = sizes.flatMap((size) =>
    (pretrain.eachSeed ? seeds : seeds.slice(0, 1)).map((seed) => ({ size, seed, name: `base-${size.name}-s${seed}` })),
  );
  const maker = new PlanMaker(sweep);
  const first = bases.map(({ size, seed, name }) =>
    maker.make({ name, size, seed, base: null, tokens: pretrain.tokens, shares: sharesOf(pretrain.mixture) }),
  );
  const rest = bases.flatMap(({ size, seed: baseSeed, name: base }) =>
    (pretrain.eachSeed ? [baseSeed] : seeds).flatMap((seed) =>
      continued.tokens.flatMap((tokens) =>
        mixtures.map(({ label, shares }) => {
          const name = `${size.name}-s${seed}-${shortCount(tokens)}-${label}`;
          return maker.make({ name, size, seed, base, tokens, shares });
        }),
      ),
    ),
  );
  maker.throwIfAny();
  return [...first, ...rest].filter((run) => run !== null);
}

interface Wanted extends Pick<SweptMixture, "shares"> {
  readonly name: string;
  readonly size: SweepPlan["sizes"][number];
  readonly seed: number;
  readonly base: string | null;
  readonly tokens: number;
}

class PlanMaker {
  readonly #problems = new Map<string, Problem>();
  readonly #runsFolder: string;
  readonly #steps: (tokens: number) => number;

  constructor(private readonly sweep: SweepPlan) {
    this.#runsFolder = join(sweep.folder, "runs");
    this.#steps = (tokens) => Math.ceil(tokens / sweep.tokensPerStep);
  }

  /** Null where the plan is wrong; its problems are kept. */
  make(wanted: Wanted): SweepRun | null {
    const { name, size, seed, base, shares } = wanted;
    const source = this.#source(wanted);
    try {
      const plan = planOf(source, `${this.sweep.path} run ${name}`);
      return { name, size: size.name, seed, base, mixture: shares, plan, source };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      for (const problem of error.problems) {
        const key = JSON.stringify({ ...problem, where: problem.where?.split(" ").at(-1) });
        if (!this.#problems.has(key)) this.#problems.set(key, problem);
      }
      return null;
    }
  }

  throwIfAny(): void {
    if (this.#problems.size > 0) throw new UserError([...this.#problems.values()].slice(0, 20));
  }

  #source({ name, size, seed, base, tokens, shares }: Wanted): unknown {
    const { sweep } = this;
    const { source, plan } = sweep.base;
    if (!isRecord(source)) throw new Error("a plan that was read is a section");
    const continued = base !== null;
    const from = continued && checkpointFolder(join(this.#runsFolder, base), this.#steps(sweep.pretrain.tokens));
    const { keepEvery: _, ...checkpoint } = plan.checkpoint;
    return {
      ...("optimizer" in source && { optimizer: source["optimizer"] }),
      ...("engine" in source && { engine: source["engine"] }),
      run: name,
      seed,
      checkpointFolder: this.#runsFolder,
      ...(from !== false && { begin: { mode: sweep.continue.begin, from } }),
      data: { ...(isRecord(source["data"]) && source["data"]), folder: plan.data.folder },
      model: size.model,
      stages: [
        {
          name: continued ? "continue" : "pretrain",
          tokens,
          sequenceLength: sweep.sequenceLength,
          tokensPerStep: sweep.tokensPerStep,
          mixture: Object.fromEntries(Object.entries(shares).map(([domain, share]) => [domain, fractionText(share)])),
          schedule: continued ? sweep.schedules.continue : sweep.schedules.pretrain,
          maxEpochs: continued
            ? Object.fromEntries(Object.entries(sweep.continue.maxEpochs).filter(([domain]) => domain in shares))
            : {},
        },
      ],
      evaluation: {
        everySteps: Math.max(1, Math.floor(this.#steps(tokens) / sweep.evaluation.points)),
        tokensPerDomain: sweep.evaluation.tokensPerDomain,
      },
      checkpoint: { ...checkpoint, keepLast: 1 },
      report: plan.report,
    };
  }
}

/** Always with its denominator: a lone 1 would be a part and not a share. */
function fractionText({ numerator, denominator }: Rational): string {
  return `${numerator}/${denominator}`;
}

function shortCount(tokens: number): string {
  for (const [unit, size] of [
    ["B", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const)
    if (tokens % size === 0) return `${tokens / size}${unit}`;
  return String(tokens);
}
