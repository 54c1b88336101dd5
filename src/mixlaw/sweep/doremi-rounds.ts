/**
 * DoReMi's arithmetic over runs (Xie et al., arXiv 2305.10429), in rounds. Where this departs from the paper:
 *
 * - weights change after a round, a run of many steps, where the paper changes them after every step;
 * - the weights are the mixture that the next round reads, where the paper reads uniformly and weights the losses;
 * - the excess is of held-out losses, a domain's mean at the end of a round against the reference's at its end, clipped at 0; the paper
 *   clips the excess of every token of the batch before it averages.
 *
 * As in the paper, the proxy starts with equal weights, and the mean of the updated weights is the answer. Pure.
 */
import { UserError } from "../../base/errors.js";
import type { Rational } from "../../base/rational.js";
import { type DoReMiOptions, type DoReMiState, startDoReMi, updateDoReMi } from "../laws/doremi.js";
import { sharesOfWeights } from "./mixtures.js";
import type { FinishedRun } from "./observations.js";

/** The same as above, for those who read the result. */
export const DEPARTURES: readonly string[] = [
  "weights change after a round of many steps, not after every step",
  "weights are the mixture that the next round reads, not weights of the losses",
  "the excess is of held-out losses clipped a domain, not of training losses clipped a token",
];

/** By domain. */
type Numbers = Readonly<Record<string, number>>;

export interface DoReMiRound {
  /** From 1. */
  readonly round: number;
  /** That the proxy read. */
  readonly mixture: Readonly<Record<string, Rational>>;
  /** Of the proxy at the end of the round, in nats a token. */
  readonly losses: Numbers;
  /** Over the reference's losses at its end; below 0 where the proxy is ahead. */
  readonly excess: Numbers;
  /** After the update. */
  readonly weights: Numbers;
}

/** The rounds so far. */
export class DoReMiRounds {
  readonly rounds: DoReMiRound[] = [];
  #state: DoReMiState;

  /** @param reference the reference's losses at its end, of the domains that get weights. */
  constructor(
    readonly reference: Numbers,
    private readonly options: DoReMiOptions,
  ) {
    this.#state = startDoReMi(Object.keys(reference).map(() => 1));
  }

  /** What the next round reads: the weights in ten-thousandths. */
  get mixture(): Record<string, Rational> {
    return sharesOfWeights(this.#named(this.#state.weights));
  }

  /** The mean of the weights over the updates; equal weights before the first. */
  get average(): Numbers {
    return this.#named(this.#state.average);
  }

  /** @param losses the proxy's, at the end of a round under `mixture`. */
  add(losses: Numbers): DoReMiRound {
    const { mixture, reference } = this;
    const excess = Object.keys(reference).map((name) => losses[name] - reference[name]);
    this.#state = updateDoReMi(this.#state, excess, this.options);
    const weights = this.#named(this.#state.weights);
    const round = { round: this.#state.step, mixture, losses, excess: this.#named(excess), weights };
    this.rounds.push(round);
    return round;
  }

  #named(values: readonly number[]): Numbers {
    return Object.fromEntries(Object.keys(this.reference).map((name, i) => [name, values[i]]));
  }
}

/** The held-out losses of some domains at the end of a run. @throws UserError where one is not finite or not there. */
export function endLosses({ run, outcome }: FinishedRun, domains: readonly string[]): Numbers {
  const end = outcome.evaluations.at(-1)?.domains ?? {};
  const bad = domains.filter((name) => !Number.isFinite(end[name]?.loss));
  if (bad.length === 0) return Object.fromEntries(domains.map((name) => [name, end[name].loss]));
  throw new UserError(
    bad.map((name) => ({
      what: `run ${run.name} ends without a finite loss on ${name}`,
      where: run.plan.runFolder,
      got: end[name] === undefined ? "no held-out documents" : String(end[name].loss),
      hint: "one such loss would decide all weights: lower `doremi.schedule.peak`, or hold out documents of that domain",
    })),
  );
}

/** Weights as the line of a plan, in hundredths of a per cent that sum to exactly 100 %. */
export function mixtureLine(weights: Numbers): string {
  const shares = Object.entries(sharesOfWeights(weights)).map(
    ([name, { numerator, denominator }]) => `${name}: ${((100 * numerator) / denominator).toFixed(2)}%`,
  );
  return `mixture: { ${shares.join(", ")} }`;
}
