/** What each law is fitted to, taken from a table of observations. The table has passed `usable`. */
import { UserError } from "../base/errors.js";
import type { Sample } from "./fit/law.js";
import type { GeneralRise } from "./laws/cmr.js";
import { lastOfEachRun, type Observation, shareOf } from "./observation.js";

type Inputs = (observation: Observation) => readonly number[];

function lossesOf(observations: readonly Observation[], domain: string, inputs: Inputs): Sample[] {
  const here = observations.filter((one) => one.domain === domain && one.tokens > 0);
  if (here.length === 0)
    throw new UserError({
      what: `no run was evaluated on ${domain} after its start`,
      expected: [...new Set(observations.map((one) => one.domain))].join(", "),
    });
  return here.map((one) => ({ run: one.run, inputs: inputs(one), observed: one.loss ?? Number.NaN }));
}

/** N, D and the share of the training domains that match the validation set. */
export function dCptSamples(
  observations: readonly Observation[],
  domain: string,
  matching: readonly string[] = [domain],
): Sample[] {
  return lossesOf(observations, domain, (one) => [one.parameters, one.tokens, shareOf(one, matching)]);
}

/** D and the share, of runs of one size. */
export function dCptOfOneSizeSamples(
  observations: readonly Observation[],
  domain: string,
  matching: readonly string[] = [domain],
): Sample[] {
  return dCptSamples(observations, domain, matching).map((sample) => ({ ...sample, inputs: sample.inputs.slice(1) }));
}

/** The validation domain's own share and D; runs without a share of it are outside the law. */
export function biMixSamples(
  observations: readonly Observation[],
  domain: string,
  matching: readonly string[] = [domain],
): Sample[] {
  const within = observations.filter((one) => shareOf(one, matching) > 0);
  return lossesOf(within, domain, (one) => [shareOf(one, matching), one.tokens]);
}

/** Every share but the last group's, at the end of each run. @param groups of domains, each one dimension of the mixture. */
export function dataMixingSamples(
  observations: readonly Observation[],
  domain: string,
  groups: readonly (readonly string[])[],
): Sample[] {
  return lossesOf(lastOfEachRun(observations), domain, (one) =>
    groups.slice(0, -1).map((names) => shareOf(one, names)),
  );
}

/** One share, at the end of each run. */
export function sharePowerSamples(observations: readonly Observation[], domain: string, varied: string): Sample[] {
  return lossesOf(lastOfEachRun(observations), domain, (one) => [shareOf(one, [varied])]);
}

/** S1 and S2 before and so far, with the share of the new domain where one is named (the replay form). */
export function dynamicsSamples(observations: readonly Observation[], domain: string, share: string | null): Sample[] {
  return lossesOf(observations, domain, (one) => {
    const { before, s1, s2 } = one.areas;
    return [before?.s1 ?? 0, before?.s2 ?? 0, s1, s2, ...(share === null ? [] : [shareOf(one, [share])])];
  });
}

/** The general loss's change against the base, for the critical mixture ratio. */
export function generalRises(observations: readonly Observation[], general: string, varied: string): GeneralRise[] {
  return lossesOf(observations, general, (one) => [one.tokens, shareOf(one, [varied]), one.baseLoss]).map(
    ({ run, inputs: [tokens, share, base], observed }) => ({ run, tokens, share, rise: observed - base }),
  );
}
