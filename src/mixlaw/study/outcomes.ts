/** What the longest runs of one size came to, share by share: forgetting and gain, with the spread of the seeds. */
import { deviationOf, meanOf } from "../../bench/statistics.js";
import { lastOfEachRun, shareOf } from "../observation.js";
import type { Table } from "./table.js";

export interface Spread {
  readonly mean: number;
  /** Of the seeds; null of one run. */
  readonly deviation: number | null;
}

export interface ShareOutcome {
  /** Of the varied domain. */
  readonly share: number;
  readonly runs: number;
  /** General loss at the end minus that of the base. */
  readonly forgetting: Spread;
  /** Loss of the varied domain at the end. */
  readonly domainLoss: Spread;
  /** The base's loss of the varied domain minus that at the end. */
  readonly gain: Spread;
}

/** In the order of shares. Mixtures that differ in their rest alone are taken together. Empty where the varied domain was not evaluated. */
export function outcomesByShare(table: Table): ShareOutcome[] {
  const { domain, general, size } = table;
  const ends = lastOfEachRun(table.observations.filter(({ parameters }) => parameters === size));
  const tokens = Math.max(...ends.map((one) => one.tokens));
  const longest = ends.filter((one) => one.tokens === tokens && one.loss !== null);
  const shares = [...new Set(longest.map((one) => shareOf(one, [domain])))].sort((a, b) => a - b);
  return shares.flatMap((share) => {
    const here = longest.filter((one) => shareOf(one, [domain]) === share);
    const ofGeneral = here.filter((one) => one.domain === general);
    const ofDomain = here.filter((one) => one.domain === domain);
    if (ofGeneral.length === 0 || ofDomain.length === 0) return [];
    return {
      ...{ share, runs: ofGeneral.length },
      forgetting: spreadOf(ofGeneral.map(({ loss, baseLoss }) => (loss ?? Number.NaN) - baseLoss)),
      domainLoss: spreadOf(ofDomain.map(({ loss }) => loss ?? Number.NaN)),
      gain: spreadOf(ofDomain.map(({ loss, baseLoss }) => baseLoss - (loss ?? Number.NaN))),
    };
  });
}

export function spreadOf(values: readonly number[]): Spread {
  return { mean: meanOf(values), deviation: deviationOf(values) };
}

/** Outcomes that no other beats: none forgets less and gains more. */
export function paretoFront(outcomes: readonly ShareOutcome[]): ShareOutcome[] {
  return outcomes.filter(
    ({ forgetting, gain }) =>
      !outcomes.some(
        (other) =>
          other.forgetting.mean <= forgetting.mean &&
          other.gain.mean >= gain.mean &&
          (other.forgetting.mean < forgetting.mean || other.gain.mean > gain.mean),
      ),
  );
}
