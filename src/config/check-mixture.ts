/** Rules about the mixtures and the domains of a sweep file. */
import type { Rational } from "../base/rational.js";
import type { Draft } from "./draft.js";
import type { PlanPath } from "./plan-path.js";
import { nearMiss, oneOf, type PlanProblems } from "./problems.js";
import { FINEST, readMixture } from "./resolve-mixture.js";

export function checkMixture(
  mixture: Draft<Record<string, string>>,
  domains: readonly string[] | null,
  path: PlanPath,
  problems: PlanProblems,
): void {
  if (mixture === undefined) return;
  const names = Object.keys(mixture);
  for (const name of names) checkDomain(name, domains, [...path, name], problems);
  if (names.length === 0)
    problems.add(path, { what: "the mixture is empty", expected: "a part or a share for a domain" });
  const parts = Object.values(mixture).filter((part) => part !== undefined);
  if (names.length === 0 || parts.length < names.length) return;
  const { shares, ...problem } = readMixture(parts);
  if (shares === null && "what" in problem) problems.add(path, problem);
}

export function checkDomain(
  name: string,
  domains: readonly string[] | null,
  path: PlanPath,
  problems: PlanProblems,
): void {
  if (domains === null || domains.includes(name)) return;
  const problem = { what: `there is no domain \`${name}\` in the plan's \`data.domains\``, expected: oneOf(domains) };
  problems.add(path, { ...problem, ...nearMiss(name, domains) });
}

/** Two runs of the same name would be the same run. */
export function checkDistinct(
  values: readonly (string | number | undefined)[] | undefined,
  path: PlanPath,
  problems: PlanProblems,
): void {
  for (const [index, value] of (values ?? []).entries())
    if (value !== undefined && values?.indexOf(value) !== index)
      problems.add([...path, index], { what: "this is in the list twice", got: String(value) });
}

/** A share whose product with a mixture's is still counted exactly. */
export function checkFine(share: Draft<Rational>, path: PlanPath, problems: PlanProblems): void {
  if (share === undefined || share.denominator <= FINEST) return;
  problems.add(path, {
    what: "this share is too fine",
    expected: `a share with a denominator of at most ${FINEST}`,
    got: `${share.numerator}/${share.denominator}`,
    hint: "round it to six decimals",
  });
}
