/** Rules about the sections `price` and `doremi` of a sweep file. */
import { checkDistinct, checkDomain, checkFine, checkMixture } from "./check-mixture.js";
import type { Draft } from "./draft.js";
import type { DomainPlan } from "./plan.js";
import type { PlanPath } from "./plan-path.js";
import { nearMiss, oneOf, type PlanProblems } from "./problems.js";
import { readMixture } from "./resolve-mixture.js";
import { exactSteps } from "./resolve-schedule.js";
import type { DoReMiSource, PriceSource } from "./schema-experiments.js";
import type { SweepSource } from "./schema-sweep.js";

/** @param domains of the sweep's plan; null where it cannot be read. */
export function checkPrice(
  price: Draft<PriceSource | null>,
  domains: readonly DomainPlan[] | null,
  problems: PlanProblems,
): void {
  if (price === undefined || price === null) return;
  const { share, sources, rest } = price;
  const names = domains?.map(({ name }) => name) ?? null;
  checkFine(share, ["price", "share"], problems);
  checkDistinct(sources, ["price", "sources"], problems);
  checkMixture(rest, names, ["price", "rest"], problems);
  for (const [index, source] of (sources ?? []).entries()) {
    if (source === undefined) continue;
    checkDomain(source, names, ["price", "sources", index], problems);
    if (Object.hasOwn(rest ?? {}, source))
      problems.add(["price", "rest", source], {
        what: `\`${source}\` is a source to be priced and is not a part of the rest`,
        hint: "the control would read it too",
      });
  }
  if (domains?.every(({ heldOutShards }) => heldOutShards === null))
    problems.add(["price"], {
      what: "no domain of the plan has held-out documents: there is no loss to compare",
      hint: "give a domain `heldOut: 1%` or `heldOutShards`",
    });
}

/** @param domains of the sweep's plan; null where it cannot be read. */
export function checkDoReMi(
  sweep: NonNullable<Draft<SweepSource>>,
  domains: readonly DomainPlan[] | null,
  problems: PlanProblems,
): void {
  const { doremi, sizes, seeds } = sweep;
  if (doremi === undefined || doremi === null) return;
  const { size, seed, reference } = doremi;
  const known = sizes === undefined ? null : Object.keys(sizes);
  if (known !== null && size !== undefined && !known.includes(size))
    problems.add(["doremi", "size"], {
      what: `there is no size \`${size}\` in \`sizes\``,
      expected: oneOf(known),
      ...nearMiss(size, known),
    });
  if (seed !== undefined && seeds?.every((each) => each !== undefined && each !== seed))
    problems.add(["doremi", "seed"], { what: `there is no seed ${seed} in \`seeds\``, expected: oneOf(seeds) });
  checkReference(reference, domains, problems);
  checkRounds(doremi, sweep.tokensPerStep, problems);
}

/** Every training domain has a weight to be found and a loss to find it by. */
function checkReference(
  reference: Draft<DoReMiSource["reference"]>,
  domains: readonly DomainPlan[] | null,
  problems: PlanProblems,
): void {
  if (reference === undefined) return;
  const path: PlanPath = ["doremi", "reference"];
  checkMixture(reference, domains?.map(({ name }) => name) ?? null, path, problems);
  const names = Object.keys(reference);
  if (names.length === 1) problems.add(path, { what: "the weight of one domain is always 1", expected: "two or more" });
  for (const name of names)
    if (domains?.find((domain) => domain.name === name)?.heldOutShards === null)
      problems.add([...path, name], {
        what: `\`${name}\` has no held-out documents: its loss cannot be told`,
        hint: "give the domain `heldOut: 1%` or `heldOutShards`",
      });
  const parts = Object.values(reference).filter((part) => part !== undefined);
  const { shares } = readMixture(parts);
  if (shares === null || parts.length < names.length) return;
  for (const [index, name] of names.entries())
    if (shares[index].numerator === 0)
      problems.add([...path, name], {
        what: "a domain that the reference does not read has no loss to be compared with",
      });
}

/** A round has a step at least, and the warm-up is over with the first. */
function checkRounds(
  { tokens, rounds, schedule }: NonNullable<Draft<DoReMiSource>>,
  tokensPerStep: number | undefined,
  problems: PlanProblems,
): void {
  if (tokens === undefined || rounds === undefined || tokensPerStep === undefined) return;
  const steps = Math.ceil(tokens / tokensPerStep);
  if (rounds > steps) {
    problems.add(["doremi", "rounds"], {
      what: "a round has at least one step",
      expected: `at most ${steps} rounds`,
      got: `${rounds} rounds of ${steps} steps`,
    });
    return;
  }
  const first = Math.floor(steps / rounds);
  const { warmup } = schedule ?? {};
  if (warmup === undefined) return;
  const warm = Math.ceil(exactSteps(warmup, { steps, tokensPerStep, previous: null }));
  if (warm > first)
    problems.add(["doremi", "schedule", "warmup"], {
      what: "the warm-up is longer than the first round",
      expected: `at most ${first} steps`,
      got: `${warm} steps`,
      hint: "shorten it, or make fewer rounds",
    });
}
