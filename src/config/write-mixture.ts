/** Writes other shares into the mixture of a plan's stage, in the text itself: comments, order and spacing stay as they are. */
import { isMap, isScalar, isSeq, parseDocument, type YAMLMap } from "yaml";
import { UserError } from "../base/errors.js";
import { toNumber } from "../base/rational.js";
import { nearMiss, oneOf } from "./problems.js";
import { readMixture } from "./resolve-mixture.js";

export interface WrittenMixture {
  readonly text: string;
  readonly stage: string;
  /** In percent, as they stand now and as they are written. */
  readonly change: readonly { readonly domain: string; readonly before: number; readonly now: number }[];
}

/** Shares are written in tenths of a percent: no sweep tells finer ones apart. */
const TENTHS = 1000;

/**
 * The plan's text with `share` for one domain of a stage's mixture; the others keep their proportions.
 * @param name of the plan, for messages.
 * @param stage name of the stage; null: the first with the domain and another in its mixture.
 * @throws UserError where there is no such stage, or its mixture is not written in this text as numbers.
 */
export function writeShare(
  text: string,
  name: string,
  { domain, share, stage }: { readonly domain: string; readonly share: number; readonly stage: string | null },
): WrittenMixture {
  const stages = mixturesIn(text);
  const fitting = stages.filter(({ parts }) => parts.has(domain) && parts.size > 1);
  const found = stage === null ? fitting[0] : fitting.find((one) => one.stage === stage);
  if (found === undefined) throw noStage(stages, name, domain, stage);
  const names = [...found.parts.keys()];
  const { shares } = readMixture(names.map((each) => found.parts.get(each)?.text ?? ""));
  if (shares === null) throw new UserError({ what: "this mixture is not one", where: `${name} stage ${found.stage}` });
  const before = new Map(names.map((each, i) => [each, toNumber(shares[i])]));
  const now = tenthsOf(before, domain, share);
  // From the end, so that earlier places stay where they are.
  const edits = names
    .map((each) => ({ place: found.parts.get(each), value: `${(now.get(each) ?? 0) / 10}%` }))
    .sort((a, b) => (b.place?.from ?? 0) - (a.place?.from ?? 0));
  let written = text;
  for (const { place, value } of edits)
    if (place !== undefined) written = `${written.slice(0, place.from)}${value}${written.slice(place.to)}`;
  return {
    text: written,
    stage: found.stage,
    change: names.map((each) => ({
      domain: each,
      before: 100 * (before.get(each) ?? 0),
      now: (now.get(each) ?? 0) / 10,
    })),
  };
}

interface Part {
  /** As written. */
  readonly text: string;
  /** Its place in the plan's text. */
  readonly from: number;
  readonly to: number;
}

interface StageMixture {
  readonly stage: string;
  readonly parts: ReadonlyMap<string, Part>;
}

/** The mixtures of all stages; one that is an alias or has other values than scalars is left out. */
function mixturesIn(text: string): StageMixture[] {
  const document = parseDocument(text, { logLevel: "error" });
  const stages = document.get("stages");
  if (!isSeq(stages)) return [];
  return stages.items.flatMap((item, index) => {
    if (!isMap(item)) return [];
    const mixture = item.get("mixture");
    const given = item.get("name");
    const parts = isMap(mixture) ? partsOf(mixture, text) : null;
    return parts === null ? [] : [{ stage: typeof given === "string" ? given : `stage-${index + 1}`, parts }];
  });
}

function partsOf(mixture: YAMLMap, text: string): Map<string, Part> | null {
  const parts = new Map<string, Part>();
  for (const { key, value } of mixture.items) {
    if (!isScalar(key) || !isScalar(value) || !value.range) return null;
    const [from, to] = value.range;
    parts.set(String(key.value), { text: String(value.source ?? text.slice(from, to)), from, to });
  }
  return parts;
}

/** Whole tenths of a percent that sum to 1000: the largest remainders are rounded up. */
function tenthsOf(before: ReadonlyMap<string, number>, domain: string, share: number): Map<string, number> {
  const own = Math.round(share * TENTHS);
  const rest = [...before].filter(([name]) => name !== domain);
  const sum = rest.reduce((total, [, part]) => total + part, 0);
  const exact = rest.map(([name, part]) => ({
    name,
    value: (sum === 0 ? 1 / rest.length : part / sum) * (TENTHS - own),
  }));
  const missing = TENTHS - own - exact.reduce((total, { value }) => total + Math.floor(value), 0);
  const up = exact.toSorted((a, b) => (b.value % 1) - (a.value % 1)).slice(0, missing);
  return new Map([
    [domain, own],
    ...exact.map((each): [string, number] => [each.name, Math.floor(each.value) + (up.includes(each) ? 1 : 0)]),
  ]);
}

function noStage(stages: readonly StageMixture[], name: string, domain: string, stage: string | null): UserError {
  const names = stages.map((one) => one.stage);
  if (stage !== null && !names.includes(stage))
    return new UserError({
      what: `the plan has no stage \`${stage}\` with a mixture of its own`,
      where: name,
      expected: oneOf(names),
      ...nearMiss(stage, names),
    });
  return new UserError({
    what: `no stage's mixture has \`${domain}\` and another domain`,
    where: name,
    hint: "write the domain into the stage's mixture first, with any share",
  });
}
