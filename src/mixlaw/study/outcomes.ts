/** What the longest runs of one size came to, share by share: forgetting and gain, with the spread of the seeds. */
import { deviationOf, meanOf } from "../../bench/statistics.js";
import { shareOf } from "../observation.js";
import { longestRuns, type Table } from "./table.js";

export interface SeedSpread {
  readonly mean: number;
  /** Of the seeds; null of one run. */
  readonly deviation: number | null;
}

export interface ShareOutcome {
  /** Of the varied domain. */
  readonly share: number;
  readonly runs: number;
  /** General loss at the end minus that of the base. */
  readonly forgetting: SeedSpread;
  /** Loss of the varied domain at the end. */
  readonly domainLoss: SeedSpread;
  /** The base's loss of the varied domain minus that at the end. */
  readonly gain: SeedSpread;
}

/** In the order of shares. Mixtures that differ in their rest alone are taken together. Empty where the varied domain was not evaluated. */
export function outcomesByShare(table: Table): ShareOutcome[] {
  const { domain, general } = table;
  const { ends } = longestRuns(table);
  const shares = [...new Set(ends.map((one) => shareOf(one, [domain])))].sort((a, b) => a - b);
  return shares.flatMap((share) => {
    const here = ends.filter((one) => shareOf(one, [domain]) === share);
    const ofGeneral = here.filter((one) => one.domain === general);
    const ofDomain = here.filter((one) => one.domain === domain);
    if (ofGeneral.length === 0 || ofDomain.length === 0) return [];
    return {
      ...{ share, runs: ofGeneral.length },
      forgetting: acrossSeeds(ofGeneral.map(({ loss, baseLoss }) => (loss ?? Number.NaN) - baseLoss)),
      domainLoss: acrossSeeds(ofDomain.map(({ loss }) => loss ?? Number.NaN)),
      gain: acrossSeeds(ofDomain.map(({ loss, baseLoss }) => baseLoss - (loss ?? Number.NaN))),
    };
  });
}

export function acrossSeeds(values: readonly number[]): SeedSpread {
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
