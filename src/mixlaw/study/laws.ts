/** Which laws a validation set's losses are fitted to, in the order in which they are trusted where nothing else tells them apart. */
import type { Law, Sample } from "../fit/law.js";
import { biMix } from "../laws/bimix.js";
import { dCpt, dCptByShare, dCptOfOneSize } from "../laws/d-cpt.js";
import { dataMixing } from "../laws/data-mixing.js";
import { learningDynamicsWithReplay } from "../laws/learning-dynamics.js";
import { sharePower, twoSidedSharePower } from "../laws/share-power.js";
import { lastOfEachRun, type Observation } from "../observation.js";
import {
  biMixSamples,
  dataMixingSamples,
  dCptOfOneSizeSamples,
  dCptSamples,
  dynamicsSamples,
  sharePowerSamples,
} from "../samples.js";
import { longestRuns, type Table, type ValidationSet } from "./table.js";

/** What a loss is asked for: a share of the varied domain, N and D. */
export interface Point {
  readonly share: number;
  readonly parameters: number;
  readonly tokens: number;
}

export interface LawChoice {
  readonly law: Law;
  /** @throws UserError where no run has what the law is about. */
  readonly samples: () => readonly Sample[];
  /** Factors whose values are left out in turn. */
  readonly leaveOut: readonly string[];
  /** The law's inputs; null where it says nothing of such runs. */
  readonly inputsAt: (point: Point) => readonly number[] | null;
}

/** BiMix is not for benchmarks: its loss falls with the share whatever the share. */
export function lawsFor(table: Table, set: ValidationSet): LawChoice[] {
  const usual = [dCptChoice(table, set), dynamicsChoice(table, set)];
  return set.role === "benchmark"
    ? [powerChoice(table, set, twoSidedSharePower), ...usual, powerChoice(table, set, sharePower)]
    : [...usual, biMixChoice(table, set), mixingChoice(table, set)];
}

/** Training domains whose share a law of one share is told: a general set's are all but the varied one (r_gen = 1 − r_dom). */
function matchingOf({ domain, groups }: Table, { role }: ValidationSet): string[] {
  return groups.flat().filter((name) => (name === domain) !== (role === "general"));
}

function matchingShare({ role }: ValidationSet, share: number): number {
  return role === "general" ? 1 - share : share;
}

function ofSize({ comparable, size }: Table): Observation[] {
  return comparable.filter(({ parameters }) => parameters === size);
}

/** The form with as many factors as vary. */
function dCptChoice(table: Table, set: ValidationSet): LawChoice {
  const { seen, comparable, size } = table;
  const matching = matchingOf(table, set);
  const budgets = new Set(ofSize(table).map(({ tokens }) => tokens)).size;
  const { tokens: budget, ends: last } = longestRuns(table);
  if (budgets < 2)
    return {
      law: dCptByShare,
      samples: () => sharesOf(dCptSamples(last, set.name, matching)),
      leaveOut: ["share"],
      inputsAt: ({ share, parameters, tokens }) =>
        parameters === size && tokens === budget ? [matchingShare(set, share)] : null,
    };
  if (seen.sizes.length < 2)
    return {
      law: dCptOfOneSize,
      samples: () => dCptOfOneSizeSamples(ofSize(table), set.name, matching),
      leaveOut: ["share", "tokens"],
      inputsAt: ({ share, parameters, tokens }) => (parameters === size ? [tokens, matchingShare(set, share)] : null),
    };
  return {
    law: dCpt,
    samples: () => dCptSamples(comparable, set.name, matching),
    leaveOut: ["share", "model size", "tokens"],
    inputsAt: ({ share, parameters, tokens }) => [parameters, tokens, matchingShare(set, share)],
  };
}

function sharesOf(samples: readonly Sample[]): Sample[] {
  return samples.map((sample) => ({ ...sample, inputs: sample.inputs.slice(-1) }));
}

function biMixChoice(table: Table, set: ValidationSet): LawChoice {
  return {
    law: biMix,
    samples: () => biMixSamples(ofSize(table), set.name, matchingOf(table, set)),
    leaveOut: ["share", "tokens"],
    inputsAt: ({ share, parameters, tokens }) =>
      parameters === table.size ? [matchingShare(set, share), tokens] : null,
  };
}

function mixingChoice(table: Table, set: ValidationSet): LawChoice {
  const { groups, domain, size } = table;
  const { tokens: budget, ends: observations } = longestRuns(table);
  const names = groups.map((group) => group.join("+"));
  const parts = meanParts(observations, groups);
  return {
    law: dataMixing(names),
    samples: () => dataMixingSamples(observations, set.name, groups),
    leaveOut: [`share of ${domain}`],
    inputsAt: ({ share, parameters, tokens }) =>
      parameters === size && tokens === budget
        ? [share, ...parts.slice(1, -1).map((part) => part * (1 - share))]
        : null,
  };
}

/** What each group but the first makes up of all but the first, on average. */
function meanParts(observations: readonly Observation[], groups: Table["groups"]): number[] {
  const sums = groups.map((names) =>
    observations.reduce((sum, { shares }) => sum + names.reduce((part, name) => part + (shares[name] ?? 0), 0), 0),
  );
  const rest = sums.slice(1).reduce((sum, value) => sum + value, 0);
  return sums.map((sum) => (rest === 0 ? 0 : sum / rest));
}

function powerChoice(table: Table, set: ValidationSet, law: Law): LawChoice {
  const { tokens: budget, ends: observations } = longestRuns(table);
  const within =
    law === sharePower ? observations.filter(({ shares }) => (shares[table.domain] ?? 0) > 0) : observations;
  return {
    law,
    samples: () => sharePowerSamples(within, set.name, table.domain),
    leaveOut: ["share"],
    inputsAt: ({ share, parameters, tokens }) => (parameters === table.size && tokens === budget ? [share] : null),
  };
}

/** At the end of runs as they were made: another schedule needs its own areas (`dynamics-curve.ts`). */
function dynamicsChoice(table: Table, set: ValidationSet): LawChoice {
  const here = table.observations.filter(({ parameters }) => parameters === table.size);
  const ends = new Map(lastOfEachRun(here).map((one) => [one.tokens, one.areas]));
  return {
    law: learningDynamicsWithReplay(set.role === "general" ? "general" : "domain"),
    samples: () => dynamicsSamples(here, set.name, table.domain),
    leaveOut: ["share"],
    inputsAt: ({ share, parameters, tokens }) => {
      const areas = ends.get(tokens);
      if (parameters !== table.size || areas === undefined) return null;
      return [areas.before?.s1 ?? 0, areas.before?.s2 ?? 0, areas.s1, areas.s2, share];
    },
  };
}
