/**
 * The runs of DoReMi in rounds: a reference over the whole budget, and a proxy over the same budget made of as many runs as rounds, each
 * continuing the one before with its moments and its ledger under a mixture that the rounds before decided. Pure.
 */
import type { Rational } from "../../base/rational.js";
import type { SweepPlan } from "../../config/load-sweep.js";
import { exactSteps } from "../../config/resolve-schedule.js";
import type { DoReMiSource } from "../../config/schema-experiments.js";
import { sharesOf, sharesOfWeights } from "./mixtures.js";
import { baseName, PlanMaker, type SweepRun, shortCount, type WantedRun } from "./plan-maker.js";

type Shares = Readonly<Record<string, Rational>>;

export interface DoReMiRuns {
  readonly base: SweepRun;
  readonly reference: SweepRun;
  /** All rounds, under equal shares: what they cost does not depend on the mixture. */
  readonly rounds: readonly SweepRun[];
  /** The proxy's run of a round, from 0, under its mixture. */
  readonly round: (index: number, mixture: Shares) => SweepRun;
}

export function doremiOf({ doremi }: SweepPlan): DoReMiSource {
  if (doremi === null) throw new Error("the sweep was loaded without its section `doremi`");
  return doremi;
}

/** @throws UserError with what is wrong with the runs' plans. */
export function expandDoReMi(sweep: SweepPlan): DoReMiRuns {
  const maker = new DoReMiMaker(sweep);
  const domains = Object.keys(doremiOf(sweep).reference);
  const equal = sharesOfWeights(Object.fromEntries(domains.map((name) => [name, 1 / domains.length])));
  const [base, reference] = [maker.base(), maker.reference()];
  const rounds = Array.from({ length: doremiOf(sweep).rounds }, (_, index) => maker.round(index, equal));
  return {
    base: maker.checked(base),
    reference: maker.checked(reference),
    rounds: rounds.map((run) => maker.checked(run)),
    round: (index, mixture) => maker.checked(maker.round(index, mixture)),
  };
}

class DoReMiMaker {
  readonly #maker: PlanMaker;
  readonly #doremi: DoReMiSource;
  readonly #size: SweepPlan["sizes"][number];
  readonly #steps: number;
  readonly #baseSeed: number;

  constructor(private readonly sweep: SweepPlan) {
    this.#maker = new PlanMaker(sweep);
    this.#doremi = doremiOf(sweep);
    const size = sweep.sizes.find(({ name }) => name === this.#doremi.size);
    if (size === undefined) throw new Error("the size was not checked");
    this.#size = size;
    this.#steps = Math.ceil(this.#doremi.tokens / sweep.tokensPerStep);
    this.#baseSeed = sweep.pretrain.eachSeed ? this.#doremi.seed : sweep.seeds[0];
  }

  /** @throws UserError with all that is wrong with the plans so far. */
  checked(run: SweepRun | null): SweepRun {
    this.#maker.throwIfAny();
    if (run === null) throw new Error("a plan is wrong without a problem");
    return run;
  }

  base(): SweepRun | null {
    return this.#maker.makeBase(this.#size, this.#baseSeed);
  }

  reference(): SweepRun | null {
    return this.#make({
      ...{ name: this.#name("reference"), base: this.#base, begin: this.#beginning, successors: "none" },
      tokens: this.#steps * this.sweep.tokensPerStep,
      mixture: sharesOf(this.#doremi.reference),
      schedule: this.#schedule(this.#warmup),
    });
  }

  round(index: number, mixture: Shares): SweepRun | null {
    const first = index === 0;
    const before = this.#roundName(index - 1);
    return this.#make({
      name: this.#roundName(index),
      base: first ? this.#base : before,
      begin: first ? this.#beginning : this.#maker.after(before, this.#tokens(index - 1), "continue"),
      successors: index + 1 === this.#doremi.rounds ? "none" : "next",
      tokens: this.#tokens(index),
      mixture,
      schedule: this.#schedule(first ? this.#warmup : 0),
    });
  }

  #make(wanted: Omit<WantedRun, "size" | "seed" | "stage" | "maxEpochs" | "points">): SweepRun | null {
    // A limit that a round met would end the experiment in its middle; what was read over again is told at the end.
    const unlimited = Object.fromEntries(Object.keys(this.#doremi.reference).map((name) => [name, null]));
    return this.#maker.make({
      ...{ ...wanted, size: this.#size, seed: this.#doremi.seed, stage: "doremi", points: 1 },
      maxEpochs: { ...unlimited, ...this.sweep.continue.maxEpochs },
    });
  }

  get #base(): string {
    return baseName(this.#size.name, this.#baseSeed);
  }

  get #beginning(): NonNullable<WantedRun["begin"]> {
    return this.#maker.afterBase(this.#base, this.sweep.continue.begin);
  }

  get #warmup(): number {
    const frame = { steps: this.#steps, tokensPerStep: this.sweep.tokensPerStep, previous: null };
    return Math.ceil(exactSteps(this.#doremi.schedule.warmup, frame));
  }

  #schedule(warmup: number): unknown {
    return { kind: "constant", peak: this.#doremi.schedule.peak, warmup };
  }

  #name(end: string): string {
    const { size, seed, tokens } = this.#doremi;
    return `doremi-${size}-s${seed}-${shortCount(tokens)}-${end}`;
  }

  #roundName(index: number): string {
    const { rounds } = this.#doremi;
    return this.#name(`${String(index + 1).padStart(String(rounds).length, "0")}-of-${rounds}`);
  }

  /** Of a round: rounds differ by a step at most. */
  #tokens(index: number): number {
    const end = (rounds: number): number => Math.floor((rounds * this.#steps) / this.#doremi.rounds);
    return (end(index + 1) - end(index)) * this.sweep.tokensPerStep;
  }
}
