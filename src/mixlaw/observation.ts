/** One observation: one evaluation of one run on one validation set. A table of them, as JSON lines, is what laws are fitted to. */
import { type Problem, UserError } from "../base/errors.js";
import { Fields, isRecord } from "../model/json-fields.js";

/** Of a learning-rate schedule so far, as the learning-dynamics law counts them (`laws/areas.ts`). */
export interface ScheduleAreas {
  /** Of the pre-training that the base had, and the learning rate that it ended with; null where they are not known. */
  readonly before: { readonly s1: number; readonly s2: number; readonly rate: number } | null;
  readonly s1: number;
  readonly s2: number;
}

export interface Observation {
  readonly run: string;
  readonly seed: number;
  /** N, of the model. */
  readonly parameters: number;
  /** D, of continual pre-training so far. */
  readonly tokens: number;
  /** Of each training domain; they sum to 1. */
  readonly shares: Readonly<Record<string, number>>;
  /** The validation set that was evaluated. */
  readonly domain: string;
  /** Null: not finite. */
  readonly loss: number | null;
  /** Learning rate of the last step. */
  readonly rate: number;
  readonly areas: ScheduleAreas;
  /** How often the evaluated domain's training data had been read; 0 where it is none of the training domains. */
  readonly epoch: number;
  /** The same validation loss before the first step. */
  readonly baseLoss: number;
}

/** A loss of more than this many times the base's is a run that diverged: the worst forgetting in the literature we know is 1.7 times. */
export const DIVERGED = 3;

/** JSON lines, in the order given. A loss that is not finite is written as null. */
export function writeObservations(observations: readonly Observation[]): string {
  return observations
    .map((one) => JSON.stringify({ ...one, loss: Number.isFinite(one.loss ?? Number.NaN) ? one.loss : null }))
    .map((line) => `${line}\n`)
    .join("");
}

/**
 * The observations of a JSON-lines text; blank lines are passed over.
 * @param name of the file, for messages.
 * @throws UserError with the problems of all lines (the first 20).
 */
export function readObservations(text: string, name: string): Observation[] {
  const problems: Problem[] = [];
  const observations: Observation[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const read = readLine(line, `${name}:${index + 1}`);
    if (Array.isArray(read)) problems.push(...read);
    else observations.push(read as Observation);
  }
  if (observations.length === 0 && problems.length === 0)
    problems.push({ what: "there are no observations in this file", where: name });
  if (problems.length > 0) throw new UserError(problems.slice(0, 20));
  return observations;
}

function readLine(line: string, where: string): Observation | Problem[] {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return [{ what: "this line is not JSON", where }];
  }
  if (!isRecord(value)) return [{ what: "this line is not a JSON object", where }];
  const fields = new Fields(value, where);
  const observation = {
    run: text(fields, "run"),
    seed: atLeast(fields, "seed", 0),
    parameters: fields.count("parameters"),
    tokens: atLeast(fields, "tokens", 0),
    shares: readShares(fields),
    domain: text(fields, "domain"),
    loss: fields.has("loss") || !("loss" in value) ? fields.number("loss") : null,
    rate: atLeast(fields, "rate", 0),
    areas: readAreas(fields.nested("areas")),
    epoch: atLeast(fields, "epoch", 0),
    baseLoss: above(fields, "baseLoss", 0),
  };
  return fields.problems.length > 0 ? fields.problems : observation;
}

function text(fields: Fields, name: string): string {
  const value = fields.record[name];
  if (typeof value === "string" && value !== "") return value;
  fields.report(name, "must be text");
  return "?";
}

function atLeast(fields: Fields, name: string, least: number): number {
  const value = fields.number(name);
  if (value < least || value === Number.POSITIVE_INFINITY) fields.report(name, "is out of range", `at least ${least}`);
  return value;
}

function above(fields: Fields, name: string, least: number): number {
  const value = fields.number(name);
  if (value <= least || value === Number.POSITIVE_INFINITY) fields.report(name, "is out of range", `above ${least}`);
  return value;
}

function readAreas(fields: Fields): ScheduleAreas {
  const before = fields.has("before") ? fields.nested("before") : null;
  return {
    before:
      before === null ? null : { s1: before.number("s1"), s2: before.number("s2"), rate: atLeast(before, "rate", 0) },
    s1: fields.number("s1"),
    s2: fields.number("s2"),
  };
}

function readShares(fields: Fields): Record<string, number> {
  const shares = fields.nested("shares");
  const names = Object.keys(shares.record);
  const read = Object.fromEntries(names.map((name) => [name, atLeast(shares, name, 0)]));
  const total = Object.values(read).reduce((sum, share) => sum + share, 0);
  // Shares are written with as few as four decimals, and there may be some dozens of them.
  if (!(Math.abs(total - 1) <= 1e-3)) fields.report("shares", "do not sum to 1", "1", String(total));
  return read;
}

/**
 * The observations that laws may be fitted to: all of them but the runs that are named in `without`.
 * @throws UserError that names every other run with a loss that is not finite or that diverged, and every name that is no run's: nothing is
 * dropped unless it is asked for.
 */
export function usable(observations: readonly Observation[], without: readonly string[] = []): Observation[] {
  const rest = observations.filter(({ run }) => !without.includes(run));
  const runs = new Set(observations.map(({ run }) => run));
  const problems: Problem[] = without
    .filter((run) => !runs.has(run))
    .map((run) => ({ what: `there is no run ${run} to leave out`, expected: [...runs].slice(0, 20).join(", ") }));
  for (const run of new Set(rest.map((one) => one.run))) {
    const bad = rest.find((one) => one.run === run && failureOf(one) !== null);
    if (bad !== undefined)
      problems.push({
        what: `run ${run} ${failureOf(bad)} on ${bad.domain} at ${bad.tokens} tokens`,
        hint: "run it again with a lower learning rate, or name it among the runs to leave out",
      });
  }
  if (problems.length > 0) throw new UserError(problems);
  return rest;
}

function failureOf({ loss, baseLoss }: Observation): string | null {
  if (loss === null || !Number.isFinite(loss) || loss <= 0) return "has a loss that is not a positive number";
  return loss > DIVERGED * baseLoss
    ? `diverged: its loss is ${loss.toFixed(3)}, the base's ${baseLoss.toFixed(3)}`
    : null;
}

/** The share of a run's corpus that some domains make up together. */
export function shareOf({ shares }: Observation, domains: readonly string[]): number {
  return domains.reduce((sum, domain) => sum + (shares[domain] ?? 0), 0);
}

/** The last evaluation of each run on each validation set. */
export function lastOfEachRun(observations: readonly Observation[]): Observation[] {
  const last = new Map<string, Observation>();
  for (const one of observations) {
    const key = `${one.run} ${one.domain}`;
    if (one.tokens >= (last.get(key)?.tokens ?? 0)) last.set(key, one);
  }
  return [...last.values()];
}
