/** Runs of a sweep as training plans: what is the same for all of them, and the problems of all of them at once. */
import { join } from "node:path";
import { type Problem, UserError } from "../../base/errors.js";
import type { Rational } from "../../base/rational.js";
import { checkpointFolder } from "../../checkpoint/run-folder.js";
import { planOf } from "../../config/load.js";
import type { SweepPlan } from "../../config/load-sweep.js";
import type { Plan } from "../../config/plan.js";
import { isRecord } from "../../config/schema-walk.js";
import { sharesOf } from "./mixtures.js";

export interface SweepRun {
  readonly name: string;
  readonly size: string;
  readonly seed: number;
  /** The run whose last checkpoint it begins from; null: it begins from none of ours. */
  readonly base: string | null;
  /** Who begins from its last checkpoint: runs of any day, the run after it alone, or none. */
  readonly successors: "any" | "next" | "none";
  readonly mixture: Readonly<Record<string, Rational>>;
  readonly plan: Plan;
  /** What the plan is made of, as a plan file holds it. */
  readonly source: unknown;
}

export interface WantedRun extends Pick<SweepRun, "name" | "seed" | "base" | "successors" | "mixture"> {
  readonly size: SweepPlan["sizes"][number];
  /** Null: from random weights, or those that the size names. */
  readonly begin: { readonly mode: "weights" | "continue"; readonly from: string } | null;
  readonly stage: "pretrain" | "continue" | "price" | "doremi";
  readonly tokens: number;
  /** As a plan holds it. */
  readonly schedule: unknown;
  /** As a plan holds it; domains that the mixture lacks may be in it. */
  readonly maxEpochs: Readonly<Record<string, number | null>>;
  /** How often it is evaluated after the start. */
  readonly points: number;
}

export class PlanMaker {
  readonly #problems = new Map<string, Problem>();
  readonly #runsFolder: string;

  constructor(private readonly sweep: SweepPlan) {
    this.#runsFolder = join(sweep.folder, "runs");
  }

  /** Null where the plan is wrong; its problems are kept. */
  make(wanted: WantedRun): SweepRun | null {
    const { name, size, seed, base, successors, mixture } = wanted;
    const source = this.#source(wanted);
    try {
      const plan = planOf(source, `${this.sweep.path} run ${name}`, this.sweep.options);
      return { name, size: size.name, seed, base, successors, mixture, plan, source };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      for (const problem of error.problems) {
        const key = JSON.stringify({ ...problem, where: problem.where?.split(" ").at(-1) });
        if (!this.#problems.has(key)) this.#problems.set(key, problem);
      }
      return null;
    }
  }

  /** The pre-training that runs of a size and a seed begin from. */
  makeBase(size: SweepPlan["sizes"][number], seed: number): SweepRun | null {
    const { pretrain, schedules, evaluation } = this.sweep;
    return this.make({
      ...{ name: baseName(size.name, seed), size, seed, base: null, begin: null, successors: "any", stage: "pretrain" },
      tokens: pretrain.tokens,
      mixture: sharesOf(pretrain.mixture),
      schedule: schedules.pretrain,
      maxEpochs: {},
      points: evaluation.points,
    });
  }

  /** How a run begins from the last checkpoint of another, of so many tokens. */
  after(run: string, tokens: number, mode: "weights" | "continue"): NonNullable<WantedRun["begin"]> {
    return { mode, from: checkpointFolder(join(this.#runsFolder, run), this.#steps(tokens)) };
  }

  /** How a run begins from the base of its size and seed. */
  afterBase(base: string, mode: "weights" | "continue"): NonNullable<WantedRun["begin"]> {
    return this.after(base, this.sweep.pretrain.tokens, mode);
  }

  throwIfAny(): void {
    if (this.#problems.size > 0) throw new UserError([...this.#problems.values()].slice(0, 20));
  }

  #steps(tokens: number): number {
    return Math.ceil(tokens / this.sweep.tokensPerStep);
  }

  #source({ name, size, seed, begin, stage, tokens, mixture, schedule, maxEpochs, points }: WantedRun): unknown {
    const { sweep } = this;
    const { source, plan } = sweep.base;
    if (!isRecord(source)) throw new Error("a plan that was read is a section");
    const { keepEvery: _, ...checkpoint } = plan.checkpoint;
    return {
      ...("optimizer" in source && { optimizer: source["optimizer"] }),
      ...("engine" in source && { engine: source["engine"] }),
      run: name,
      seed,
      checkpointFolder: this.#runsFolder,
      ...(begin !== null && { begin }),
      data: { ...(isRecord(source["data"]) && source["data"]), folder: plan.data.folder },
      model: size.model,
      stages: [
        {
          name: stage,
          tokens,
          sequenceLength: sweep.sequenceLength,
          tokensPerStep: sweep.tokensPerStep,
          mixture: Object.fromEntries(Object.entries(mixture).map(([domain, share]) => [domain, fractionText(share)])),
          schedule,
          maxEpochs: Object.fromEntries(Object.entries(maxEpochs).filter(([domain]) => Object.hasOwn(mixture, domain))),
        },
      ],
      evaluation: {
        everySteps: Math.max(1, Math.floor(this.#steps(tokens) / points)),
        tokensPerDomain: sweep.evaluation.tokensPerDomain,
      },
      checkpoint: { ...checkpoint, keepLast: 1 },
      report: plan.report,
    };
  }
}

export function baseName(size: string, seed: number): string {
  return `base-${size}-s${seed}`;
}

/** Always with its denominator: a lone 1 would be a part and not a share. */
function fractionText({ numerator, denominator }: Rational): string {
  return `${numerator}/${denominator}`;
}

/** A number of tokens as a part of a run's name, exact. */
export function shortCount(tokens: number): string {
  for (const [unit, size] of [
    ["B", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const)
    if (tokens % size === 0) return `${tokens / size}${unit}`;
  return String(tokens);
}
